//! Options about what an organisation must be rid of, and what may stay until when.

use std::path::PathBuf;

use clap::Args;
use phonehome_signatures::{Base, Catalogue, Directives, LoadError, waiver};

use super::{Failure, tell, with_cause};
use crate::app::ledger::Ledger;
use crate::config::Config;
use crate::findings::waivers::Waivers;

/// Directives and waivers.
#[derive(Args, Clone, Debug)]
pub(super) struct Duties {
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

/// What the options name, read and found right.
pub(super) struct InForce {
    directives: Directives,
    waivers: Waivers,
}

impl InForce {
    /// Puts it in force.
    pub(super) fn put(self, ledger: &Ledger) {
        ledger.set_directives(self.directives);
        ledger.set_waivers(self.waivers);
    }
}

impl Duties {
    /// Those of a configuration.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            directives: config.directives.clone(),
            directives_folder: config.directives_folder.clone(),
            waivers: config.waivers.clone(),
        }
    }

    /// Reads what the options name; says what should be known of it.
    pub(super) fn read(&self, catalogue: &Catalogue) -> Result<InForce, Failure> {
        let wrong = |it: LoadError| Failure::usage(with_cause(&it));
        let directives = match &self.directives_folder {
            Some(dir) => Directives::load(dir, Base::Builtin),
            None => Directives::builtin().map_err(LoadError::Wrong),
        };
        let directives = directives.map_err(wrong)?;
        let directives = directives
            .choose(&self.directives)
            .map_err(|it| Failure::usage(format!("directives: {it}")))?;
        let waivers = self.waivers.as_deref().map(waiver::load).transpose();
        let waivers = waivers.map_err(wrong)?.unwrap_or_default();
        let notes = directives.notes(catalogue).into_iter();
        for note in notes.chain(waiver::notes(&waivers, catalogue)) {
            tell(note);
        }
        Ok(InForce {
            directives,
            waivers: Waivers::new(waivers),
        })
    }
}
