//! `phonehome signatures`: what is loaded, and whether packs are right.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use phonehome_signatures::{Base, Catalogue, LoadError};

use super::{Ended, Failure, Watch, with_cause};

/// Options of `phonehome signatures`.
#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists packs and their signatures
    List {
        #[command(flatten)]
        watch: Watch,
    },
    /// Checks the packs (*.toml) of a folder and prints all that is wrong with them
    Check {
        /// The folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

pub(super) fn main(options: &Options) -> Ended {
    let text = match &options.command {
        Command::List { watch } => list(&*watch.catalogue()?),
        Command::Check { dir } => check(dir)?,
    };
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn check(dir: &Path) -> Result<String, Failure> {
    match Catalogue::load(dir, Base::Builtin) {
        Ok(catalogue) => Ok(format!("all packs are right: {}\n", catalogue.version())),
        Err(error @ LoadError::Read { .. }) => Err(Failure::failed(with_cause(&error))),
        Err(error @ LoadError::Wrong(_)) => Err(Failure::usage(error)),
    }
}

fn list(catalogue: &Catalogue) -> String {
    let mut text = String::new();
    for pack in catalogue.packs() {
        let vendor = catalogue
            .vendor(pack.vendor)
            .map_or("", |it| it.name.as_str());
        let _ = writeln!(
            text,
            "{} {} of {}: {}, {} signatures",
            pack.id, pack.version, pack.date, vendor, pack.signatures
        );
        for signature in catalogue.signatures().filter(|it| it.vendor == pack.vendor) {
            let state = if signature.enabled {
                ""
            } else {
                "  (disabled)"
            };
            let _ = writeln!(
                text,
                "  {:<22} {:<13} {:<14} {:<11} {}{state}",
                signature.id,
                signature.category,
                signature.evidence,
                signature.confidence,
                signature.pattern
            );
        }
    }
    text
}
