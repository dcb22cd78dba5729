//! `phonehome config`: whether a configuration is right, and what is in effect.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use phonehome_signatures::Catalogue;

use super::flags::Flags;
use super::{Ended, Failure, with_cause};
use crate::config::{self, Config, Frames, Layers};

/// Options of `phonehome config`.
#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks a file, and prints what it loads or all that is wrong with it
    Check {
        /// The file; without it, the environment alone is checked
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Prints the settings in effect as a file, with where each is from that is not the default
    Print(Flags),
}

pub(super) fn main(options: &Options) -> Ended {
    let text = match &options.command {
        Command::Check { file } => check(file.as_deref())?,
        Command::Print(flags) => config::effective(&flags.load()?),
    };
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn check(file: Option<&Path>) -> Result<String, Failure> {
    let layers = Layers {
        file: file.map(Path::to_owned),
        environment: Layers::process_environment(),
        flags: Vec::new(),
    };
    let loaded = layers.load().map_err(Failure::usage)?;
    let catalogue = loaded.config.catalogue();
    let catalogue = catalogue.map_err(|it| Failure::usage(with_cause(&it)))?;
    super::run::web(&loaded.config)
        .check()
        .map_err(super::run::refused)?;
    let mut text = match file {
        Some(file) => format!("{}: fine\n", file.display()),
        None => "the environment: fine\n".to_owned(),
    };
    packs(&mut text, &catalogue);
    let duties = loaded.config.duties(&catalogue);
    let duties = duties.map_err(|it| Failure::usage(with_cause(&it)))?;
    let _ = writeln!(
        text,
        "directives in force: {}, waivers: {}",
        duties.directives.list().len(),
        duties.waivers.len()
    );
    for note in &duties.notes {
        let _ = writeln!(text, "warning: {note}");
    }
    frames(&mut text, &loaded.config);
    for warning in &loaded.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    Ok(text)
}

fn packs(text: &mut String, catalogue: &Catalogue) {
    let all: usize = catalogue.packs().iter().map(|it| it.signatures).sum();
    let _ = writeln!(
        text,
        "packs: {}, {all} signatures in all",
        catalogue.packs().len()
    );
    for pack in catalogue.packs() {
        let _ = writeln!(
            text,
            "  {} {}: {} signatures",
            pack.id, pack.version, pack.signatures
        );
    }
}

fn frames(text: &mut String, config: &Config) {
    match config.frames() {
        None => {
            let _ = writeln!(
                text,
                "warning: no interface is set, so it takes a flag to start"
            );
        }
        Some(Frames::Interfaces(names)) => {
            let _ = writeln!(text, "interfaces: {}", names.join(", "));
            for name in names.iter().filter(|it| !is_there(it)) {
                let _ = writeln!(
                    text,
                    "warning: there is no interface {name} on this machine"
                );
            }
        }
        Some(Frames::Files(files)) => {
            let _ = writeln!(text, "files to replay: {}", files.len());
            for file in files.iter().filter(|it| !it.exists()) {
                let _ = writeln!(text, "warning: there is no file {}", file.display());
            }
        }
    }
}

/// Whether the system has an interface of that name; `any` stands for all of them.
fn is_there(name: &str) -> bool {
    name == "any" || Path::new("/sys/class/net").join(name).exists()
}
