//! The thread that saves, and how it is reached.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use rusqlite::Connection;

use super::Store;
use super::save::{Batch, save};
use crate::time::Timestamp;
use crate::wall;

/// The way to the thread that saves. It takes one batch at a time.
#[derive(Debug)]
pub struct Handle {
    batches: Option<Sender<Batch>>,
    outcomes: Receiver<Outcome>,
    counts: Arc<ArcSwap<Counts>>,
    thread: Option<JoinHandle<()>>,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The batch with that number is on disk.
    Saved(u64),
    /// It could not be saved, and is tried again.
    Failed,
}

/// What the store has done. Counts only grow, but for the size of the file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// When the newest save succeeded, by the clock of the machine; that of the start before the first.
    pub last_save: Timestamp,
    /// Saves that failed.
    pub failures: u64,
    /// Saves by the first of [`SAVE_BOUNDS`] that they kept; the last are those beyond.
    pub durations: [u64; SAVE_BOUNDS.len() + 1],
    /// Time of all saves.
    pub duration_sum: Duration,
    /// Octets of the file.
    pub file_bytes: u64,
    /// Rows of findings and of changes that were deleted.
    pub deleted: [u64; 2],
}

impl Store {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system starts no more threads.
    pub fn start(self) -> io::Result<Handle> {
        let (batches, inbox) = bounded(1);
        let (outbox, outcomes) = bounded(OUTCOMES);
        let counts = Counts {
            last_save: wall::now(),
            file_bytes: size(&self.connection).unwrap_or_default(),
            ..Counts::default()
        };
        let counts = Arc::new(ArcSwap::from_pointee(counts));
        let desk = Desk {
            store: self,
            inbox,
            outbox,
            counts: Arc::clone(&counts),
            is_failing: false,
        };
        let thread = Builder::new()
            .name("store".to_owned())
            .spawn(move || desk.work())?;
        Ok(Handle {
            batches: Some(batches),
            outcomes,
            counts,
            thread: Some(thread),
        })
    }
}

impl Handle {
    /// Hands a batch over; gives it back if the one before is not done with.
    ///
    /// # Errors
    ///
    /// The batch, if there is no room for it.
    pub fn hand_over(&self, batch: Batch) -> Result<(), Box<Batch>> {
        let Some(batches) = &self.batches else {
            return Err(Box::new(batch));
        };
        batches.try_send(batch).map_err(|it| match it {
            TrySendError::Full(batch) | TrySendError::Disconnected(batch) => Box::new(batch),
        })
    }

    /// What has become of batches since it was last asked.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcomes.try_recv().ok()
    }

    /// Waits for what becomes of a batch, for that long at most.
    #[must_use]
    pub fn wait(&self, time: Duration) -> Option<Outcome> {
        self.outcomes.recv_timeout(time).ok()
    }

    /// What the store has done.
    #[must_use]
    pub fn counts(&self) -> Counts {
        **self.counts.load()
    }

    /// Ends the thread, if it is done within that time; else it ends with the process.
    pub fn close(&mut self, time: Duration) {
        self.batches = None;
        let end = Instant::now() + time;
        // The thread drops its end of the channel as the last thing.
        loop {
            match self.outcomes.recv_deadline(end) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Desk {
    store: Store,
    inbox: Receiver<Batch>,
    outbox: Sender<Outcome>,
    counts: Arc<ArcSwap<Counts>>,
    is_failing: bool,
}

impl Desk {
    fn work(mut self) {
        while let Ok(batch) = self.inbox.recv() {
            if !self.see_through(&batch) {
                break;
            }
        }
        // The file is closed, and free for others, before anybody hears of the end.
        drop(self.store);
    }

    /// Saves a batch, however often it takes; `false` if nobody waits for it any more.
    fn see_through(&mut self, batch: &Batch) -> bool {
        loop {
            let started = Instant::now();
            let saved = save(&mut self.store.connection, batch);
            let took = started.elapsed();
            let mut counts = **self.counts.load();
            counts.add(took);
            match saved {
                Ok(deleted) => {
                    counts.last_save = wall::now();
                    counts.deleted[0] += deleted.findings;
                    counts.deleted[1] += deleted.changes;
                    if let Some(size) = size(&self.store.connection) {
                        counts.file_bytes = size;
                    }
                    self.counts.store(Arc::new(counts));
                    if self.is_failing {
                        self.is_failing = false;
                        tracing::info!("findings are saved again");
                    }
                    return self.outbox.send(Outcome::Saved(batch.number)).is_ok();
                }
                Err(error) => {
                    counts.failures += 1;
                    self.counts.store(Arc::new(counts));
                    if !self.is_failing {
                        self.is_failing = true;
                        tracing::error!(
                            "findings cannot be saved, and are kept in memory until they can: {error}"
                        );
                    }
                    let told = self.outbox.try_send(Outcome::Failed);
                    if matches!(told, Err(TrySendError::Disconnected(_))) {
                        return false;
                    }
                    if !self.rest() {
                        return false;
                    }
                }
            }
        }
    }

    /// Waits before the next try; `false` if there will be no more batches.
    fn rest(&self) -> bool {
        let end = Instant::now() + RETRY;
        while Instant::now() < end {
            std::thread::sleep(NAP);
            // With one batch at hand nobody sends another.
            if self.inbox.is_empty() && self.is_deserted() {
                return false;
            }
        }
        true
    }

    fn is_deserted(&self) -> bool {
        matches!(
            self.inbox.try_recv(),
            Err(crossbeam_channel::TryRecvError::Disconnected)
        )
    }
}

impl Counts {
    fn add(&mut self, took: Duration) {
        let place = SAVE_BOUNDS.iter().position(|it| took <= *it);
        self.durations[place.unwrap_or(SAVE_BOUNDS.len())] += 1;
        self.duration_sum += took;
    }
}

/// Octets of the file.
fn size(connection: &Connection) -> Option<u64> {
    let query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let size: i64 = connection.query_row(query, [], |it| it.get(0)).ok()?;
    u64::try_from(size).ok()
}

/// Upper bounds of the time that a save takes.
pub const SAVE_BOUNDS: [Duration; 9] = [
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// How long a save waits for somebody else who writes in the file.
pub(super) const BUSY: Duration = Duration::from_secs(1);

/// Time between two tries to save.
const RETRY: Duration = Duration::from_secs(1);

/// How soon a thread that waits for its next try sees that it is to end.
const NAP: Duration = Duration::from_millis(50);

/// Outcomes that may wait to be heard; of failures, no more are told.
const OUTCOMES: usize = 4;
