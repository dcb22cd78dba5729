//! `phonehome directives`: which there are, and whether files of your own are right.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use phonehome_signatures::{Base, Catalogue, Directives, LoadError};

use super::{Ended, Failure, with_cause};

/// Options of `phonehome directives`.
#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the directives that can be chosen, with their dates and what counts
    List {
        /// Folder of directives of your own (*.toml)
        #[arg(long, value_name = "DIR")]
        directives_folder: Option<PathBuf>,
    },
    /// Checks the directives (*.toml) of a folder and prints all that is wrong with them
    Check {
        /// The folder
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

pub(super) fn main(options: &Options) -> Ended {
    let text = match &options.command {
        Command::List { directives_folder } => list(&load(directives_folder.as_deref())?),
        Command::Check { dir } => check(&load(Some(dir))?)?,
    };
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn load(dir: Option<&Path>) -> Result<Directives, Failure> {
    let loaded = match dir {
        Some(dir) => Directives::load(dir, Base::Builtin),
        None => Directives::builtin().map_err(LoadError::Wrong),
    };
    loaded.map_err(|error| match error {
        LoadError::Read { .. } => Failure::failed(with_cause(&error)),
        LoadError::Wrong(_) => Failure::usage(error),
    })
}

fn check(directives: &Directives) -> Result<String, Failure> {
    let catalogue = Catalogue::builtin().map_err(|it| Failure::usage(LoadError::Wrong(it)))?;
    let mut text = format!("all directives are right: {}\n", directives.list().len());
    for note in directives.notes(&catalogue) {
        let _ = writeln!(text, "{note}");
    }
    Ok(text)
}

fn list(directives: &Directives) -> String {
    let mut text = String::new();
    for directive in directives.list() {
        let kinds: Vec<&str> = directive
            .profile
            .counts
            .iter()
            .map(|it| it.as_str())
            .collect();
        let _ = writeln!(
            text,
            "{} of {}: {}\n  by {}\n  vendors: {}\n  counts: {}",
            directive.id,
            directive.date,
            directive.name,
            directive.issuer,
            directive.vendors.join(", "),
            kinds.join(", ")
        );
        for milestone in &directive.milestones {
            let step = milestone.step.map_or("", |it| it.as_str());
            let _ = writeln!(text, "  {} {step:<8} {}", milestone.date, milestone.text);
        }
    }
    text
}
