//! Findings on disk: one SQLite file in a folder of the sensor's own.
//!
//! [`open`] gives what an earlier run kept; [`Store::start`] gives the thread that saves, and a
//! [`Handle`] to hand it batches. A batch is one transaction; it holds what has changed since the one
//! before. A save that fails is counted and tried again until it succeeds, and nobody waits for it.
//!
//! Analysts can open the file with any SQLite tool while the sensor runs. It is never deleted: one that is
//! damaged is put aside under another name, and one that is not ours, or newer than this program, is
//! left alone and ends the start.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::findings::History;
use crate::findings::saved::Kept;

mod read;
mod save;
mod text;
mod thread;

pub use save::Batch;
pub use thread::{Counts, Handle, Outcome, SAVE_BOUNDS};

/// A store that is open, and locked against other sensors.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    _lock: File,
}

/// What an earlier run kept.
#[derive(Debug, Default)]
pub struct Stored {
    /// Findings, their hosts and the time watched.
    pub kept: Kept,
    /// What has happened to findings.
    pub history: History,
    /// Rows that could not be read, and are left out.
    pub unreadable: u64,
    /// The file that was put aside because it is damaged.
    pub put_aside: Option<PathBuf>,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or written in.
    #[error("cannot keep findings in {}; state.folder must be a folder that the sensor may write in", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// Another sensor has it.
    #[error("another sensor keeps its findings in {}; give each a state.folder of its own", .0.display())]
    InUse(PathBuf),
    /// The file cannot be opened.
    #[error("cannot open {}", .0.display())]
    Open(PathBuf, #[source] rusqlite::Error),
    /// The file is a database of another program.
    #[error("{} is a database of another program; take it away, or choose another state.folder", .0.display())]
    Foreign(PathBuf),
    /// The file was written by a newer version of this program.
    #[error(
        "{} has schema {found}, and this version knows {SCHEMA} at most; install the newer version again, or \
         choose another state.folder", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// The file is damaged and cannot be renamed.
    #[error("{} is damaged, and cannot be put aside", .0.display())]
    PutAside(PathBuf, #[source] io::Error),
}

/// Opens the store in a folder, which is made if it is not there, and reads at most `capacity` findings.
///
/// # Errors
///
/// [`StoreError`]; the sensor must not start then, or it would tell all findings anew.
pub fn open(folder: &Path, capacity: usize) -> Result<(Store, Stored), StoreError> {
    let lock = lock(folder)?;
    let path = folder.join(FILE);
    make(folder, &path)?;
    let (connection, put_aside) = match connect(&path)? {
        Some(connection) => (connection, None),
        None => {
            let aside = put_aside(&path).map_err(|it| StoreError::PutAside(path.clone(), it))?;
            make(folder, &path)?;
            let fresh = connect(&path)?;
            let connection = fresh.ok_or_else(|| StoreError::Foreign(path.clone()))?;
            (connection, Some(aside))
        }
    };
    let stored = read::all(&connection, SCHEMA, capacity);
    let mut stored = stored.map_err(|it| StoreError::Open(path, it))?;
    stored.put_aside = put_aside;
    let store = Store {
        connection,
        _lock: lock,
    };
    Ok((store, stored))
}

/// Reads what is kept in a folder, also while a sensor keeps it; nothing is changed.
///
/// # Errors
///
/// [`StoreError`] when there is no store, or not one of this program.
pub fn look(folder: &Path) -> Result<Stored, StoreError> {
    let path = folder.join(FILE);
    let failed = |it| StoreError::Open(path.clone(), it);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(failed)?;
    connection.busy_timeout(thread::BUSY).map_err(failed)?;
    match whose(&connection).map_err(failed)? {
        Owner::Ours(version) if version <= SCHEMA => {
            read::all(&connection, version, usize::MAX).map_err(failed)
        }
        Owner::Ours(found) => Err(StoreError::Newer { path, found }),
        Owner::Nobody | Owner::Other => Err(StoreError::Foreign(path)),
    }
}

/// Makes the folder and locks it.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let failed = |it| StoreError::Folder(folder.to_owned(), it);
    if !folder.is_dir() {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o750);
        builder.create(folder).map_err(failed)?;
    }
    let file = make(folder, &folder.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Opens a file, and makes it if it is not there: for its owner and group alone, since it tells which
/// hosts have what.
fn make(folder: &Path, path: &Path) -> Result<File, StoreError> {
    let mut options = File::options();
    options.create(true).append(true).mode(0o640);
    let file = options.open(path);
    let file = file.map_err(|it| StoreError::Folder(folder.to_owned(), it))?;
    adopt(folder, path);
    Ok(file)
}

/// Gives a file that root has made to the owner of its folder, who will open it next time.
fn adopt(folder: &Path, file: &Path) {
    if nix::unistd::geteuid().is_root()
        && let Ok(owner) = fs::metadata(folder)
    {
        // Who may not is told when the file cannot be opened.
        let _ = std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid()));
    }
}

