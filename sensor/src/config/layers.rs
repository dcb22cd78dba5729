//! Puts the layers together: default, file, environment, flags.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::file::{self, Said};
use super::key::{Key, VARIABLE_PREFIX};
use super::nearest::nearest;
use super::value::{Entry, Form, Given, Kind, Plural};
use super::wrong::{Origin, Wrong, Wrongs, shown};
use super::{Config, KEYS, rules};

/// What there is to put together.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// Variables of the environment; those that are not the sensor's do no harm.
    pub environment: Vec<(String, String)>,
    /// Flags by the names of their keys, each with its values.
    pub flags: Vec<(&'static str, Vec<String>)>,
}

/// A configuration, and where it is from.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    /// What the sensor is to do.
    pub config: Config,
    /// Where the values of keys are from that are not left to their defaults.
    pub origins: BTreeMap<&'static str, Origin>,
    /// What somebody should look at though nothing is wrong with it.
    pub warnings: Vec<String>,
}

impl Layers {
    /// The environment of this process.
    #[must_use]
    pub fn process_environment() -> Vec<(String, String)> {
        let variables = std::env::vars_os();
        let ours = variables.filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let is_ours = name.starts_with(VARIABLE_PREFIX);
            // What is not UTF-8 is no right value of any key, and is shown as far as it can be.
            is_ours.then(|| (name, value.to_string_lossy().into_owned()))
        });
        let sorted: BTreeSet<(String, String)> = ours.collect();
        sorted.into_iter().collect()
    }

    /// Reads the file, and puts everything together.
    ///
    /// # Errors
    ///
    /// All that is wrong in any layer, and between keys.
    pub fn load(&self) -> Result<Effective, Wrongs> {
        let said = self.file.as_deref().map(|path| {
            file::read(path).unwrap_or_else(|error| {
                let message = format!("cannot read {}: {error}", path.display());
                Said::wrong(message)
            })
        });
        self.load_with(said)
    }

    /// Puts everything together with what a file says.
    pub(super) fn load_with(&self, said: Option<Said>) -> Result<Effective, Wrongs> {
        let mut loading = Loading::default();
        if let Some(said) = said {
            loading.file(self.file.as_deref(), said);
        }
        loading.environment(&self.environment);
        loading.flags(&self.flags);
        rules::settle(&mut loading.loaded, &mut loading.wrongs);
        if loading.wrongs.is_empty() {
            Ok(loading.loaded)
        } else {
            Err(Wrongs(loading.wrongs))
        }
    }
}

impl Effective {
    /// Where the value of a key is from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Loading {
    loaded: Effective,
    wrongs: Vec<Wrong>,
}

impl Loading {
    fn file(&mut self, path: Option<&Path>, said: Said) {
        let folder = path.and_then(Path::parent).unwrap_or(Path::new(""));
        let begin = self.wrongs.len();
        self.wrongs.extend(said.wrongs);
        for (key, origin, given) in said.values {
            if self.take(key, origin, &given) {
                (key.field)(&mut self.loaded.config).move_into(folder);
            }
        }
        if let Some(own) = self.wrongs.get_mut(begin..) {
            own.sort_by_key(|it| it.origin.line());
        }
        self.wrongs.truncate(MAX_WRONGS);
    }

    fn environment(&mut self, variables: &[(String, String)]) {
        for (name, text) in variables {
            if !name.starts_with(VARIABLE_PREFIX) {
                continue;
            }
            match KEYS.iter().find(|it| it.variable() == *name) {
                // An empty variable is one that is not set.
                Some(_) if text.is_empty() => {}
                Some(key) => {
                    let texts = match key.plural() {
                        Plural::One => vec![text.clone()],
                        Plural::Commas | Plural::Repeated => split(text),
                    };
                    self.take(key, Origin::Environment(name.clone()), &bare(texts));
                }
                None => self.unknown_variable(name),
            }
        }
    }

    /// A variable that looks like a misspelt one is wrong. Any other may be somebody else's: those
    /// who start programs in containers make variables from the names of services.
    fn unknown_variable(&mut self, name: &str) {
        let names: Vec<String> = KEYS.iter().map(Key::variable).collect();
        match nearest(name, names.iter().map(String::as_str)) {
            Some(meant) => self.wrongs.push(Wrong {
                origin: Origin::Environment(shown(name)),
                message: format!("unknown variable; did you mean {meant}?"),
            }),
            None => {
                let warning = format!("the variable {} is not one of the sensor's", shown(name));
                self.loaded.warnings.push(warning);
            }
        }
    }

    fn flags(&mut self, flags: &[(&'static str, Vec<String>)]) {
        for (name, texts) in flags {
            let Some(key) = Key::named(name) else {
                continue;
            };
            let texts = match key.plural() {
                Plural::One | Plural::Repeated => texts.clone(),
                Plural::Commas => texts.iter().flat_map(|it| split(it)).collect(),
            };
            self.take(key, Origin::Flag(key.flag()), &bare(texts));
        }
    }

    /// Takes a value of a layer that goes before those taken so far. Says whether it was right.
    fn take(&mut self, key: &'static Key, origin: Origin, given: &Given) -> bool {
        let field = (key.field)(&mut self.loaded.config);
        let Err(faults) = field.take(given, &key.range) else {
            self.loaded.origins.insert(key.name, origin);
            return true;
        };
        for fault in faults {
            let entry = fault.entry.and_then(|it| given.entries.get(it));
            let value = match (entry, given.form) {
                (Some(entry), _) => entry.shown.clone(),
                (None, Form::List) => list_shown(&given.entries),
                (None, Form::Single | Form::Bare) => {
                    let entries = given.entries.iter();
                    entries
                        .map(|it| it.shown.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                }
            };
            let origin = match (&origin, entry) {
                (Origin::File(path, _), Some(entry)) => Origin::File(path.clone(), entry.line),
                _ => origin.clone(),
            };
            let message = format!("{} = {value}: {}", key.name, fault.right);
            self.wrongs.push(Wrong { origin, message });
        }
        false
    }
}

fn list_shown(entries: &[Entry]) -> String {
    match entries {
        [] => "[]".to_owned(),
        [one] => format!("[{}]", one.shown),
        [first, ..] => format!("[{}, … {} in all]", first.shown, entries.len()),
    }
}

/// Texts from a command line or the environment.
fn bare(texts: Vec<String>) -> Given {
    let entry = |text: String| Entry {
        shown: format!("\"{}\"", shown(&text)),
        text,
        kind: Kind::Bare,
        line: 0,
    };
    Given {
        form: Form::Bare,
        entries: texts.into_iter().map(entry).collect(),
    }
}

/// The texts between commas.
fn split(text: &str) -> Vec<String> {
    text.split(',').map(|it| it.trim().to_owned()).collect()
}

/// Errors told of one file; one with more is wrong in a way that the first ones show.
const MAX_WRONGS: usize = 200;
