//! Writes configurations as files: the sample, and what is in effect.

use std::fmt::Write;

use super::layers::Effective;
use super::wrong::Origin;
use super::{Change, Config, KEYS, Key};

/// The sample file: every key with its sentence, its range and its default.
#[must_use]
pub fn sample() -> String {
    let mut text = HEAD.to_owned();
    let config = Config::default();
    keys(&mut text, |text, key| {
        let mut about = key.sentence();
        let limits = Some(key.limits()).filter(|it| !it.is_empty());
        let change = match key.change {
            Change::AtStart => None,
            Change::OnReload => Some("reload".to_owned()),
        };
        let notes: Vec<String> = limits.into_iter().chain(change).collect();
        if !notes.is_empty() {
            let _ = write!(about, " [{}]", notes.join("; "));
        }
        text.push('\n');
        comment(text, &about);
        value(text, key, &config, None);
    });
    text
}

/// A configuration as a file that gives it again, with where each value is from that is no default.
#[must_use]
pub fn effective(loaded: &Effective) -> String {
    let mut text = String::new();
    keys(&mut text, |text, key| {
        let origin = loaded.origins.get(key.name);
        value(text, key, &loaded.config, origin);
    });
    text
}

/// Writes all keys, those of a section below its head.
fn keys(text: &mut String, write: impl Fn(&mut String, &'static Key)) {
    let mut section = "";
    for key in KEYS {
        let own = key.name.split_once('.').map_or("", |it| it.0);
        if own != section {
            section = own;
            let _ = writeln!(text, "\n[{section}]");
        }
        write(text, key);
    }
}

/// Writes a key and its value; one without a value as a comment.
fn value(text: &mut String, key: &Key, config: &Config, origin: Option<&Origin>) {
    let name = key.name.split_once('.').map_or(key.name, |it| it.1);
    let _ = match key.toml(config) {
        Some(value) => write!(text, "{name} = {value}"),
        None => write!(text, "# {name} = \"{}\"", key.takes),
    };
    if let Some(origin) = origin {
        let _ = write!(text, "  # {origin}");
    }
    text.push('\n');
}

/// Writes a comment in lines of at most [`WIDTH`] columns.
fn comment(text: &mut String, about: &str) {
    let mut column = 0;
    for word in about.split(' ') {
        let len = word.chars().count() + 1;
        if column == 0 || column + len > WIDTH {
            text.push_str(if column == 0 { "#" } else { "\n#" });
            column = 1;
        }
        text.push(' ');
        text.push_str(word);
        column += len;
    }
    text.push('\n');
}

/// Columns of a comment.
const WIDTH: usize = 100;

const HEAD: &str = "\
# Settings of the sensor: phonehome run --config FILE. Every value here is the default.
#
# A key goes by one name: limits.hosts in this file is --limits.hosts on the command line and
# PHONEHOME_LIMITS_HOSTS in the environment. A flag goes before the environment, that before this
# file, and the file before the default. Paths are relative to the folder of this file.
#
# What says [reload] is read again on SIGHUP; the rest takes effect at the next start.
#
# phonehome config check FILE says what is wrong in a file; phonehome config print, what is in effect.
";
