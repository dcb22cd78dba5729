//! A file of events, to which lines are added, and which is rotated by size and time.
//!
//! Rotated files keep the name with a number behind it: `events.json.1` is the newest. The file never
//! holds a part of a line: what a full disk cut off is taken back, and what was torn by a sudden end
//! is put on a line of its own when the file is opened.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Delivered, Sink, Then};

/// Where to write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The file.
    pub path: PathBuf,
    /// When it is rotated; `None` if others see to that.
    pub rotation: Option<Rotation>,
}

/// When a file is rotated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rotation {
    /// Octets that it may have; a single line may have more.
    pub size_octets: u64,
    /// Time for which one file holds events: counted from 1970, so that days begin at midnight UTC.
    pub every: Duration,
    /// Rotated files that are kept.
    pub keep: usize,
}

/// A file that is open.
#[derive(Debug)]
pub(super) struct LogFile {
    settings: Settings,
    file: File,
    len: u64,
    /// Number of the span of time whose events it holds.
    span: u64,
    /// Whether it ends with a part of a line.
    is_torn: bool,
    /// Whether there should be another file at the path.
    is_old: bool,
    /// When rotation failed.
    failed: Option<Instant>,
    buffer: Vec<u8>,
}

impl LogFile {
    /// Opens the file, or makes it, readable for the group.
    pub(super) fn open(settings: Settings) -> io::Result<Self> {
        let file = open(&settings.path)?;
        let mut this = Self {
            settings,
            file,
            len: 0,
            span: 0,
            is_torn: false,
            is_old: false,
            failed: None,
            buffer: Vec::new(),
        };
        this.look()?;
        Ok(this)
    }

    /// Looks at what the file holds.
    fn look(&mut self) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        // A pipe or a device has neither length nor end, and cannot be rotated.
        if !metadata.is_file() {
            self.settings.rotation = None;
            return Ok(());
        }
        self.len = metadata.len();
        self.span = self.span_of(metadata.modified()?);
        if self.len == 0 {
            self.span = self.span_of(SystemTime::now());
        } else {
            let mut last = [0];
            self.file.seek(SeekFrom::End(-1))?;
            self.file.read_exact(&mut last)?;
            self.is_torn = last != *b"\n";
        }
        Ok(())
    }

    fn span_of(&self, at: SystemTime) -> u64 {
        let Some(rotation) = self.settings.rotation else {
            return 0;
        };
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_secs() / rotation.every.as_secs().max(1)
    }

    /// Makes room for a line of that many octets, if it is time. What fails is told, and tried again
    /// after a while; until then the file grows.
    fn rotate_for(&mut self, octets: u64) {
        let Some(rotation) = self.settings.rotation else {
            return;
        };
        let span = self.span_of(SystemTime::now());
        if self.len == 0 {
            self.span = span;
            return;
        }
        let is_full = self.len.saturating_add(octets) > rotation.size_octets;
        let is_over = self.span != span;
        let has_failed = self.failed.is_some_and(|it| it.elapsed() < RETRY);
        if !(is_full || is_over) || has_failed {
            return;
        }
        let path = &self.settings.path;
        self.failed = match rotate(path, rotation.keep) {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!("cannot rotate {}, which grows: {error}", path.display());
                Some(Instant::now())
            }
        };
        self.is_old = self.failed.is_none();
        self.renew();
    }

    /// Opens the file at the path, if that is another one by now; else stays with what is open.
    fn renew(&mut self) {
        if !self.is_old {
            return;
        }
        let path = &self.settings.path;
        match open(path) {
            Ok(file) => {
                self.file = file;
                (self.len, self.is_torn, self.is_old) = (0, false, false);
                if let Err(error) = self.look() {
                    tracing::warn!("cannot look into {}: {error}", self.settings.path.display());
                }
            }
            Err(error) => {
                tracing::warn!("cannot open {}: {error}", path.display());
            }
        }
    }

    /// Takes a part of a line back; it is put on a line of its own where that cannot be done.
    fn take_back(&mut self, octets: usize) {
        let cut = self.file.metadata().and_then(|it| {
            let whole = it.len().checked_sub(octets as u64);
            self.file.set_len(whole.ok_or(ErrorKind::InvalidInput)?)
        });
        self.is_torn = cut.is_err();
    }
}

impl Sink for LogFile {
    fn deliver(&mut self, lines: &[Arc<[u8]>]) -> Delivered {
        let Some(first) = lines.first() else {
            return Delivered::all(0);
        };
        self.renew();
        self.rotate_for(first.len() as u64);
        let room = self.settings.rotation.map_or(u64::MAX, |it| it.size_octets);
        self.buffer.clear();
        if self.is_torn {
            self.buffer.push(b'\n');
        }
        let mended = self.buffer.len();
        let mut taken = 0;
        for line in lines {
            let octets = self.len + (self.buffer.len() + line.len()) as u64;
            if taken > 0 && octets > room {
                break;
            }
            self.buffer.extend_from_slice(line);
            taken += 1;
        }
        let (written, error) = write(&mut self.file, &self.buffer);
        self.len += written as u64;
        let Some(error) = error else {
            self.is_torn = false;
            return Delivered::all(taken);
        };
        let mut whole = mended;
        let mut sent = 0;
        for line in lines.iter().take(taken) {
            if whole + line.len() > written {
                break;
            }
            whole += line.len();
            sent += 1;
        }
        if written >= mended {
            self.is_torn = false;
            if let Some(part @ 1..) = written.checked_sub(whole) {
                self.take_back(part);
                self.len = self.len.saturating_sub(part as u64);
            }
        }
        Delivered {
            sent,
            then: Then::Broken(error),
        }
    }

