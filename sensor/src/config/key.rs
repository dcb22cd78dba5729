//! A key of the configuration, and its names.

use std::ops::RangeInclusive;

use super::value::{Field, Plural};
use super::{Config, KEYS};

/// A key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// Its path in the file, and its flag behind two dashes: `web.listen-address`.
    pub name: &'static str,
    /// Its flag if it is on by default.
    pub(super) off: &'static str,
    /// What it is: the lines of a sentence or two.
    pub(super) doc: &'static [&'static str],
    /// What stands for a value of it in help texts.
    pub takes: &'static str,
    /// When a new value takes effect.
    pub change: Change,
    /// Values allowed, in the smallest unit of its type; of a list, how many entries.
    pub range: RangeInclusive<u64>,
    /// Its field.
    pub(super) field: fn(&mut Config) -> &mut dyn Field,
}

/// When a new value of a key takes effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// At the next start.
    AtStart,
    /// With the next reload.
    OnReload,
}

impl Key {
    /// The key of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|it| it.name == name)
    }

    /// The environment variable: `PHONEHOME_WEB_LISTEN_ADDRESS`.
    #[must_use]
    pub fn variable(&self) -> String {
        let name = self.name.to_uppercase().replace(['.', '-'], "_");
        format!("{VARIABLE_PREFIX}{name}")
    }

    /// What is written behind the dashes: its name; `no-NAME` for what is on if nothing is said.
    #[must_use]
    pub fn flag(&self) -> &'static str {
        match self.switch() {
            Some(true) => self.off,
            Some(false) | None => self.name,
        }
    }

    /// Whether it is on if nothing is said; `None` if it is not to be switched on and off.
    #[must_use]
    pub fn switch(&self) -> Option<bool> {
        (self.field)(&mut Config::default()).switch()
    }

    /// How it takes several values.
    #[must_use]
    pub fn plural(&self) -> Plural {
        (self.field)(&mut Config::default()).plural()
    }

    /// What it is, as running text.
    #[must_use]
    pub fn sentence(&self) -> String {
        let lines: Vec<&str> = self.doc.iter().map(|it| it.trim()).collect();
        lines.join(" ")
    }

    /// Its values in words, without brackets; empty if any is allowed.
    #[must_use]
    pub fn limits(&self) -> String {
        (self.field)(&mut Config::default()).limits(&self.range)
    }

    /// Its default in words; `None` if there is none.
    #[must_use]
    pub fn default_words(&self) -> Option<String> {
        let texts = (self.field)(&mut Config::default()).texts();
        (!texts.is_empty()).then(|| texts.join(", "))
    }

    /// Its value as it stands in a file; `None` if it is absent.
    #[must_use]
    pub fn toml(&self, config: &Config) -> Option<String> {
        (self.field)(&mut config.clone()).toml()
    }
}

/// What the environment variables of the sensor begin with.
pub(super) const VARIABLE_PREFIX: &str = "PHONEHOME_";
