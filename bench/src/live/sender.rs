//! The sender: frames on the wire at a given rate, or as fast as the system takes them.
//!
//! It runs on a thread of its own and is steered while it runs. A token bucket of 20 ms paces it:
//! what the machine did not let it send within that time is not made up for, so that no burst is
//! faster than the rate for longer. What was sent is counted here, frame by frame as the system
//! took them; a frame that the system refuses (the interface at the other end is down, or its queue
//! is full) is counted apart and not sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::frames::{self, BLOCKS, Frames};
use super::socket::{BATCH, Socket};
use super::wire::{SENDS, Wire};
use crate::error::Error;

/// A sender at work.
#[derive(Debug)]
pub(crate) struct Sender {
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

/// What a sender has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Sent {
    /// Frames that the system took.
    pub(crate) frames: u64,
    /// Frames that it did not take.
    pub(crate) refused: u64,
}

/// How the frames go out.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// The captures, sent one after another, again and again.
    pub(crate) captures: Arc<[Frames]>,
    /// Blocks of hosts; each time all captures have been sent, the next block sends them. At most
    /// [`BLOCKS`].
    pub(crate) blocks: u8,
}

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rate {
    /// Nothing is sent.
    Paused,
    /// That many frames a second.
    PerSecond(u64),
    /// As fast as it goes.
    Top,
}

#[derive(Debug, Default)]
struct Control {
    /// Frames a second; [`u64::MAX`] for as fast as it goes.
    rate: AtomicU64,
    /// Whether the thread is between two batches and has been told to pause.
    rests: AtomicBool,
    ends: AtomicBool,
    frames: AtomicU64,
    refused: AtomicU64,
}

impl Sender {
    /// Starts a sender, which is paused.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if raw frames may not be sent on the wire.
    pub(crate) fn start(wire: &Wire, load: Load) -> Result<Self, Error> {
        let socket = open(wire)?;
        let control = Arc::new(Control::default());
        let steered = Arc::clone(&control);
        let thread = std::thread::Builder::new()
            .name("sender".to_owned())
            .spawn(move || run(&socket, &load, &steered))
            .map_err(Error::Resources)?;
        Ok(Self {
            control,
            thread: Some(thread),
        })
    }

    /// Sends at that rate from now on. When it is told to pause it has sent all when this returns.
    pub(crate) fn set_rate(&self, rate: Rate) {
        let rate = match rate {
            Rate::Paused => 0,
            Rate::PerSecond(rate) => rate,
            Rate::Top => u64::MAX,
        };
        self.control.rests.store(false, Ordering::SeqCst);
        self.control.rate.store(rate, Ordering::SeqCst);
        let is_running = || self.thread.as_ref().is_some_and(|it| !it.is_finished());
        while rate == 0 && is_running() && !self.control.rests.load(Ordering::SeqCst) {
            std::thread::sleep(TICK);
        }
    }

    /// What it has sent so far.
    pub(crate) fn sent(&self) -> Sent {
        self.control.sent()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.control.ends.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // It has nothing to give.
            let _ = thread.join();
        }
    }
}

impl Control {
    fn sent(&self) -> Sent {
        Sent {
            frames: self.frames.load(Ordering::SeqCst),
            refused: self.refused.load(Ordering::SeqCst),
        }
    }
}

/// Opens a socket that sends on the wire.
///
/// # Errors
///
/// [`Error::Network`] if raw frames may not be sent on the wire.
pub(crate) fn open(wire: &Wire) -> Result<Socket, Error> {
    wire.within_outside(|| Socket::open(SENDS))?
        .map_err(Error::network("send on", SENDS))
}

/// Sends frames, all of them; gives how many the system refused.
pub(crate) fn send_all(socket: &Socket, octets: &[u8], ends: &[usize]) -> u64 {
    let mut refused = 0;
    let mut done = 0;
    while done < ends.len() {
        let start = if done == 0 { 0 } else { ends[done - 1] };
        let mut shifted = [0; BATCH];
        let rest = &ends[done..ends.len().min(done + BATCH)];
        for (it, end) in shifted.iter_mut().zip(rest) {
            *it = end - start;
        }
        match socket.send(&octets[start..], &shifted[..rest.len()]) {
            Ok(sent) => done += sent,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => {
                refused += 1;
                done += 1;
            }
        }
    }
    refused
}