/// Opens the file and makes what is missing in it; `None` if it is damaged.
fn connect(path: &Path) -> Result<Option<Connection>, StoreError> {
    match prepared(path) {
        Ok((connection, Owner::Ours(version))) if version <= SCHEMA => Ok(Some(connection)),
        Ok((_, Owner::Ours(found))) => Err(StoreError::Newer {
            path: path.to_owned(),
            found,
        }),
        Ok((_, Owner::Nobody | Owner::Other)) => Err(StoreError::Foreign(path.to_owned())),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Ok(None),
            _ => Err(StoreError::Open(path.to_owned(), error)),
        },
    }
}

fn prepared(path: &Path) -> rusqlite::Result<(Connection, Owner)> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(thread::BUSY)?;
    let mut owner = whose(&connection)?;
    if owner == Owner::Other {
        return Ok((connection, owner));
    }
    check(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // Nothing may be opened later: rights are given up by then.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "journal_size_limit", MAX_JOURNAL)?;
    if owner == Owner::Nobody {
        connection.execute_batch(TABLES)?;
        owner = Owner::Ours(1);
    }
    if let Owner::Ours(version) = owner
        && let Ok(done @ 1..) = usize::try_from(version)
    {
        for (step, number) in STEPS.iter().zip(2..).skip(done - 1) {
            connection.execute_batch(step)?;
            owner = Owner::Ours(number);
        }
    }
    // Makes the files beside it, which can be opened now.
    connection.execute_batch("BEGIN IMMEDIATE; COMMIT")?;
    Ok((connection, owner))
}

/// Whose a database is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Owner {
    /// Nobody's: it is empty.
    Nobody,
    /// This program's; holds the number of its schema.
    Ours(i64),
    Other,
}

fn whose(connection: &Connection) -> rusqlite::Result<Owner> {
    let number = |name: &str| connection.pragma_query_value(None, name, |it| it.get::<_, i64>(0));
    let (id, version) = (number("application_id")?, number("user_version")?);
    let count = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = connection.query_row(count, [], |it| it.get(0))?;
    Ok(match (id, tables) {
        (APPLICATION, _) => Owner::Ours(version),
        (0, 0) => Owner::Nobody,
        _ => Owner::Other,
    })
}

/// Reads all pages; an error if they do not fit together.
fn check(connection: &Connection) -> rusqlite::Result<()> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |it| it.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some(verdict),
    ))
}

/// Renames a damaged file and those beside it; gives the new name.
fn put_aside(path: &Path) -> io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    let named = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let aside = named(&format!(".damaged-{now}"));
    fs::rename(path, &aside)?;
    for end in ["-wal", "-shm"] {
        let beside = named(end);
        if beside.exists() {
            fs::rename(beside, named(&format!(".damaged-{now}{end}")))?;
        }
    }
    Ok(aside)
}

/// Name of the file.
pub const FILE: &str = "phonehome.db";

/// Name of the file that is locked.
const LOCK: &str = "phonehome.lock";

/// Tells our files from others': "PHOM".
const APPLICATION: i64 = 0x5048_4f4d;

/// Number of the schema.
const SCHEMA: i64 = 2;

/// Octets to which the journal beside the file is cut when it has been worked in.
const MAX_JOURNAL: i64 = 16 << 20;

/// What takes a file from a schema to the next one, the first from 1 to 2. `identity` is for the sensor
/// alone.
const STEPS: [&str; 1] = ["
BEGIN IMMEDIATE;
ALTER TABLE findings ADD COLUMN mac TEXT;
ALTER TABLE findings ADD COLUMN host_name TEXT;
ALTER TABLE hosts ADD COLUMN identity TEXT;
PRAGMA user_version = 2;
COMMIT;
"];

/// The first schema. Times are RFC 3339 in UTC. `page` is for the sensor alone.
const TABLES: &str = "
BEGIN IMMEDIATE;
CREATE TABLE findings (
    host TEXT NOT NULL,
    vendor TEXT NOT NULL,
    verdict TEXT NOT NULL,
    state TEXT NOT NULL,
    state_since TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    products TEXT NOT NULL,
    sightings INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    received INTEGER NOT NULL,
    page TEXT NOT NULL,
    PRIMARY KEY (host, vendor)
) STRICT, WITHOUT ROWID;
CREATE TABLE changes (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    host TEXT NOT NULL,
    vendor TEXT NOT NULL,
    change TEXT NOT NULL,
    verdict_before TEXT NOT NULL,
    verdict TEXT NOT NULL
) STRICT;
CREATE TABLE hosts (
    host TEXT PRIMARY KEY,
    proven INTEGER NOT NULL,
    resolver INTEGER NOT NULL,
    proxy INTEGER NOT NULL,
    asked INTEGER NOT NULL,
    seen_secs INTEGER NOT NULL,
    slots INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE watch (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    watched_nanos INTEGER NOT NULL,
    slot_secs INTEGER NOT NULL
) STRICT;
PRAGMA application_id = 1346916173;
PRAGMA user_version = 1;
COMMIT;
";

#[cfg(test)]
mod tests;
