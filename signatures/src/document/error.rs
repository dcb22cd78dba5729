//! What is wrong in a file, and where.

use std::fmt;
use std::ops::Range;

/// Errors kept for one file; one with more is wrong in a way that the first ones show.
const MAX_ERRORS: usize = 200;
/// Characters of a value that are shown.
const MAX_SHOWN: usize = 80;

/// Something wrong in a file. Shown as `FILE:LINE: what is wrong and what would be right`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileError {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from one.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl std::error::Error for FileError {}

/// The errors of one file, collected while it is read.
#[derive(Debug)]
pub(crate) struct Report<'t> {
    file: &'t str,
    /// Offset of the first octet of each line but the first.
    lines: Vec<usize>,
    errors: Vec<FileError>,
}

impl<'t> Report<'t> {
    pub(crate) fn new(file: &'t str, text: &str) -> Self {
        let lines = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Self {
            file,
            lines,
            errors: Vec::new(),
        }
    }

    /// The line of an offset, from one.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|&start| start <= offset) + 1
    }

    /// Adds an error at the start of a piece of the text.
    pub(crate) fn wrong(&mut self, at: &Range<usize>, message: impl Into<String>) {
        self.wrong_on(self.line(at.start), message);
    }

    /// Adds an error on a line.
    pub(crate) fn wrong_on(&mut self, line: usize, message: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            let message = message.into();
            self.errors.push(FileError {
                file: self.file.to_owned(),
                line,
                message,
            });
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// All errors, in the order of their lines.
    pub(crate) fn into_errors(mut self) -> Vec<FileError> {
        self.errors.sort_by_key(|error| error.line);
        self.errors.dedup();
        self.errors
    }
}

/// A value as a message shows it: quoted, escaped, cut where it is long.
pub(crate) fn shown(value: &str) -> String {
    let mut text: String = value
        .chars()
        .take(MAX_SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if value.chars().nth(MAX_SHOWN).is_some() {
        text.push('…');
    }
    format!("`{text}`")
}
