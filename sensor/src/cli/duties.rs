//! Options about what an organisation must be rid of, and what may stay until when.

use std::path::PathBuf;

use clap::Args;
use phonehome_signatures::Catalogue;

use super::{Failure, tell, with_cause};
use crate::config::{Duties, Places};

/// Directives and waivers.
#[derive(Args, Clone, Debug)]
#[group(id = "duties")]
pub(super) struct Options {
    /// Directives in force, by id: what counts under each is told; `phonehome directives list`
    /// lists them
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    directives: Vec<String>,
    /// Folder of directives of your own (*.toml); one with the id of a built-in one replaces it
    #[arg(long, value_name = "DIR")]
    directives_folder: Option<PathBuf>,
    /// File of waivers (TOML): findings that may stand until a day
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
}

impl Options {
    /// Reads what the options name; says what should be known of it.
    pub(super) fn read(&self, catalogue: &Catalogue) -> Result<Duties, Failure> {
        let places = Places {
            ids: &self.directives,
            folder: self.directives_folder.as_deref(),
            waivers: self.waivers.as_deref(),
        };
        let duties = places.read(catalogue);
        let duties = duties.map_err(|it| Failure::usage(with_cause(&it)))?;
        for note in &duties.notes {
            tell(note);
        }
        Ok(duties)
    }
}
