//! What is wrong in a configuration, and where values come from.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a value was given.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Origin {
    /// Nowhere: it is the default.
    #[default]
    Default,
    /// In the file, on a line, counted from one.
    File(Arc<Path>, usize),
    /// In the environment, by the variable of that name.
    Environment(String),
    /// On the command line, by the flag of that name.
    Flag(&'static str),
}

impl Origin {
    /// Which goes before which: the greater one.
    #[must_use]
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File(..) => 1,
            Self::Environment(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl Origin {
    /// The line of the file; `None` elsewhere.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        match self {
            Self::File(_, line) => Some(*line),
            Self::Default | Self::Environment(_) | Self::Flag(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", shown(&path.to_string_lossy())),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// Something wrong: where, what, and what would be right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wrong {
    /// Where it was given; the default for what is missing.
    pub origin: Origin,
    /// What is wrong and what would be right, beginning with the key and its value.
    pub message: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Default => f.write_str(&self.message),
            _ => write!(f, "{}: {}", self.origin, self.message),
        }
    }
}

/// All that is wrong, a line each.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wrongs(pub Vec<Wrong>);

impl fmt::Display for Wrongs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, wrong) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            wrong.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Wrongs {}

/// A value as a message shows it: escaped, and cut where it is long.
pub(super) fn shown(value: &str) -> String {
    let mut text: String = value
        .chars()
        .take(MAX_SHOWN)
        .flat_map(|it| match it {
            '"' | '\'' | '\\' => vec![it],
            it => it.escape_debug().collect(),
        })
        .collect();
    if value.chars().nth(MAX_SHOWN).is_some() {
        text.push('…');
    }
    text
}

/// Characters of a value that are shown.
const MAX_SHOWN: usize = 80;
