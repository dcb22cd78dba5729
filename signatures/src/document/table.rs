//! Reading a TOML table key by key, so that all that is wrong in it is found at once.

use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Report, shown};

/// A value with its place in the text.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

/// A table of a file, and how messages call it.
#[derive(Debug)]
pub(crate) struct Table<'t> {
    keys: &'t DeTable<'t>,
    span: Range<usize>,
    /// `signature kl-h01`.
    pub(crate) title: String,
}

impl<'t> Table<'t> {
    pub(crate) fn new(keys: &'t DeTable<'t>, span: Range<usize>, title: &str) -> Self {
        Self {
            keys,
            span,
            title: title.to_owned(),
        }
    }

    /// Where the table starts.
    pub(crate) fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// Reports each key that is not one of `known`.
    pub(crate) fn only(&self, known: &[&str], report: &mut Report<'_>) {
        for key in self.keys.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                let message = format!(
                    "{}: unknown key {}; known are {}",
                    self.title,
                    shown(key.get_ref()),
                    known.join(", ")
                );
                report.wrong(&key.span(), message);
            }
        }
    }

    fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.keys.get(key)
    }

    /// Whether a key is absent, or an empty list.
    pub(crate) fn is_without(&self, key: &str) -> bool {
        let items = self.get(key).map(|it| it.get_ref().as_array());
        items.is_none_or(|it| it.is_some_and(|it| it.is_empty()))
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, right: &str, r: &mut Report<'_>) {
        let found = value.get_ref().type_str();
        r.wrong(
            &value.span(),
            format!(
                "{}: `{key}` is a value of type {found}; {right}",
                self.title
            ),
        );
    }

    /// The text of a key. An empty one, and one that is no text, is reported; its absence is not.
    pub(crate) fn optional_text(&self, key: &str, r: &mut Report<'_>) -> Option<At<&'t str>> {
        let value = self.get(key)?;
        match value.get_ref().as_str() {
            Some(text) if text.trim().is_empty() => {
                r.wrong(
                    &value.span(),
                    format!("{}: `{key}` must not be empty", self.title),
                );
                None
            }
            Some(text) => Some(At {
                value: text,
                span: value.span(),
            }),
            None => {
                self.wrong_type(key, value, "write a text in quotes", r);
                None
            }
        }
    }

    /// The text of a key that must be there.
    pub(crate) fn text(&self, key: &str, right: &str, r: &mut Report<'_>) -> Option<At<&'t str>> {
        if self.get(key).is_none() {
            r.wrong(
                &self.span,
                format!("{}: `{key}` is missing; {right}", self.title),
            );
        }
        self.optional_text(key, r)
    }

    /// The whole number of a key that must be there.
    pub(crate) fn number(&self, key: &str, right: &str, r: &mut Report<'_>) -> Option<At<u32>> {
        let Some(value) = self.get(key) else {
            r.wrong(
                &self.span,
                format!("{}: `{key}` is missing; {right}", self.title),
            );
            return None;
        };
        let number = number(value);
        if number.is_none() {
            self.wrong_type(key, value, right, r);
        }
        number
    }

    /// Whether a key is true; `default` if it is absent.
    pub(crate) fn flag(&self, key: &str, default: bool, r: &mut Report<'_>) -> bool {
        let Some(value) = self.get(key) else {
            return default;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong_type(key, value, "write true or false", r);
            default
        })
    }

    /// Whether a key that must be there is true.
    pub(crate) fn needed_flag(&self, key: &str, right: &str, r: &mut Report<'_>) -> Option<bool> {
        if self.get(key).is_none() {
            r.wrong(
                &self.span,
                format!("{}: `{key}` is missing; {right}", self.title),
            );
            return None;
        }
        Some(self.flag(key, false, r))
    }

    /// The texts of a key; none if it is absent.
    pub(crate) fn texts(&self, key: &str, r: &mut Report<'_>) -> Vec<At<&'t str>> {
        self.list(key, "write texts in quotes, in brackets", r, |value| {
            value.get_ref().as_str()
        })
    }

    /// The whole numbers of a key; none if it is absent.
    pub(crate) fn numbers(&self, key: &str, r: &mut Report<'_>) -> Vec<At<u32>> {
        self.list(key, "write whole numbers in brackets", r, |value| {
            Some(number(value)?.value)
        })
    }

    fn list<T>(
        &self,
        key: &str,
        right: &str,
        r: &mut Report<'_>,
        read: impl Fn(&'t Spanned<DeValue<'t>>) -> Option<T>,
    ) -> Vec<At<T>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, value, right, r);
            return Vec::new();
        };
        let mut list = Vec::with_capacity(items.len());
        for item in items.iter() {
            match read(item) {
                Some(value) => list.push(At {
                    value,
                    span: item.span(),
                }),
                None => self.wrong_type(key, item, right, r),
            }
        }
        list
    }

    /// The value of a key that must be one of the words of an enum.
    pub(crate) fn word<T: Copy + Display>(
        &self,
        key: &str,
        all: &[T],
        r: &mut Report<'_>,
    ) -> Option<T> {
        let text = self.text(key, &one_of(all), r)?;
        self.word_of(key, &text, all, r)
    }

    /// The values of a key that holds words of an enum; none if it is absent.
    pub(crate) fn words<T: Copy + Display>(
        &self,
        key: &str,
        all: &[T],
        r: &mut Report<'_>,
    ) -> Vec<T> {
        let texts = self.texts(key, r).into_iter();
        texts
            .filter_map(|text| self.word_of(key, &text, all, r))
            .collect()
    }

    /// The value of a word, if the enum has it.
    pub(crate) fn word_of<T: Copy + Display>(
        &self,
        key: &str,
        text: &At<&str>,
        all: &[T],
        r: &mut Report<'_>,
    ) -> Option<T> {
        let value = all.iter().find(|it| it.to_string() == text.value).copied();
        if value.is_none() {
            let message = format!(
                "{}: `{key}` is {}; {}",
                self.title,
                shown(text.value),
                one_of(all)
            );
            r.wrong(&text.span, message);
        }
        value
    }

    /// The table of a key that must be there, written as `[key]`.
    pub(crate) fn table(&self, key: &str, right: &str, r: &mut Report<'_>) -> Option<Table<'t>> {
        let Some(value) = self.get(key) else {
            r.wrong(
                &self.span,
                format!("{}: [{key}] is missing; {right}", self.title),
            );
            return None;
        };
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(key, value, &format!("write it as [{key}]"), r);
        }
        Some(Table::new(table?, value.span(), key))
    }

    /// The tables of a key written as `[[key]]`; none if it is absent.
    pub(crate) fn tables(&self, key: &str, r: &mut Report<'_>) -> Vec<Table<'t>> {
        let right = format!("write it as [[{key}]]");
        self.list(key, &right, r, |value| value.get_ref().as_table())
            .into_iter()
            .map(|table| Table::new(table.value, table.span, key))
            .collect()
    }
}

/// What would be right where one of these words is expected.
fn one_of<T: Display>(all: &[T]) -> String {
    let words: Vec<String> = all.iter().map(T::to_string).collect();
    format!("write one of {}", words.join(", "))
}

fn number(value: &Spanned<DeValue<'_>>) -> Option<At<u32>> {
    let integer = value.get_ref().as_integer()?;
    let value_of = u32::from_str_radix(integer.as_str(), integer.radix()).ok()?;
    Some(At {
        value: value_of,
        span: value.span(),
    })
}
