//! Reading a TOML table key by key, so that all that is wrong in it is found at once.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Report, shown};

/// A value with its place in the text.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// A table of a pack, and how messages call it.
#[derive(Debug)]
pub(super) struct Table<'t> {
    keys: &'t DeTable<'t>,
    span: Range<usize>,
    /// `signature kl-h01`.
    pub(super) title: String,
}

impl<'t> Table<'t> {
    pub(super) fn new(keys: &'t DeTable<'t>, span: Range<usize>, title: &str) -> Self {
        Self {
            keys,
            span,
            title: title.to_owned(),
        }
    }

    /// Where the table starts.
    pub(super) fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// Reports each key that is not one of `known`.
    pub(super) fn only(&self, known: &[&str], report: &mut Report<'_>) {
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
    pub(super) fn optional_text(&self, key: &str, r: &mut Report<'_>) -> Option<At<&'t str>> {
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
    pub(super) fn text(&self, key: &str, right: &str, r: &mut Report<'_>) -> Option<At<&'t str>> {
        if self.get(key).is_none() {
            r.wrong(
                &self.span,
                format!("{}: `{key}` is missing; {right}", self.title),
            );
        }
        self.optional_text(key, r)
    }

    /// The whole number of a key that must be there.
    pub(super) fn number(&self, key: &str, right: &str, r: &mut Report<'_>) -> Option<At<u32>> {
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
    pub(super) fn flag(&self, key: &str, default: bool, r: &mut Report<'_>) -> bool {
        let Some(value) = self.get(key) else {
            return default;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong_type(key, value, "write true or false", r);
            default
        })
    }

    /// The texts of a key; none if it is absent.
    pub(super) fn texts(&self, key: &str, r: &mut Report<'_>) -> Vec<At<&'t str>> {
        self.list(key, "write texts in quotes, in brackets", r, |value| {
            value.get_ref().as_str()
        })
    }

    /// The whole numbers of a key; none if it is absent.
    pub(super) fn numbers(&self, key: &str, r: &mut Report<'_>) -> Vec<At<u32>> {
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

    /// The tables of a key written as `[[key]]`; none if it is absent.
    pub(super) fn tables(&self, key: &str, r: &mut Report<'_>) -> Vec<Table<'t>> {
        let right = format!("write it as [[{key}]]");
        self.list(key, &right, r, |value| value.get_ref().as_table())
            .into_iter()
            .map(|table| Table::new(table.value, table.span, key))
            .collect()
    }
}

fn number(value: &Spanned<DeValue<'_>>) -> Option<At<u32>> {
    let integer = value.get_ref().as_integer()?;
    let value_of = u32::from_str_radix(integer.as_str(), integer.radix()).ok()?;
    Some(At {
        value: value_of,
        span: value.span(),
    })
}
