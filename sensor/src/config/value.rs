//! Fields of the configuration: how a value that was given becomes one, and how it is written.

use std::ops::RangeInclusive;
use std::path::Path;

mod outputs;
mod types;

pub use outputs::{
    EventFormat, EventKinds, Facility, SocketType, SyslogAddress, SyslogCarrier, SyslogFormat,
};
pub use types::{Octets, Shown, Wanted};

/// A value as it was given.
#[derive(Clone, Debug)]
pub struct Given {
    /// Its form.
    pub form: Form,
    /// Its entries; one of a single value.
    pub entries: Vec<Entry>,
}

/// Form of a value as it was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// One value, as in a file.
    Single,
    /// Values in brackets.
    List,
    /// Texts without quotes, from flags or the environment: a list if the key takes one.
    Bare,
}

/// One entry as it was given.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What was written, for messages.
    pub shown: String,
    /// The text, without quotes; of a number, in decimal digits.
    pub text: String,
    /// Its type.
    pub kind: Kind,
    /// Line of the file, counted from one; zero elsewhere.
    pub line: usize,
}

/// Type of an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A text in quotes.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A text without quotes, which may be meant as any of these.
    Bare,
    /// Something that no key takes.
    Other,
}

/// What is wrong with a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The entry, by its place; `None` if it is the value as a whole.
    pub entry: Option<usize>,
    /// What would be right.
    pub right: String,
}

/// A field of the configuration. All single `Value`s are fields, and so are `Option` and `Vec` of
/// them.
pub trait Field {
    /// Takes a value. One with faults is not taken.
    ///
    /// # Errors
    ///
    /// All faults.
    fn take(&mut self, given: &Given, range: &RangeInclusive<u64>) -> Result<(), Vec<Fault>>;

    /// Puts relative paths into a folder.
    fn move_into(&mut self, folder: &Path);

    /// Its values as texts; none if it is absent.
    fn texts(&self) -> Vec<String>;

    /// Its value as it stands in a file; `None` if it is absent.
    fn toml(&self) -> Option<String>;

    /// The range in words; empty if there is nothing to say.
    fn limits(&self, range: &RangeInclusive<u64>) -> String;

    /// Whether it is on, if it can be switched on and off.
    fn switch(&self) -> Option<bool>;

    /// How it is given several times on a command line.
    fn plural(&self) -> Plural;
}

/// How a field takes several values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Plural {
    /// It takes one.
    One,
    /// It takes several, with commas between them or the flag repeated.
    Commas,
    /// It takes several, which may have commas in them: the flag repeated.
    Repeated,
}

/// The type of a single value.
pub trait Value: Sized {
    /// How it stands in a file.
    const KIND: Kind;

    /// What a text of it is called, with an article and an example where the text has a form.
    const NOUN: &'static str;

    /// How several of them are given.
    const PLURAL: Plural = Plural::Commas;

    /// Reads a text.
    fn parse(text: &str) -> Option<Self>;

    /// Writes it so that it can be read.
    fn text(&self) -> String;

    /// Its amount in its smallest unit; `None` for what has none.
    fn amount(&self) -> Option<u64> {
        None
    }

    /// Writes an amount; `None` for what has none.
    fn amount_text(_amount: u64) -> Option<String> {
        None
    }

    /// Puts a relative path into a folder.
    fn move_into(&mut self, _folder: &Path) {}

    /// Whether it is on, if it can be switched on and off.
    fn switch(&self) -> Option<bool> {
        None
    }
}

impl<T: Value> Field for T {
    fn take(&mut self, given: &Given, range: &RangeInclusive<u64>) -> Result<(), Vec<Fault>> {
        *self = single(given, range)?;
        Ok(())
    }

    fn move_into(&mut self, folder: &Path) {
        Value::move_into(self, folder);
    }

    fn texts(&self) -> Vec<String> {
        vec![self.text()]
    }

    fn toml(&self) -> Option<String> {
        Some(written(self))
    }

