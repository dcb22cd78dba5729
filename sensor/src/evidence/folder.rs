//! The folder of evidence: a file for each sighting that is proved, and the list of them.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// A line of the list: which frames prove what.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Record {
    /// When the name was on the wire, RFC 3339 in UTC.
    pub at: String,
    /// The host inside.
    pub host: String,
    /// Id of the vendor.
    pub vendor: String,
    /// Id of the signature.
    pub signature: String,
    /// How the name was seen, or what else was.
    pub source: String,
    /// The name; left out where the device itself answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The capture file with the frames, from the folder on.
    pub file: String,
    /// Size of the file in octets.
    pub octets: u64,
    /// Frames in it.
    pub frames: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// SHA-256 of the line before; of nothing for the first. So no line can be taken out or changed
    /// without a trace.
    pub previous: String,
}

/// What tells one record from another: half of the SHA-256 of host, signature and source.
type Key = [u8; 16];

/// The folder, open for more, and locked against other sensors.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    list: File,
    /// What is kept, as far as there is room to remember it.
    known: HashSet<Key>,
    records: usize,
    octets: u64,
    /// SHA-256 of the newest line.
    newest: String,
    /// Whether that line has no end, as the writer was killed within it.
    is_torn: bool,
    /// Most octets of all files.
    limit: u64,
}

/// Why there is no folder of evidence.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made, read or written in.
    #[error("cannot keep evidence in {}; evidence.folder must be a folder that the sensor may write in", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// Another sensor has it.
    #[error("another sensor keeps its evidence in {}; give each an evidence.folder of its own", .0.display())]
    InUse(PathBuf),
}

/// Why a record was not kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotKept {
    /// The files have the size that they may have.
    #[error("the folder is full")]
    Full,
    /// It cannot be written.
    #[error("cannot write {}: {error}", .path.display())]
    Write { path: PathBuf, error: io::Error },
}

impl Folder {
    /// Makes the folder if it is not there, so that its owner can write in it; for a process that still
    /// has rights to give up.
    ///
    /// # Errors
    ///
    /// [`FolderError`] when it cannot be made.
    pub fn make(path: &Path) -> Result<(), FolderError> {
        let failed = |it| FolderError::Folder(path.to_owned(), it);
        if path.is_dir() {
            return Ok(());
        }
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o750);
        builder.create(path).map_err(failed)?;
        if nix::unistd::geteuid().is_root()
            && let Some(owner) = path.parent().and_then(|it| fs::metadata(it).ok())
        {
            // Who may not write is told when the list is opened.
            let _ = chown(path, Some(owner.uid()), Some(owner.gid()));
        }
        Ok(())
    }

    /// Opens the folder, for files of at most that many octets in all; what is in it stays.
    ///
    /// # Errors
    ///
    /// [`FolderError`] when it cannot be written in, or another sensor has it.
    pub fn open(path: &Path, limit: u64) -> Result<Self, FolderError> {
        let failed = |it| FolderError::Folder(path.to_owned(), it);
        let mut options = File::options();
        options.create(true).read(true).append(true).mode(0o640);
        let list = options.open(path.join(LIST)).map_err(failed)?;
        match list.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FolderError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut folder = Self {
            path: path.to_owned(),
            known: HashSet::new(),
            records: 0,
            octets: 0,
            newest: hex_digest(b""),
            is_torn: false,
            limit,
            list: list.try_clone().map_err(failed)?,
        };
        let mut lines = Lines::of(&list);
        while let Some(line) = lines.next().map_err(failed)? {
            folder.newest = hex_digest(&line);
            if let Ok(record) = serde_json::from_slice::<Record>(&line) {
                folder.octets = folder.octets.saturating_add(record.octets);
                folder.records = folder.records.saturating_add(1);
                if folder.known.len() < MAX_RECORDS {
                    folder.known.insert(key(&record));
                }
            }
        }
        folder.is_torn = lines.is_torn;
        Ok(folder)
    }

    /// Whether this is kept already.
    pub(super) fn has(&self, record: &Record) -> bool {
        self.known.contains(&key(record))
    }

    /// Octets of all files that are kept.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    /// Keeps a capture file, and tells of it in the list. The record is completed with the file's name
    /// and what is known of it. For a host that may not be there, half of the room counts as all.
    pub(super) fn keep(
        &mut self,
        mut record: Record,
        is_there: bool,
        capture: &[u8],
    ) -> Result<(), NotKept> {
        let octets = capture.len() as u64;
        let part = if is_there { 1 } else { 2 };
        if self.octets.saturating_add(octets) > self.limit / part
            || self.records >= MAX_RECORDS / part as usize
        {
            return Err(NotKept::Full);
        }
        let host = file_word(&record.host);
        let file = [&record.vendor, &record.signature, &record.source].map(|it| file_word(it));
        record.file = format!("{host}/{}.pcapng", file.join("_"));
        record.octets = octets;
        record.sha256 = hex_digest(capture);
        record.previous.clone_from(&self.newest);
        let path = self.path.join(&record.file);
        write_whole(&path, capture).map_err(|error| NotKept::Write { path, error })?;
        let mut line = serde_json::to_vec(&record).unwrap_or_default();
        let newest = hex_digest(&line);
        line.push(b'\n');
        if self.is_torn {
            line.insert(0, b'\n');
        }
        self.append(&line).map_err(|error| NotKept::Write {
            path: self.path.join(LIST),
            error,
        })?;
        self.is_torn = false;
        self.newest = newest;
        self.octets += octets;
        self.records += 1;
        self.known.insert(key(&record));
        Ok(())
    }

    /// Adds to the list, all or nothing: a part of a line would spoil the next.
    fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        let len = self.list.metadata()?.len();
        let written = self.list.write_all(octets);
        if written.is_err() {
            self.list.set_len(len)?;
        }
        written
    }
}

