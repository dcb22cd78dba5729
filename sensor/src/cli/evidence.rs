//! `phonehome evidence`: whether the evidence that was kept is what it was, and shows what it should.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Ended, FAILED, Failure, Packs};
use crate::evidence::verify::{Checked, verify};

/// Options of `phonehome evidence`.
#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks the files of a folder, and that their frames show what its list says
    ///
    /// Exit code 1 if one does not.
    Verify {
        /// The folder, as evidence.folder names it
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        #[command(flatten)]
        packs: Packs,
    },
}

pub(super) fn main(options: &Options) -> Ended {
    let Command::Verify { folder, packs } = &options.command;
    let catalogue = packs.catalogue()?;
    let mut out = std::io::stdout().lock();
    let (mut all, mut holding) = (0_u64, 0_u64);
    let tell = |checked: Checked| {
        all += 1;
        holding += u64::from(checked.outcome.holds());
        // A reader that has seen enough is no failure.
        let _ = out.write_all(line(&checked).as_bytes());
    };
    verify(folder, &catalogue, tell).map_err(|it| {
        let place = folder.display();
        Failure::failed(format!("cannot read the list of evidence in {place}: {it}"))
    })?;
    let _ = writeln!(out, "{holding} of {all} records hold");
    Ok(if holding == all {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// A line for a record.
fn line(checked: &Checked) -> String {
    let outcome = checked.outcome.as_str();
    let mark = if checked.outcome.holds() {
        "ok "
    } else {
        "BAD"
    };
    let Some(record) = &checked.record else {
        return format!("{mark} line {}: {outcome}\n", checked.line);
    };
    let name = record.name.as_deref().unwrap_or("-");
    format!(
        "{mark} {} {} {} {name} ({} {}): {outcome}; {} frames in {}\n",
        record.at,
        record.host,
        record.source,
        record.vendor,
        record.signature,
        record.frames,
        record.file
    )
}