    fn limits(&self, range: &RangeInclusive<u64>) -> String {
        limits::<T>(range).unwrap_or_default()
    }

    fn switch(&self) -> Option<bool> {
        Value::switch(self)
    }

    fn plural(&self) -> Plural {
        Plural::One
    }
}

impl<T: Value> Field for Option<T> {
    fn take(&mut self, given: &Given, range: &RangeInclusive<u64>) -> Result<(), Vec<Fault>> {
        *self = Some(single(given, range)?);
        Ok(())
    }

    fn move_into(&mut self, folder: &Path) {
        if let Some(value) = self {
            value.move_into(folder);
        }
    }

    fn texts(&self) -> Vec<String> {
        self.iter().map(T::text).collect()
    }

    fn toml(&self) -> Option<String> {
        self.as_ref().map(written)
    }

    fn limits(&self, range: &RangeInclusive<u64>) -> String {
        limits::<T>(range).unwrap_or_default()
    }

    fn switch(&self) -> Option<bool> {
        None
    }

    fn plural(&self) -> Plural {
        Plural::One
    }
}

impl<T: Value> Field for Vec<T> {
    fn take(&mut self, given: &Given, range: &RangeInclusive<u64>) -> Result<(), Vec<Fault>> {
        let whole = |right| vec![Fault { entry: None, right }];
        if given.form == Form::Single {
            return Err(whole(format!(
                "write a list in brackets, each of it {}",
                T::NOUN
            )));
        }
        let mut values = Vec::with_capacity(given.entries.len());
        let mut faults = Vec::new();
        for (number, entry) in given.entries.iter().enumerate() {
            match read(entry) {
                Some(value) => values.push(value),
                None => faults.push(Fault {
                    entry: Some(number),
                    right: format!("write {}", T::NOUN),
                }),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        if !range.contains(&(values.len() as u64)) {
            let (least, most) = (range.start(), range.end());
            return Err(whole(format!("write {least} to {most} of them")));
        }
        *self = values;
        Ok(())
    }

    fn move_into(&mut self, folder: &Path) {
        for value in self {
            value.move_into(folder);
        }
    }

    fn texts(&self) -> Vec<String> {
        self.iter().map(T::text).collect()
    }

    fn toml(&self) -> Option<String> {
        let values: Vec<String> = self.iter().map(written).collect();
        Some(format!("[{}]", values.join(", ")))
    }

    fn limits(&self, range: &RangeInclusive<u64>) -> String {
        if *range.end() == u64::MAX {
            String::new()
        } else {
            format!("at most {}", range.end())
        }
    }

    fn switch(&self) -> Option<bool> {
        None
    }

    fn plural(&self) -> Plural {
        T::PLURAL
    }
}

/// Reads a single value.
fn single<T: Value>(given: &Given, range: &RangeInclusive<u64>) -> Result<T, Vec<Fault>> {
    let read = match (given.form, given.entries.as_slice()) {
        (Form::Single | Form::Bare, [entry]) => read::<T>(entry),
        _ => None,
    };
    read.filter(|it| it.amount().is_none_or(|it| range.contains(&it)))
        .ok_or_else(|| {
            let range = limits::<T>(range);
            let range = range.map_or_else(String::new, |it| format!(", {it}"));
            let right = format!("write {}{range}", T::NOUN);
            vec![Fault { entry: None, right }]
        })
}

fn read<T: Value>(entry: &Entry) -> Option<T> {
    let fits = entry.kind == T::KIND || entry.kind == Kind::Bare;
    if fits { T::parse(&entry.text) } else { None }
}

fn written<T: Value>(value: &T) -> String {
    match T::KIND {
        Kind::Integer | Kind::Boolean => value.text(),
        Kind::Text | Kind::Bare | Kind::Other => toml::Value::String(value.text()).to_string(),
    }
}

/// The range of amounts in words.
fn limits<T: Value>(range: &RangeInclusive<u64>) -> Option<String> {
    let least = T::amount_text(*range.start())?;
    let most = T::amount_text(*range.end())?;
    Some(format!("{least} to {most}"))
}
