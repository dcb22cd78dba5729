//! The octets of an input: opened, recognised and decompressed.

use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::ReplayError;

/// The octets of a file or of standard input, decompressed.
pub(super) struct Input {
    octets: Octets,
    /// Size as stored, if it is a regular file.
    pub(super) stored_len: Option<u64>,
}

enum Octets {
    Plain(Raw),
    Gzip(Box<MultiGzDecoder<BufReader<Raw>>>),
    Zstd(zstd::Decoder<'static, BufReader<Raw>>),
}

impl Input {
    /// Opens a path, or standard input for `-`, and looks at the first octets.
    pub(super) fn open(path: &Path) -> Result<Self, ReplayError> {
        let cannot_open = |source| ReplayError::Open {
            path: path.to_owned(),
            source,
        };
        if path.as_os_str() == STANDARD_INPUT {
            let input = io::stdin().as_fd().try_clone_to_owned();
            let input = input.map(File::from).map_err(cannot_open)?;
            return Self::new(input, None).map_err(cannot_open);
        }
        let file = File::open(path).map_err(cannot_open)?;
        let metadata = file.metadata().map_err(cannot_open)?;
        if metadata.is_dir() {
            return Err(ReplayError::Directory {
                path: path.to_owned(),
            });
        }
        let stored_len = metadata.is_file().then_some(metadata.len());
        Self::new(file, stored_len).map_err(cannot_open)
    }

    fn new(mut inner: File, stored_len: Option<u64>) -> io::Result<Self> {
        let mut first = Vec::new();
        Read::by_ref(&mut inner).take(4).read_to_end(&mut first)?;
        let compression = Compression::recognise(&first);
        let raw = Raw {
            first: Cursor::new(first),
            rest: inner,
            patience: None,
            taken: 0,
        };
        let octets = match compression {
            Compression::None => Octets::Plain(raw),
            Compression::Gzip => Octets::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(raw)))),
            Compression::Zstd => Octets::Zstd(zstd::Decoder::with_buffer(BufReader::new(raw))?),
        };
        Ok(Self { octets, stored_len })
    }

    /// Reads some octets; zero means the end. With patience, [`ErrorKind::WouldBlock`] means that
    /// nothing came for that time; it may be read on then.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        patience: Option<Duration>,
    ) -> io::Result<usize> {
        let raw = match &mut self.octets {
            Octets::Plain(it) => it,
            Octets::Gzip(it) => it.get_mut().get_mut(),
            Octets::Zstd(it) => it.get_mut().get_mut(),
        };
        raw.patience = patience;
        loop {
            let read = match &mut self.octets {
                Octets::Plain(it) => it.read(buffer),
                Octets::Gzip(it) => it.read(buffer),
                Octets::Zstd(it) => it.read(buffer),
            };
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// Whether the octets were compressed.
    pub(super) fn is_compressed(&self) -> bool {
        !matches!(self.octets, Octets::Plain(_))
    }

    /// Octets taken from the file or standard input so far, as stored.
    pub(super) fn taken(&self) -> u64 {
        match &self.octets {
            Octets::Plain(it) => it.taken,
            Octets::Gzip(it) => it.get_ref().get_ref().taken,
            Octets::Zstd(it) => it.get_ref().get_ref().taken,
        }
    }
}

/// Octets as stored, with the first few put back.
struct Raw {
    first: Cursor<Vec<u8>>,
    rest: File,
    /// How long to wait for octets.
    patience: Option<Duration>,
    taken: u64,
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.first.read(buffer)? {
            0 if self
                .patience
                .is_some_and(|it| is_silent(self.rest.as_fd(), it)) =>
            {
                return Err(ErrorKind::WouldBlock.into());
            }
            0 => self.rest.read(buffer)?,
            read => read,
        };
        self.taken = self
            .taken
            .saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

#[derive(Clone, Copy)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    fn recognise(first: &[u8]) -> Self {
        match first {
            // RFC 1952 section 2.3.1.
            [0x1f, 0x8b, ..] => Self::Gzip,
            // RFC 8878 section 3.1.1.
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Whether nothing can be read within that time, and the end has not come either. A regular file is
/// never silent.
pub(super) fn is_silent(input: BorrowedFd<'_>, patience: Duration) -> bool {
    let mut inputs = [PollFd::new(input, PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    // A signal is a reason to look whether it is of use to wait on.
    matches!(poll(&mut inputs, timeout), Ok(0) | Err(Errno::EINTR))
}

/// Stands for standard input where a path is expected.
pub(super) const STANDARD_INPUT: &str = "-";
