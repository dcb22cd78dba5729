//! Evidence: the few frames that prove what a finding rests on, kept on disk.
//!
//! For each host, signature and way of seeing it, the first sighting is kept: as a small pcapng file with
//! a comment, which any capture tool opens, and as a line in a list with the file's SHA-256. A thread of
//! its own asks the captures for the frames and writes them; nobody waits for it. [`verify`] holds
//! the files against the list, and has the frames read anew.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use phonehome_signatures::{Catalogue, SignatureId};

use crate::detection::Sighting;
use crate::export::{EVIDENCE_RESULTS, rfc3339};
use crate::host::Address;
use crate::intake::Wanted;
use crate::names::Source;
use crate::pipeline::memory::Asker;
use clerk::Clerk;

mod clerk;
mod folder;
pub mod verify;

pub use folder::{Folder, FolderError, Record};

/// The way to the thread that keeps evidence.
#[derive(Debug)]
pub struct Handle {
    claims: Option<Sender<Claim>>,
    /// What was handed over, so that it is not handed over again and again. The thread knows what is on
    /// disk.
    told: HashSet<Key>,
    /// What was handed over and missed: the next sighting is another chance.
    missed: Receiver<Key>,
    tallies: Arc<Tallies>,
    thread: Option<JoinHandle<()>>,
}

/// What has become of sightings. Counts only grow, but for the octets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Octets of all files.
    pub octets: u64,
    /// Sightings by [`Fate`].
    pub fates: [u64; EVIDENCE_RESULTS.len()],
}

/// What became of a sighting that was to be kept, in the order of
/// [`EVIDENCE_RESULTS`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// Its frames are on disk.
    Kept,
    /// Its frames were not remembered any more, or too many were asked for.
    Missed,
    /// The folder is full.
    Refused,
    /// The files could not be written.
    Failed,
}

/// What is proved once.
type Key = (Address, SignatureId, Source);

/// What is to be proved, and by which frames.
#[derive(Debug)]
struct Claim {
    key: Key,
    /// Whether the host is known to be there.
    is_there: bool,
    record: Record,
    wanted: Wanted,
}

/// Keeps count while others look.
#[derive(Debug, Default)]
pub struct Tallies {
    octets: AtomicU64,
    fates: [AtomicU64; EVIDENCE_RESULTS.len()],
}

impl Tallies {
    /// What has become of sightings so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            octets: self.octets.load(Ordering::Relaxed),
            ..Counts::default()
        };
        for (count, tally) in counts.fates.iter_mut().zip(&self.fates) {
            *count = tally.load(Ordering::Relaxed);
        }
        counts
    }

    fn count(&self, fate: Fate) {
        let at = self.fates.get(fate as usize);
        at.map(|it| it.fetch_add(1, Ordering::Relaxed));
    }
}

impl Handle {
    /// Starts the thread, which keeps evidence in the folder and asks the captures for it.
    ///
    /// # Errors
    ///
    /// When the system starts no more threads.
    pub fn start(folder: Folder, asker: Asker) -> io::Result<Self> {
        let (claims, inbox) = bounded(MAX_CLAIMS);
        let tallies = Arc::new(Tallies::default());
        let (to_handle, missed) = bounded(MAX_CLAIMS);
        let clerk = Clerk::new(folder, (inbox, to_handle), asker, Arc::clone(&tallies));
        let thread = Builder::new()
            .name("evidence".to_owned())
            .spawn(move || clerk.work())?;
        Ok(Self {
            claims: Some(claims),
            told: HashSet::new(),
            missed,
            tallies,
            thread: Some(thread),
        })
    }

