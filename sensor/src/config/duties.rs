//! The directives and waivers that settings name, read and found right.

use std::path::Path;

use phonehome_signatures::directive::ChooseError;
use phonehome_signatures::{Base, Catalogue, Directives, LoadError, waiver};

use super::Config;
use crate::findings::waivers::Waivers;

/// What is to be put in force.
#[derive(Debug)]
pub struct Duties {
    /// The directives.
    pub directives: Directives,
    /// The waivers.
    pub waivers: Waivers,
    /// What should be known of them, a sentence each.
    pub notes: Vec<String>,
}

/// Where directives and waivers are.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// Ids of the directives.
    pub ids: &'a [String],
    /// Folder of further directives.
    pub folder: Option<&'a Path>,
    /// File of waivers.
    pub waivers: Option<&'a Path>,
}

/// Why directives or waivers cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum DutyError {
    /// They cannot be read, or something is wrong in them.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There are no such directives, or too many are asked for.
    #[error("directives: {0}")]
    Choose(#[from] ChooseError),
}

impl Config {
    /// Reads the directives and waivers.
    ///
    /// # Errors
    ///
    /// The first of the two that cannot be read, with all that is wrong in it.
    pub fn duties(&self, catalogue: &Catalogue) -> Result<Duties, DutyError> {
        let places = Places {
            ids: &self.directives,
            folder: self.directives_folder.as_deref(),
            waivers: self.waivers.as_deref(),
        };
        places.read(catalogue)
    }
}

impl Places<'_> {
    /// Every directive that can be chosen: more than can be in force at once.
    ///
    /// # Errors
    ///
    /// As of [`Config::duties`].
    pub fn all(self) -> Result<Directives, DutyError> {
        Ok(match self.folder {
            Some(folder) => Directives::load(folder, Base::Builtin)?,
            None => Directives::builtin().map_err(LoadError::Wrong)?,
        })
    }

    /// Reads what is there.
    ///
    /// # Errors
    ///
    /// As of [`Config::duties`].
    pub fn read(self, catalogue: &Catalogue) -> Result<Duties, DutyError> {
        let directives = self.all()?.choose(self.ids)?;
        let waivers = match self.waivers {
            Some(file) => waiver::load(file)?,
            None => Vec::new(),
        };
        let mut notes = directives.notes(catalogue);
        notes.extend(waiver::notes(&waivers, catalogue));
        Ok(Duties {
            directives,
            waivers: Waivers::new(waivers),
            notes,
        })
    }
}
