//! `phonehome generate`: manual pages and completions for shells, as the command line has it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Ended, Failure};

/// Options of `phonehome generate`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Folder to write to; made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn main(options: &Options) -> Ended {
    let folder = options.folder.as_path();
    generate(folder)
        .map_err(|it| Failure::failed(format!("cannot write to {}: {it}", folder.display())))?;
    Ok(ExitCode::SUCCESS)
}

fn generate(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), "phonehome", folder)?;
    }
    Ok(())
}
