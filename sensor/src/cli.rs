//! The command line: what was typed, and which part of the program it starts.
//!
//! Exit codes: 0 fine, 1 failed or part of the input could not be read, 2 wrong usage, 3 a finding
//! is as grave as `--fail-on` names.

use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
use phonehome_signatures::{Base, Catalogue};

use crate::findings::Verdict;
use crate::host::{Address, HomeNetworks};

mod config;
mod directives;
mod duties;
mod evidence;
mod flags;
mod generate;
mod names;
mod outputs;
mod read;
mod report;
mod rights;
mod run;
mod signatures;

/// Names the hosts on a network that contact the vendors an organisation has to be rid of.
#[derive(Debug, Parser)]
#[command(name = "phonehome", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reads capture files and prints which hosts have what, and what could not be seen.
    Read(read::Options),
    /// Runs the sensor: captures or replays, and serves metrics, findings and a status page.
    Run(run::Options),
    /// Prints every name in capture files, one JSON line an observation, in order of time.
    Names(names::Options),
    /// Writes the report that a directive asks for: products, hosts, how removal goes.
    Report(report::Options),
    /// Lists the loaded signature packs, or checks packs of your own.
    Signatures(signatures::Options),
    /// Lists the directives that can be put in force, or checks directives of your own.
    Directives(directives::Options),
    /// Checks kept evidence: the files against their list, and what their frames show.
    Evidence(evidence::Options),
    /// Checks a configuration file, or prints the settings in effect.
    Config(config::Options),
    /// Writes manual pages and completions for shells into a folder; packaging calls it.
    #[command(hide = true)]
    Generate(generate::Options),
}

/// Options about what is watched, and for what.
#[derive(Args, Clone, Debug)]
struct Watch {
    /// Address blocks of the monitored network; only hosts in them can have a finding
    /// [default: private and unique-local ranges]
    #[arg(long = "home-network", value_name = "CIDR", value_delimiter = ',')]
    home_networks: Vec<IpNet>,
    /// Public resolvers that the site itself uses; questions to them pass nothing by
    #[arg(long = "own-resolver", value_name = "ADDRESS", value_delimiter = ',')]
    own_resolvers: Vec<IpAddr>,
    #[command(flatten)]
    packs: Packs,
}

/// Options about which packs are loaded.
#[derive(Args, Clone, Debug)]
struct Packs {
    /// Folder of signature packs (*.toml); a pack with the id of a built-in one replaces it
    #[arg(long, value_name = "DIR")]
    signatures: Option<PathBuf>,
    /// Leave the built-in packs out
    #[arg(long, requires = "signatures")]
    no_builtin_signatures: bool,
}

/// Options about how the input is worked on.
#[derive(Args, Clone, Copy, Debug)]
struct Work {
    /// Worker threads; the output does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=16))]
    workers: Option<u16>,
}

/// A verdict from which on a script should fail.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FailOn {
    EmbedOnly,
    Contact,
    Embedded,
    Likely,
    Installed,
    InstalledActive,
}

/// How a command ended.
type Ended = Result<ExitCode, Failure>;

/// Why a command failed: what is printed, and the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Failure {
    message: String,
    code: u8,
}

/// Runs the command that was typed.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { WRONG_USAGE } else { 0 });
        }
    };
    let ended = match cli.command {
        Command::Read(options) => read::main(&options),
        Command::Run(options) => run::main(&options),
        Command::Names(options) => names::main(&options),
        Command::Report(options) => report::main(&options),
        Command::Signatures(options) => signatures::main(&options),
        Command::Directives(options) => directives::main(&options),
        Command::Evidence(options) => evidence::main(&options),
        Command::Config(options) => config::main(&options),
        Command::Generate(options) => generate::main(&options),
    };
    match ended {
        Ok(code) => code,
        Err(failure) => {
            for line in failure.message.lines() {
                tell(line);
            }
            ExitCode::from(failure.code)
        }
    }
}

impl Watch {
    fn home(&self) -> HomeNetworks {
        if self.home_networks.is_empty() {
            HomeNetworks::default()
        } else {
            HomeNetworks::new(self.home_networks.iter().copied())
        }
    }

    fn own_resolvers(&self) -> impl Iterator<Item = Address> + '_ {
        self.own_resolvers.iter().copied().map(Address::from)
    }

    fn catalogue(&self) -> Result<Arc<Catalogue>, Failure> {
        self.packs.catalogue()
    }
}

impl Packs {
    fn catalogue(&self) -> Result<Arc<Catalogue>, Failure> {
        let base = if self.no_builtin_signatures {
            Base::Empty
        } else {
            Base::Builtin
        };
        let loaded = crate::config::catalogue(self.signatures.as_deref(), base);
        loaded
            .map(Arc::new)
            .map_err(|it| Failure::usage(with_cause(&it)))
    }
}

impl Failure {
    fn failed(error: impl std::fmt::Display) -> Self {
        Self {
            message: error.to_string(),
            code: FAILED,
        }
    }

    /// A failure that something below caused.
    fn caused(error: impl std::error::Error) -> Self {
        Self::failed(with_cause(&error))
    }

    fn usage(error: impl std::fmt::Display) -> Self {
        Self {
            message: error.to_string(),
            code: WRONG_USAGE,
        }
    }
}

impl From<FailOn> for Verdict {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::EmbedOnly => Self::EmbedOnly,
            FailOn::Contact => Self::Contact,
            FailOn::Embedded => Self::Embedded,
            FailOn::Likely => Self::Likely,
            FailOn::Installed => Self::Installed,
            FailOn::InstalledActive => Self::InstalledActive,
        }
    }
}

/// Whether colours may be used on standard output.
fn stdout_takes_colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
}

/// Says something on standard error.
fn tell(message: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "phonehome: {message}");
}

/// An error with what caused it.
fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Exit code: failed, or part of the input could not be read.
const FAILED: u8 = 1;

/// Exit code: wrong usage or configuration.
const WRONG_USAGE: u8 = 2;

/// Exit code: a finding is as grave as `--fail-on` names.
const FOUND: u8 = 3;
