//! The web file: who may connect to the web server, and how.
//!
//! It is written as every Prometheus exporter has it, in YAML: certificates, passwords, headers and
//! a limit on requests. [`WebConfig::load`] reads the file and all that it names, and checks it as a
//! whole; what is wrong is said with its line and its key. Keys of the format that this server does
//! not keep are errors: what protects nothing must not look as if it did.
//!
//! [`Keeper`] looks at the files again while the server runs, so that a new certificate or password
//! holds without a restart. A version that is broken changes nothing, nor does one that would take
//! away encryption or passwords altogether: that could be a file that is just being written.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use hyper::header::{HeaderName, HeaderValue};

use self::file::Gathered;
use self::tls::Tls;

mod file;
#[cfg_attr(
    not(feature = "tls"),
    expect(dead_code, reason = "a build without TLS reads none of it")
)]
mod spec;
#[cfg(not(feature = "tls"))]
#[path = "web_config/no_tls.rs"]
pub(super) mod tls;
#[cfg(feature = "tls")]
pub(super) mod tls;

/// What the web file says. The default is that of a server without one.
#[derive(Debug, Default)]
pub struct WebConfig {
    /// How connections are encrypted; `None` for plain HTTP.
    pub(super) tls: Option<Tls>,
    /// Names and bcrypt hashes of those who may ask; empty if nobody is asked for a password.
    pub(super) users: BTreeMap<String, String>,
    /// Headers that every answer gets, in place of those it would have.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// How many requests are answered, of all clients together.
    pub(super) rate: Option<Rate>,
}

/// A limit on requests: a burst of them, then one an interval.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Rate {
    /// Time between two requests; more than zero.
    pub(super) interval: Duration,
    /// Requests that may come at once; at least one.
    pub(super) burst: u32,
}

impl WebConfig {
    /// Reads a web file and the files that it names, relative to its own folder.
    ///
    /// # Errors
    ///
    /// [`WebConfigError`] if a file cannot be read, a key or its value is wrong, or a certificate
    /// does not fit its key.
    pub fn load(path: &Path) -> Result<Self, WebConfigError> {
        Gathered::read(path).config
    }

    /// Whether only those are answered who have a password or a certificate.
    #[must_use]
    pub fn requires_authentication(&self) -> bool {
        !self.users.is_empty() || self.requires_certificate()
    }

    /// Whether only clients with a certificate of the right authority are answered.
    pub(super) fn requires_certificate(&self) -> bool {
        self.tls.as_ref().is_some_and(Tls::requires_certificate)
    }

    /// Why this must not take the place of `old` while the server runs.
    fn opens(&self, old: &Self) -> Option<&'static str> {
        if old.tls.is_some() != self.tls.is_some() {
            return Some("tls_server_config cannot come or go while the server runs; restart it");
        }
        if old.requires_authentication() && !self.requires_authentication() {
            return Some(
                "this would let in everybody; to mean it, restart the sensor with this file",
            );
        }
        None
    }
}

/// What is wrong with a web file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WebConfigError {
    /// The file: the web file, or one that it names.
    pub path: PathBuf,
    /// Line, from 1; `None` where it is about the file as a whole.
    pub line: Option<u64>,
    /// What is wrong and what would be right; names the key.
    pub message: String,
}

impl fmt::Display for WebConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for WebConfigError {}

/// Holds the web file in force, and looks whether it has changed.
#[derive(Debug)]
pub(super) struct Keeper {
    path: Option<PathBuf>,
    /// What was read at the start.
    files: Vec<PathBuf>,
    current: ArcSwap<WebConfig>,
    last: Mutex<Last>,
}

/// What was seen when the files were last looked at.
#[derive(Debug)]
struct Last {
    at: Instant,
    digest: [u8; 32],
}

/// What a look at the files gave.
#[derive(Debug)]
pub(super) enum Look {
    /// They are as they were.
    Same,
    /// They have changed, and hold from now on.
    Changed,
    /// They have changed, and cannot be used.
    Broken(WebConfigError),
}

impl Keeper {
    /// Loads the file; without one, everything is as [`WebConfig::default`].
    pub(super) fn open(path: Option<PathBuf>) -> Result<Self, WebConfigError> {
        let (config, digest, files) = match &path {
            Some(path) => {
                let gathered = Gathered::read(path);
                (gathered.config?, gathered.digest, gathered.files)
            }
            None => (WebConfig::default(), [0; 32], Vec::new()),
        };
        Ok(Self {
            path,
            files,
            current: ArcSwap::from_pointee(config),
            last: Mutex::new(Last {
                at: Instant::now(),
                digest,
            }),
        })
    }

    /// The web file and all that it names, as they were at the start; they are read again.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What holds.
    pub(super) fn current(&self) -> Arc<WebConfig> {
        self.current.load_full()
    }

    /// Whether the files should be looked at again.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.path.is_some() && now.saturating_duration_since(last.at) >= LOOK_EVERY
    }

    /// Looks at the files; takes some milliseconds when they have changed.
    pub(super) fn look(&self, now: Instant) -> Look {
        let Some(path) = &self.path else {
            return Look::Same;
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.at = now;
        let gathered = Gathered::read(path);
        if gathered.digest == last.digest {
            return Look::Same;
        }
        last.digest = gathered.digest;
        let broken = |message: &str| WebConfigError {
            path: path.clone(),
            line: None,
            message: message.to_owned(),
        };
        match gathered.config {
            Err(error) => Look::Broken(error),
            Ok(config) => match config.opens(&self.current.load()) {
                Some(why) => Look::Broken(broken(why)),
                None => {
                    self.current.store(Arc::new(config));
                    Look::Changed
                }
            },
        }
    }
}

/// Time between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Octets of the web file, and of each file that it names, at most.
const MAX_FILE: u64 = 1 << 20;

#[cfg(test)]
mod tests;