    fn reopen(&mut self) {
        self.is_old = true;
        self.renew();
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        opened => return opened,
    }
    let file = options.create(true).mode(MODE).open(path)?;
    // Whatever the mask is: shippers read it as members of the group.
    file.set_permissions(fs::Permissions::from_mode(MODE))?;
    Ok(file)
}

/// Writes all; says how many octets were written, and why not all were.
fn write(file: &mut File, octets: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    while let Some(rest) = octets.get(written..).filter(|it| !it.is_empty()) {
        match file.write(rest) {
            Ok(0) => return (written, Some(ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Some(error)),
        }
    }
    (written, None)
}

/// Gives each file the name of the next older one; the oldest goes.
fn rotate(path: &Path, keep: usize) -> io::Result<()> {
    for number in (1..keep).rev() {
        match fs::rename(numbered(path, number), numbered(path, number + 1)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, numbered(path, 1))
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// Who may read the file: its owner and the group.
const MODE: u32 = 0o640;

/// Time after which rotation is tried again that failed.
const RETRY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_at_the_end_of_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.json");
        fs::write(&path, "before\n").unwrap();
        deliver(&mut opened(&path, None), &["one\n", "two\n"]);
        assert_eq!(text(&path), "before\none\ntwo\n");
    }

    #[test]
    fn a_torn_line_gets_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.json");
        fs::write(&path, "one\n{\"to").unwrap();
        let mut file = opened(&path, None);
        deliver(&mut file, &["two\n"]);
        deliver(&mut file, &["three\n"]);
        assert_eq!(text(&path), "one\n{\"to\ntwo\nthree\n");
    }

    #[test]
    fn it_is_rotated_before_it_is_too_large_and_so_many_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.json");
        let mut file = opened(&path, rotation(8, DAY, 2));
        deliver(
            &mut file,
            &["one\n", "two\n", "3\n", "four\n", "fives\n", "sixes\n"],
        );
        let of = |number| text(&numbered(&path, number));
        assert_eq!(
            (of(2), of(1)),
            ("3\nfour\n".to_owned(), "fives\n".to_owned())
        );
        assert_eq!(text(&path), "sixes\n");
        assert!(!numbered(&path, 3).exists());
    }

    #[test]
    fn a_line_that_is_longer_than_a_file_is_written_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.json");
        let mut file = opened(&path, rotation(4, DAY, 5));
        deliver(&mut file, &["much too long\n", "1\n"]);
        assert_eq!(text(&numbered(&path, 1)), "much too long\n");
        assert_eq!(text(&path), "1\n");
    }

    #[test]
    fn events_of_another_day_go_to_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.json");
        fs::write(&path, "old\n").unwrap();
        let yesterday = SystemTime::now() - DAY;
        File::open(&path).unwrap().set_modified(yesterday).unwrap();
        let mut file = opened(&path, rotation(1 << 20, DAY, 5));
        deliver(&mut file, &["new\n", "newer\n"]);
        assert_eq!(text(&numbered(&path, 1)), "old\n");
        assert_eq!(text(&path), "new\nnewer\n");
    }

    #[test]
    fn a_file_that_was_renamed_is_left_when_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.json");
        let mut file = opened(&path, None);
        deliver(&mut file, &["one\n"]);
        fs::rename(&path, folder.path().join("moved")).unwrap();
        deliver(&mut file, &["two\n"]);
        file.reopen();
        deliver(&mut file, &["three\n"]);
        assert_eq!(text(&folder.path().join("moved")), "one\ntwo\n");
        assert_eq!(text(&path), "three\n");
    }

    #[test]
    fn the_group_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.json");
        let _file = opened(&path, None);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[test]
    fn a_device_is_written_to_and_never_rotated() {
        let mut file = opened(Path::new("/dev/null"), rotation(1, DAY, 1));
        deliver(&mut file, &["one\n", "two\n"]);
        let mut full = opened(Path::new("/dev/full"), None);
        let delivered = full.deliver(&["one\n".as_bytes().into()]);
        assert_eq!(delivered.sent, 0);
        assert!(matches!(delivered.then, Then::Broken(_)), "{delivered:?}");
    }

    fn opened(path: &Path, rotation: Option<Rotation>) -> LogFile {
        let path = path.to_owned();
        LogFile::open(Settings { path, rotation }).unwrap()
    }

    #[expect(clippy::unnecessary_wraps, reason = "what the settings take")]
    fn rotation(size_octets: u64, every: Duration, keep: usize) -> Option<Rotation> {
        Some(Rotation {
            size_octets,
            every,
            keep,
        })
    }

    /// Delivers all lines, in as many steps as it takes.
    fn deliver(file: &mut LogFile, lines: &[&str]) {
        let lines: Vec<Arc<[u8]>> = lines.iter().map(|it| it.as_bytes().into()).collect();
        let mut left = lines.as_slice();
        while !left.is_empty() {
            let delivered = file.deliver(left);
            assert!(matches!(delivered.then, Then::GoOn), "{delivered:?}");
            left = &left[delivered.sent..];
        }
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    const DAY: Duration = Duration::from_secs(86_400);
}