    /// Has a sighting of a home host proved, unless the same was before; `is_there` if the host was seen
    /// to take part in an exchange. Anyone can ask in the name of any host, so what may be made up gets
    /// half of the room at most.
    pub fn prove(&mut self, catalogue: &Catalogue, sighting: &Sighting, is_there: bool) {
        let observation = &sighting.observation;
        let host = observation.client().address;
        let key = (host, sighting.signature, observation.source);
        for missed in self.missed.try_iter() {
            self.told.remove(&missed);
        }
        if self.told.contains(&key) {
            return;
        }
        let (Some(signature), Some(claims)) =
            (catalogue.signature(sighting.signature), &self.claims)
        else {
            return;
        };
        let Some(vendor) = catalogue.vendor(signature.vendor) else {
            return;
        };
        let name = observation.name.as_str();
        let claim = Claim {
            key,
            is_there,
            record: Record {
                at: rfc3339(observation.at),
                host: host.to_string(),
                vendor: vendor.id.clone(),
                signature: signature.id.clone(),
                source: observation.source.as_str().to_owned(),
                name: (!name.is_empty()).then(|| name.to_owned()),
                file: String::new(),
                octets: 0,
                frames: 0,
                sha256: String::new(),
                previous: String::new(),
            },
            wanted: Wanted {
                transport: observation.transport,
                ends: [observation.src, observation.dst],
                at: observation.at,
            },
        };
        match claims.try_send(claim) {
            Ok(()) => {
                if self.told.len() >= MAX_TOLD {
                    self.told.clear();
                }
                self.told.insert(key);
            }
            // The next sighting tries again.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.tallies.count(Fate::Missed);
            }
        }
    }

    /// Where it is counted what becomes of sightings.
    #[must_use]
    pub fn tallies(&self) -> Arc<Tallies> {
        Arc::clone(&self.tallies)
    }

    /// Ends the thread once it has kept what was handed over, if that is within a time; else it ends
    /// with the process.
    pub fn finish(&mut self, time: Duration) {
        self.claims = None;
        let end = Instant::now() + time;
        while let Some(thread) = &self.thread
            && !thread.is_finished()
        {
            if Instant::now() >= end {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Sightings that may wait for the thread.
const MAX_CLAIMS: usize = 1_024;

/// Sightings remembered as handed over, about 64 octets each.
const MAX_TOLD: usize = 65_536;

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;
    use crate::detection::Reach;
    use crate::frame::LinkType;
    use crate::intake::Remembered;
    use crate::names::{Endpoint, Name, Observation, Transport};
    use crate::pipeline::memory::{Answer, Question};
    use crate::time::Timestamp;

    const AT: Timestamp = Timestamp::from_secs_nanos(1_750_000_000, 0);

    /// A capture that is played by the test.
    struct Capture {
        questions: Receiver<Question>,
        answers: Sender<Answer>,
    }

    impl Capture {
        fn new() -> (Self, Asker) {
            let (question, questions) = bounded(64);
            let (to_asker, answers) = unbounded();
            let capture = Self {
                questions,
                answers: to_asker,
            };
            let asker = Asker {
                questions: vec![question],
                answers,
            };
            (capture, asker)
        }

        fn answer(&self, frames: Vec<Remembered>) -> Question {
            let question = self.questions.recv_timeout(LONG).expect("a question");
            let number = question.number;
            let answer = Answer::Frames { number, frames };
            self.answers.send(answer).unwrap();
            question
        }
    }

    fn sighting(catalogue: &Catalogue) -> Sighting {
        let end = |octets, port| Endpoint {
            address: Address::from_v4(octets),
            port,
        };
        let signature = catalogue.signatures().next().unwrap();
        let place = |number: &u32| {
            let it = catalogue.signature(SignatureId(*number));
            it.is_some_and(|it| it.id == signature.id)
        };
        Sighting {
            observation: Observation {
                at: AT,
                source: Source::TlsSni,
                transport: Transport::Tcp,
                src: end([10, 1, 2, 3], 40_000),
                dst: end([203, 0, 113, 9], 443),
                name: Name::from_text(b"www.example.com").unwrap(),
                vlan: None,
                ech: None,
                traits: None,
                ecs: None,
            },
            signature: SignatureId((0..).find(place).unwrap()),
            via: None,
            reach: Reach::Connected,
        }
    }

    fn frame() -> Remembered {
        Remembered {
            at: AT,
            link: LinkType::ETHERNET,
            wire_len: 60,
            bytes: vec![7; 60],
        }
    }

    fn wait_for(handle: &Handle, fates: [u64; 4]) {
        let end = Instant::now() + LONG;
        while handle.tallies.counts().fates != fates {
            assert!(Instant::now() < end, "{:?}", handle.tallies.counts());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn what_was_missed_gets_another_chance_and_what_is_kept_is_asked_for_once() {
        let catalogue = Catalogue::builtin().unwrap();
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path(), 10_000).unwrap();
        let (capture, asker) = Capture::new();
        let mut handle = Handle::start(folder, asker).unwrap();
        let sighting = sighting(&catalogue);

        handle.prove(&catalogue, &sighting, true);
        let question = capture.answer(Vec::new());
        let observation = &sighting.observation;
        let ends = [observation.src, observation.dst];
        assert_eq!((question.wanted.ends, question.wanted.at), (ends, AT));
        wait_for(&handle, [0, 1, 0, 0]);

        handle.prove(&catalogue, &sighting, true);
        handle.prove(&catalogue, &sighting, true);
        capture.answer(vec![frame(), frame()]);
        wait_for(&handle, [1, 1, 0, 0]);
        handle.prove(&catalogue, &sighting, true);
        handle.finish(LONG);
        assert!(capture.questions.try_recv().is_err(), "asked again");
        let list = std::fs::read_to_string(place.path().join("evidence.jsonl")).unwrap();
        let record: Record = serde_json::from_str(list.trim_end()).unwrap();
        assert_eq!((record.host.as_str(), record.frames), ("10.1.2.3", 1));
        assert_eq!(handle.tallies.counts().octets, record.octets);
    }

    #[test]
    fn a_capture_that_does_not_answer_holds_up_nothing() {
        let catalogue = Catalogue::builtin().unwrap();
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path(), 10_000).unwrap();
        let (_capture, asker) = Capture::new();
        let mut handle = Handle::start(folder, asker).unwrap();
        let mut sighting = sighting(&catalogue);
        for number in 0..200 {
            sighting.observation.src.address = Address::from_v4([10, 1, 2, number]);
            handle.prove(&catalogue, &sighting, true);
        }
        // The 64 that are asked about are given up together, then the next.
        wait_for(&handle, [0, 200, 0, 0]);
    }

    const LONG: Duration = Duration::from_secs(60);
}