fn run(socket: &Socket, load: &Load, control: &Control) {
    let mut bucket = Bucket::new();
    let mut place = Place::default();
    let mut octets = Vec::with_capacity(BATCH * 2048);
    let mut ends = Vec::with_capacity(BATCH);
    while !control.ends.load(Ordering::SeqCst) {
        let rate = control.rate.load(Ordering::SeqCst);
        if rate == 0 {
            control.rests.store(true, Ordering::SeqCst);
            bucket = Bucket::new();
            std::thread::sleep(TICK);
            continue;
        }
        let allowed = bucket.take(rate, Instant::now());
        if allowed == 0 {
            std::thread::sleep(TICK);
            continue;
        }
        octets.clear();
        ends.clear();
        for _ in 0..allowed {
            let Some((frame, block)) = place.next(load) else {
                return;
            };
            let start = octets.len();
            octets.extend_from_slice(frame);
            frames::move_hosts(&mut octets[start..], block);
            ends.push(octets.len());
        }
        let refused = send_all(socket, &octets, &ends);
        let sent = ends.len() as u64 - refused;
        control.frames.fetch_add(sent, Ordering::SeqCst);
        control.refused.fetch_add(refused, Ordering::SeqCst);
    }
}

/// Where in the load the sender is.
#[derive(Debug, Default)]
struct Place {
    round: usize,
    frame: usize,
}

impl Place {
    /// The next frame and the block of its hosts; `None` if there is none at all.
    fn next<'a>(&mut self, load: &'a Load) -> Option<(&'a [u8], u8)> {
        // A capture without frames is passed over.
        for _ in 0..=load.captures.len() {
            let count = load.captures.len();
            let capture = load.captures.get(self.round.checked_rem(count)?)?;
            if self.frame < capture.len() {
                let lap = self.round / count;
                let block = lap % usize::from(load.blocks.clamp(1, BLOCKS));
                self.frame += 1;
                return Some((capture.frame(self.frame - 1), block as u8));
            }
            self.round += 1;
            self.frame = 0;
        }
        None
    }
}

/// A token bucket.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn new() -> Self {
        Self {
            tokens: 0.0,
            filled: Instant::now(),
        }
    }

    /// Takes as many tokens as a batch may use at `rate` a second.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate that needs 53 bits is as fast as it goes"
    )]
    fn take(&mut self, rate: u64, now: Instant) -> usize {
        if rate == u64::MAX {
            return BATCH;
        }
        let rate = rate as f64;
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        let depth = (rate * DEPTH.as_secs_f64()).max(1.0);
        self.tokens = (self.tokens + since * rate).min(depth);
        let taken = self.tokens.min(BATCH as f64).floor();
        self.tokens -= taken;
        taken as usize
    }
}

/// How long the sender sleeps when there is nothing to send.
const TICK: Duration = Duration::from_micros(200);

/// What the bucket holds at most, as a time.
const DEPTH: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_the_rate_and_forgets_what_is_long_due() {
        let mut bucket = Bucket::new();
        let start = bucket.filled;
        let taken: usize = (1..=1000)
            .map(|it| bucket.take(5_000, start + Duration::from_millis(it)))
            .sum();
        assert!((4_990..=5_000).contains(&taken), "{taken}");
        let later = start + Duration::from_secs(60);
        let mut burst = 0;
        loop {
            match bucket.take(5_000, later) {
                0 => break,
                it => burst += it,
            }
        }
        assert!((99..=101).contains(&burst), "{burst}");
        assert_eq!(bucket.take(u64::MAX, later), BATCH);
    }

    #[test]
    fn rounds_go_through_the_captures_and_the_blocks() {
        let mut first = Frames::default();
        first.push(&[1]);
        first.push(&[2]);
        let mut second = Frames::default();
        second.push(&[3]);
        let load = Load {
            captures: [first, Frames::default(), second].into(),
            blocks: 2,
        };
        let mut place = Place::default();
        let sent: Vec<(u8, u8)> = (0..7)
            .map(|_| place.next(&load).map(|it| (it.0[0], it.1)).unwrap())
            .collect();
        assert_eq!(
            sent,
            [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (3, 1), (1, 0)]
        );
        let nothing = Load {
            captures: [].into(),
            blocks: 2,
        };
        assert_eq!(place.next(&nothing), None);
    }
}