/// The lines of a list. One that is too long is given cut.
pub(super) struct Lines<'f> {
    from: BufReader<&'f File>,
    /// Whether the last line that was given had no end.
    pub(super) is_torn: bool,
}

impl<'f> Lines<'f> {
    pub(super) fn of(file: &'f File) -> Self {
        Self {
            from: BufReader::new(file),
            is_torn: false,
        }
    }

    /// The next line, without its end; `None` behind the last.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut part = (&mut self.from).take(MAX_LINE);
        if part.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.is_torn = line.pop_if(|it| *it == b'\n').is_none();
        Ok(Some(line))
    }
}

fn key(record: &Record) -> Key {
    let text = [&record.host, &record.signature, &record.source].map(String::as_str);
    let digest = digest(&SHA256, text.join("\n").as_bytes());
    let mut key = Key::default();
    key.iter_mut()
        .zip(digest.as_ref())
        .for_each(|(to, from)| *to = *from);
    key
}

/// Writes a file so that it is there as a whole or not at all.
fn write_whole(path: &Path, octets: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    if !folder.is_dir() {
        DirBuilder::new().mode(0o750).create(folder)?;
    }
    let unfinished = path.with_extension("unfinished");
    let mut options = File::options();
    options.create(true).write(true).truncate(true).mode(0o640);
    let written = options
        .open(&unfinished)
        .and_then(|mut it| it.write_all(octets))
        .and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        // It would take the room that others need.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// A text as a part of a file's name: what is neither a letter nor a digit, dot or dash is a dash, and
/// so is a dot at the beginning.
fn file_word(text: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-');
    let word = |(number, it): (usize, char)| match it {
        '.' if number == 0 => '-',
        it if is_plain(it) => it,
        _ => '-',
    };
    text.chars().take(MAX_WORD).enumerate().map(word).collect()
}

/// SHA-256 in hexadecimal digits.
pub(super) fn hex_digest(octets: &[u8]) -> String {
    let digest = digest(&SHA256, octets);
    digest
        .as_ref()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect()
}

/// The list of a folder.
pub(super) const LIST: &str = "evidence.jsonl";

/// Records of a folder: 8 MiB to remember which there are.
pub(super) const MAX_RECORDS: usize = 200_000;

/// Longest line of the list in octets.
const MAX_LINE: u64 = 16_384;

/// Longest part of a file's name.
const MAX_WORD: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(host: &str, signature: &str) -> Record {
        Record {
            at: "2026-11-26T10:00:00.000000Z".to_owned(),
            host: host.to_owned(),
            vendor: "kaspersky".to_owned(),
            signature: signature.to_owned(),
            source: "dns-query".to_owned(),
            name: Some("ds.kaspersky.com".to_owned()),
            file: String::new(),
            octets: 0,
            frames: 2,
            sha256: String::new(),
            previous: String::new(),
        }
    }

    fn records(folder: &Path) -> Vec<Record> {
        let text = fs::read_to_string(folder.join(LIST)).unwrap();
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn a_folder_goes_on_where_it_was_left() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(place.path(), 1_000).unwrap();
        folder
            .keep(record("10.1.2.3", "kl-h1"), true, b"one")
            .unwrap();
        assert!(matches!(
            Folder::open(place.path(), 1_000),
            Err(FolderError::InUse(_))
        ));
        drop(folder);
        let mut folder = Folder::open(place.path(), 1_000).unwrap();
        assert!(folder.has(&record("10.1.2.3", "kl-h1")));
        let other = Record {
            source: "tls-sni".to_owned(),
            ..record("10.1.2.3", "kl-h1")
        };
        assert!(!folder.has(&other));
        assert_eq!(folder.octets(), 3);
        folder
            .keep(record("2001:db8::1", "kl/../h2"), true, b"two")
            .unwrap();
        let records = records(place.path());
        let lines = fs::read_to_string(place.path().join(LIST)).unwrap();
        let first = lines.lines().next().unwrap();
        assert_eq!(records[0].previous, hex_digest(b""));
        assert_eq!(records[1].previous, hex_digest(first.as_bytes()));
        assert_eq!(
            records[1].file,
            "2001-db8--1/kaspersky_kl-..-h2_dns-query.pcapng"
        );
        for (record, octets) in records.iter().zip(["one", "two"]) {
            assert_eq!(record.sha256, hex_digest(octets.as_bytes()));
            let file = fs::read_to_string(place.path().join(&record.file));
            assert_eq!(file.unwrap(), octets);
        }
        assert_eq!(
            hex_digest(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "FIPS 180-4"
        );
    }

    #[test]
    fn a_full_folder_takes_no_more_and_keeps_what_it_has() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(place.path(), 5).unwrap();
        folder
            .keep(record("10.1.2.3", "kl-h1"), true, b"one")
            .unwrap();
        let refused = folder.keep(record("10.1.2.4", "kl-h1"), true, b"two");
        assert!(matches!(refused, Err(NotKept::Full)));
        assert_eq!(records(place.path()).len(), 1);
        assert!(!place.path().join("10.1.2.4").exists());
        folder
            .keep(record("10.1.2.5", "kl-h1"), true, b"to")
            .unwrap();
    }

    #[test]
    fn hosts_that_may_be_made_up_leave_half_of_the_room() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(place.path(), 10).unwrap();
        let mut keep = |host, is_there| {
            let kept = folder.keep(record(host, "kl-h1"), is_there, b"five!");
            kept.is_ok()
        };
        assert!(keep("10.1.2.1", false));
        assert!(!keep("10.1.2.2", false));
        assert!(keep("10.1.2.3", true));
        assert!(!keep("10.1.2.4", true));
    }

    #[test]
    fn a_line_that_was_torn_off_spoils_no_other() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(place.path(), 100).unwrap();
        folder
            .keep(record("10.1.2.3", "kl-h1"), true, b"one")
            .unwrap();
        drop(folder);
        let list = place.path().join(LIST);
        let mut file = File::options().append(true).open(&list).unwrap();
        file.write_all(b"{\"at\":\"20").unwrap();
        let mut folder = Folder::open(place.path(), 100).unwrap();
        folder
            .keep(record("10.1.2.4", "kl-h1"), true, b"two")
            .unwrap();
        let text = fs::read_to_string(&list).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        let last: Record = serde_json::from_str(lines[2]).unwrap();
        assert_eq!(last.previous, hex_digest(lines[1].as_bytes()));
    }
}
