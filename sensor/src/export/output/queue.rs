//! The queue of an output: lines that wait, and what became of the others.
//!
//! Whoever puts a line in never waits: the lock is held for the time of a few moves of pointers on
//! either side. Lines stay in the queue while they are being written, so that at any moment those put
//! in are sent, failed, dropped or queued.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Kind;
use crate::time::Timestamp;
use crate::wall;

/// Lines on their way to one output.
#[derive(Debug)]
pub(super) struct Queue {
    kind: Kind,
    limit_octets: usize,
    inside: Mutex<Inside>,
    /// Something of what the writer waits for has come.
    come: Condvar,
}

/// Events of one output, by what became of them: put in = sent + failed + dropped + queued.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Handed over: the file, or the system on the way to a receiver, has them.
    pub sent: u64,
    /// Refused for good, as a message that is too long.
    pub failed: u64,
    /// Left out because the queue was full, or the output was over.
    pub dropped: u64,
    /// Waiting.
    pub queued: u64,
    /// Times that something went wrong, after which it was tried again.
    pub errors: u64,
    /// When the newest was handed over, by the clock of the machine.
    pub last_success: Option<Timestamp>,
}

/// Why a writer goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wake {
    /// There are lines.
    Lines,
    /// The output is to be opened anew.
    Reopen,
    /// There are no lines, and none will follow.
    End,
}

#[derive(Debug, Default)]
struct Inside {
    lines: VecDeque<Arc<[u8]>>,
    octets: usize,
    counts: Counts,
    stage: Stage,
    reopen: bool,
}

/// How far an output has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    #[default]
    Open,
    /// No lines follow; those in the queue are written.
    Closed,
    /// Nothing is written any more.
    Over,
}

impl Queue {
    /// An empty queue with room for that many octets.
    pub(super) fn new(kind: Kind, limit_octets: usize) -> Self {
        Self {
            kind,
            limit_octets,
            inside: Mutex::default(),
            come: Condvar::new(),
        }
    }

    /// Which output it is of.
    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Puts a line in, or drops it.
    pub(super) fn push(&self, line: &Arc<[u8]>) {
        let mut inside = self.lock();
        let octets = inside.octets.saturating_add(weight(line));
        if inside.stage != Stage::Open || octets > self.limit_octets {
            inside.counts.dropped += 1;
            return;
        }
        inside.octets = octets;
        inside.lines.push_back(Arc::clone(line));
        let is_first = inside.lines.len() == 1;
        drop(inside);
        if is_first {
            self.come.notify_one();
        }
    }

