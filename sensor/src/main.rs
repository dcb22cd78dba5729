//! The `phonehome` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    phonehome::cli::main()
}
