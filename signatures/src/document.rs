//! Files that people write for the sensor, in TOML: packs, directives, waivers.
//!
//! In comes the text of a file, out goes what it says, or all that is wrong with it at once, each
//! with its line and with what would be right. What the keys mean is the business of the modules that
//! read them; finding the files, their largest size and their octets is that of this one.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

mod error;
mod table;

pub use error::FileError;

pub(crate) use error::{Report, shown};
pub(crate) use table::{At, Table};

/// Largest file in bytes.
pub(crate) const MAX_FILE: usize = 4 << 20;
/// Longest id in octets.
const MAX_ID: usize = 64;

/// Why files could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A folder, or a file in it, cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What they say is wrong; shown with one line for each error.
    #[error("{}", lines(.0))]
    Wrong(Vec<FileError>),
}

fn lines(errors: &[FileError]) -> String {
    errors
        .iter()
        .map(FileError::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Reads a document. `file` is what errors call the file, and `title` the document in it.
///
/// # Errors
///
/// All that is wrong, by line.
pub(crate) fn read<T>(
    file: &str,
    text: &str,
    title: &str,
    read: impl FnOnce(&Table<'_>, &mut Report<'_>) -> T,
) -> Result<T, Vec<FileError>> {
    let mut report = Report::new(file, text);
    if text.len() > MAX_FILE {
        report.wrong_on(
            1,
            format!("the file is larger than {MAX_FILE} octets; split it"),
        );
        return Err(report.into_errors());
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().unwrap_or_default();
        report.wrong(&at, format!("no TOML: {}", error.message().trim()));
    }
    if !errors.is_empty() {
        // Anything else would be about what the broken line hides.
        return Err(report.into_errors());
    }
    let document = Table::new(document.get_ref(), 0..0, title);
    let value = read(&document, &mut report);
    if report.is_clean() {
        Ok(value)
    } else {
        Err(report.into_errors())
    }
}

/// Whether an id is made of lower-case letters, digits and single hyphens.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() <= MAX_ID
        && text
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        && !text.split('-').any(str::is_empty)
}

/// Reports an id that is not well formed.
pub(crate) fn check_id(key: &str, id: &At<&str>, table: &Table<'_>, report: &mut Report<'_>) {
    if !is_id(id.value) {
        let message = format!(
            "{}: `{key}` is {}; use lower-case letters and digits, with single hyphens between, \
             at most {MAX_ID}",
            table.title,
            shown(id.value)
        );
        report.wrong(&id.span, message);
    }
}

/// The names and texts of the files `*.toml` in a folder, sorted by name; one more than `most` at
/// most, which is enough to say that there are too many.
pub(crate) fn read_folder(dir: &Path, most: usize) -> Result<Vec<(String, String)>, LoadError> {
    let wrong = |source| LoadError::Read {
        path: dir.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
    }
    paths.sort();
    paths.truncate(most + 1);
    paths.iter().map(|path| read_file(path)).collect()
}

/// The name and the text of a file.
pub(crate) fn read_file(path: &Path) -> Result<(String, String), LoadError> {
    let wrong = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    let mut octets = Vec::new();
    // One octet more than allowed tells a file that is too large.
    let most = MAX_FILE as u64 + 1;
    let opened = std::fs::File::open(path).map_err(wrong)?;
    opened.take(most).read_to_end(&mut octets).map_err(wrong)?;
    let file = path.display().to_string();
    if octets.len() > MAX_FILE {
        // Cut off it may end inside a character; what is wrong is its size.
        octets.clear();
        octets.resize(MAX_FILE + 1, b' ');
    }
    match String::from_utf8(octets) {
        Ok(text) => Ok((file, text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let before = error.as_bytes().get(..valid).unwrap_or_default();
            let line = before.iter().filter(|&&octet| octet == b'\n').count() + 1;
            let message = "the file is not UTF-8; save it as UTF-8".to_owned();
            Err(LoadError::Wrong(vec![FileError {
                file,
                line,
                message,
            }]))
        }
    }
}
