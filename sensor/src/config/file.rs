//! The file: TOML, read key by key, so that all that is wrong in it is found at once.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::KEYS;
use super::key::Key;
use super::nearest::nearest;
use super::value::{Entry, Form, Given, Kind};
use super::wrong::{Origin, Wrong, shown};

/// What a file says: values by their keys, each with its line, and all that is wrong.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) values: Vec<(&'static Key, Origin, Given)>,
    pub(super) wrongs: Vec<Wrong>,
}

/// Reads a file.
///
/// # Errors
///
/// What the system says, or that the file is too large or not UTF-8.
pub(super) fn read(path: &Path) -> io::Result<Said> {
    let mut text = String::new();
    // One octet more than allowed tells a file that is too large.
    File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        let why = format!("it has more than {MAX_FILE} octets");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(parse(path, &text))
}

/// Reads the text of a file.
pub(super) fn parse(path: &Path, text: &str) -> Said {
    let mut reading = Reading {
        path: path.into(),
        text,
        lines: text.match_indices('\n').map(|(at, _)| at + 1).collect(),
        said: Said::default(),
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let line = reading.line(error.span().map_or(0, |it| it.start));
        reading.wrong(line, error.message().to_owned());
    }
    reading.table("", document.get_ref());
    reading.said
}

impl Said {
    /// What a file says that cannot be read.
    pub(super) fn wrong(message: String) -> Self {
        let origin = Origin::Default;
        Self {
            wrongs: vec![Wrong { origin, message }],
            ..Self::default()
        }
    }
}

struct Reading<'t> {
    path: Arc<Path>,
    text: &'t str,
    /// Offset of the first octet of each line but the first.
    lines: Vec<usize>,
    said: Said,
}

impl Reading<'_> {
    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = match section {
                "" => key.get_ref().to_string(),
                section => format!("{section}.{}", key.get_ref()),
            };
            let line = self.line(key.span().start);
            if let Some(key) = Key::named(&name) {
                let given = self.given(value);
                let origin = Origin::File(Arc::clone(&self.path), line);
                self.said.values.push((key, origin, given));
            } else if let Some(table) = value.get_ref().as_table()
                && is_section(&name)
            {
                self.table(&name, table);
            } else {
                self.unknown(&name, line, value);
            }
        }
    }

    fn unknown(&mut self, name: &str, line: usize, value: &Spanned<DeValue<'_>>) {
        let name_shown = shown(name);
        if is_section(name) {
            self.wrong(
                line,
                format!("{name_shown} is a section: write [{name_shown}] above its keys"),
            );
            return;
        }
        let what = match value.get_ref().as_table() {
            Some(_) => "section",
            None => "key",
        };
        let meant = match value.get_ref().as_table() {
            Some(_) => nearest(name, sections()).map(|it| format!("[{it}]")),
            None => nearest(name, KEYS.iter().map(|it| it.name)).map(str::to_owned),
        };
        let meant = meant.map_or_else(
            || "`phonehome config print` shows all there are".to_owned(),
            |it| format!("did you mean {it}?"),
        );
        self.wrong(line, format!("unknown {what} {name_shown}; {meant}"));
    }

    fn given(&self, value: &Spanned<DeValue<'_>>) -> Given {
        match value.get_ref().as_array() {
            Some(items) => Given {
                form: Form::List,
                entries: items.iter().map(|it| self.entry(it)).collect(),
            },
            None => Given {
                form: Form::Single,
                entries: vec![self.entry(value)],
            },
        }
    }

    fn entry(&self, value: &Spanned<DeValue<'_>>) -> Entry {
        let (kind, text) = match value.get_ref() {
            DeValue::String(text) => (Kind::Text, text.to_string()),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => (Kind::Integer, number.to_string()),
                    Err(_) => (Kind::Other, String::new()),
                }
            }
            DeValue::Boolean(is) => (Kind::Boolean, is.to_string()),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                (Kind::Other, String::new())
            }
        };
        Entry {
            shown: self.text_at(&value.span()),
            text,
            kind,
            line: self.line(value.span().start),
        }
    }

    /// What was written, on one line.
    fn text_at(&self, span: &Range<usize>) -> String {
        let text = self.text.get(span.clone()).unwrap_or_default();
        shown(&text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|&start| start <= offset) + 1
    }

    fn wrong(&mut self, line: usize, message: String) {
        let origin = Origin::File(Arc::clone(&self.path), line);
        self.said.wrongs.push(Wrong { origin, message });
    }
}

/// Whether keys begin with that and a dot.
fn is_section(name: &str) -> bool {
    KEYS.iter().any(|it| {
        let rest = it.name.strip_prefix(name);
        rest.is_some_and(|it| it.starts_with('.'))
    })
}

/// All sections, each as often as it has keys.
fn sections() -> impl Iterator<Item = &'static str> + Clone {
    let sections = KEYS.iter().map(|it| it.name.rsplit_once('.'));
    sections.flatten().map(|it| it.0)
}

/// Octets of a file at most.
const MAX_FILE: u64 = 1 << 20;