    /// Waits for something to do.
    pub(super) fn wait(&self) -> Wake {
        let mut inside = self.lock();
        loop {
            if std::mem::take(&mut inside.reopen) {
                return Wake::Reopen;
            }
            match inside.stage {
                Stage::Over => return Wake::End,
                Stage::Open | Stage::Closed if !inside.lines.is_empty() => return Wake::Lines,
                Stage::Closed => return Wake::End,
                Stage::Open => {}
            }
            let waited = self.come.wait(inside);
            inside = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for some time, or until the output is to end.
    pub(super) fn pause(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut inside = self.lock();
        while inside.stage == Stage::Open {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.come.wait_timeout(inside, left);
            inside = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Puts the first lines into `batch`; they stay in the queue until they are settled.
    pub(super) fn copy_first(&self, batch: &mut Vec<Arc<[u8]>>) {
        batch.clear();
        let inside = self.lock();
        let mut octets = 0;
        for line in inside.lines.iter().take(MAX_BATCH) {
            octets += line.len();
            if octets > MAX_BATCH_OCTETS && !batch.is_empty() {
                break;
            }
            batch.push(Arc::clone(line));
        }
    }

    /// Takes out the first lines: some that were sent, then some that were refused for good.
    pub(super) fn settle(&self, sent: usize, failed: usize) {
        let mut inside = self.lock();
        let sent = inside.take_out(sent);
        let failed = inside.take_out(failed);
        inside.counts.sent += sent;
        inside.counts.failed += failed;
        if sent > 0 {
            inside.counts.last_success = Some(wall::now());
        }
    }

    /// Counts something that went wrong.
    pub(super) fn count_error(&self) {
        self.lock().counts.errors += 1;
    }

    /// Has the writer open the output anew.
    pub(super) fn reopen(&self) {
        self.lock().reopen = true;
        self.come.notify_one();
    }

    /// Takes no more lines.
    pub(super) fn close(&self) {
        let mut inside = self.lock();
        if inside.stage == Stage::Open {
            inside.stage = Stage::Closed;
        }
        drop(inside);
        self.come.notify_one();
    }

    /// Drops what is left, and all that comes.
    pub(super) fn give_up(&self) {
        let mut inside = self.lock();
        inside.stage = Stage::Over;
        let left = inside.lines.len();
        inside.counts.dropped += inside.take_out(left);
        drop(inside);
        self.come.notify_one();
    }

    /// Whether no lines follow.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().stage != Stage::Open
    }

    /// What has become of lines, and how many wait.
    pub(super) fn counts(&self) -> Counts {
        let inside = self.lock();
        Counts {
            queued: inside.lines.len() as u64,
            ..inside.counts
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Takes out the first lines; says how many there were.
    fn take_out(&mut self, count: usize) -> u64 {
        let count = count.min(self.lines.len());
        for line in self.lines.drain(..count) {
            self.octets = self.octets.saturating_sub(weight(&line));
        }
        count as u64
    }
}

/// Octets that a line takes in a queue, with what manages it.
fn weight(line: &[u8]) -> usize {
    line.len() + LINE_OVERHEAD
}

/// Octets beside those of a line: two counters in front of it, a pointer and a length in the queue,
/// and what the allocator adds.
const LINE_OVERHEAD: usize = 48;

/// Lines that are written at once.
const MAX_BATCH: usize = 512;

/// Their octets, unless one line has more.
const MAX_BATCH_OCTETS: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let queue = Queue::new(Kind::File, 3 * (10 + LINE_OVERHEAD));
        for _ in 0..5 {
            queue.push(&line());
        }
        assert_eq!(counts(&queue), (0, 0, 2, 3));
        queue.settle(1, 1);
        queue.push(&line());
        queue.push(&line());
        queue.push(&line());
        assert_eq!(counts(&queue), (1, 1, 3, 3));
    }

    #[test]
    fn lines_stay_until_they_are_settled() {
        let queue = Queue::new(Kind::File, 1 << 20);
        queue.push(&line());
        let mut batch = Vec::new();
        queue.copy_first(&mut batch);
        queue.copy_first(&mut batch);
        assert_eq!(batch, [line()]);
        assert_eq!(queue.wait(), Wake::Lines);
        queue.settle(1, 0);
        queue.close();
        assert_eq!(queue.wait(), Wake::End);
    }

    #[test]
    fn a_batch_is_bounded_and_holds_a_line_of_any_length() {
        let queue = Queue::new(Kind::File, 1 << 20);
        let long: Arc<[u8]> = vec![b'x'; MAX_BATCH_OCTETS + 1].into();
        for it in [&long, &line(), &line()] {
            queue.push(it);
        }
        let mut batch = Vec::new();
        queue.copy_first(&mut batch);
        assert_eq!(batch, [long]);
    }

    #[test]
    fn what_is_given_up_is_dropped_and_settled_no_more() {
        let queue = Queue::new(Kind::Syslog, 1 << 20);
        queue.push(&line());
        queue.push(&line());
        queue.give_up();
        // The writer may just then be done with a batch.
        queue.settle(2, 0);
        queue.push(&line());
        assert_eq!(counts(&queue), (0, 0, 3, 0));
        assert_eq!(queue.wait(), Wake::End);
    }

    #[test]
    fn a_pause_ends_with_the_output() {
        let queue = Arc::new(Queue::new(Kind::Syslog, 1 << 20));
        let other = Arc::clone(&queue);
        let begin = Instant::now();
        let paused = std::thread::spawn(move || other.pause(Duration::from_secs(60)));
        queue.close();
        paused.join().unwrap();
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    fn line() -> Arc<[u8]> {
        b"0123456789".as_slice().into()
    }

    fn counts(queue: &Queue) -> (u64, u64, u64, u64) {
        let it = queue.counts();
        (it.sent, it.failed, it.dropped, it.queued)
    }
}
