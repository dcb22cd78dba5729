//! phonehome-bench: a traffic generator, and phonehome beside its peers as whole processes.
//!
//! In the order in which a comparison takes them:
//!
//! - [`cli`] holds what was typed.
//! - [`generate`] writes a capture and the names that are in it, from a seed.
//! - [`capture`] keeps generated captures and their checksums, so that each is made once.
//! - [`peers`] knows the programs that are compared and how each is called.
//! - [`measure`] runs a program and reads the CPU time and memory that it used.
//! - [`compare`] runs the programs in turn and reduces the runs to medians.
//! - [`report`] prints and records the result, with the [`machine`] it was measured on.
//! - [`floods`] measures what floods cost, and what they hide.
//! - [`pages`] measures the pages of a large site.
//! - [`check`] compares the names that phonehome reads with those that were generated.
//! - [`sums`] checks the sums of the visibility ledger in what it prints.
//! - [`live`] sends frames over a wire of its own and finds the rate at which none is lost.
//! - [`events`] measures on such a wire how many events an output takes.
//! - [`soak`] runs the sensor on it for a long time, with troubles; [`interrupt`] ends it.

use std::error::Error as _;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

mod capture;
mod check;
mod cli;
mod compare;
mod error;
mod events;
mod floods;
mod generate;
mod interrupt;
mod live;
mod machine;
mod measure;
mod pages;
mod peers;
mod report;
mod soak;
mod sums;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            let mut text = format!("phonehome-bench: {error}");
            let mut cause = error.source();
            while let Some(it) = cause {
                text.push_str(": ");
                text.push_str(&it.to_string());
                cause = it.source();
            }
            // With standard error closed there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}
