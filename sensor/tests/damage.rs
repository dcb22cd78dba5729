//! Damaged captures: whatever stands in a file, the program ends soon, in order, and says so.
//!
//! The damage is the same in every run. Where the environment variable `PHONEHOME_CAPTURES` names a
//! folder by its absolute path, the capture files in it are damaged in the same way; that is for use
//! by hand:
//!
//! ```text
//! PHONEHOME_CAPTURES=~/captures cargo test -p phonehome --test damage
//! ```

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

mod sensor;

#[test]
fn damaged_captures_end_the_program_in_order() {
    // A process for each damaged file takes long. In one process, and in many more ways, octets are
    // damaged in `tests/mutations.rs`.
    let mut captures: Vec<(String, Vec<u8>)> = sensor::cases()
        .iter()
        .step_by(3)
        .map(|it| it.join("input.pcap"))
        .chain([sensor::demo()])
        .map(|it| (name(&it), fs::read(&it).unwrap()))
        .collect();
    // What is inside the compression is damaged as well, not only the compression.
    let demo = sensor::capture::demo_pcap();
    captures.push(("demo.pcap".to_owned(), demo));
    hurt_all(captures);
}

#[test]
fn damaged_captures_of_ones_own_end_the_program_in_order() {
    let Some(folder) = std::env::var_os("PHONEHOME_CAPTURES") else {
        return;
    };
    let mut folders = vec![PathBuf::from(folder)];
    let mut captures = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|it| panic!("{}: {it}", folder.display()));
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if ["pcap", "pcapng", "cap", "gz", "zst"].iter().any(|it| {
                path.extension()
                    .is_some_and(|extension| extension.eq_ignore_ascii_case(it))
            }) {
                captures.push((name(&path), fs::read(&path).unwrap()));
            }
        }
    }
    assert!(!captures.is_empty(), "no captures in PHONEHOME_CAPTURES");
    hurt_all(captures);
}

/// Damages each capture in every way, in a few threads, and runs the program on it.
fn hurt_all(captures: Vec<(String, Vec<u8>)>) {
    let mut work: Vec<(usize, Damage)> = Vec::new();
    for (number, (_, octets)) in captures.iter().enumerate() {
        let seeds = (0..SEEDS).flat_map(|it| [Damage::Changed(it), Damage::Frames(it)]);
        let cuts = (0..CUTS).map(|it| Damage::Cut(octets.len() * it / CUTS));
        work.extend(seeds.chain(cuts).map(|it| (number, it)));
    }
    let work = Mutex::new(work);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let folder = TempDir::new().unwrap();
                let path = folder.path().join("capture");
                loop {
                    let Some((number, damage)) = work.lock().unwrap().pop() else {
                        return;
                    };
                    let (name, octets) = &captures[number];
                    fs::write(&path, damage.applied_to(octets)).unwrap();
                    if let Err(why) = run(&path) {
                        wrong
                            .lock()
                            .unwrap()
                            .push(format!("{name}, {damage:?}: {why}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs the program on a damaged file; both commands, since they work on different names.
fn run(path: &Path) -> Result<(), String> {
    for command in [&["names"][..], &["read", "--json", "--workers", "2"]] {
        let args = command.iter().map(AsRef::as_ref).chain([path.as_os_str()]);
        let command = sensor::command(args);
        let Some(outcome) = sensor::end_of(command, Vec::new(), LIMIT) else {
            return Err(format!("did not end within {LIMIT:?}"));
        };
        let said = outcome.stderr.as_str();
        if !matches!(outcome.code, Some(0 | 1)) || said.contains("panicked") {
            return Err(format!("exit code {:?}: {said}", outcome.code));
        }
        if (outcome.code == Some(1)) == said.is_empty() {
            return Err(format!("exit code {:?}, but said {said:?}", outcome.code));
        }
    }
    Ok(())
}

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// One octet in [`ONE_IN`] is another, wherever it stands; holds the seed.
    Changed(u64),
    /// One octet in [`ONE_IN`] of the frames is another, and the file stays readable to its end, if
    /// it is a plain pcap file; holds the seed.
    Frames(u64),
    /// Only so many octets are left.
    Cut(usize),
}

impl Damage {
    fn applied_to(self, octets: &[u8]) -> Vec<u8> {
        let mut octets = octets.to_vec();
        let (seed, spared) = match self {
            Self::Cut(len) => {
                octets.truncate(len);
                return octets;
            }
            // The first octets stay: they only tell that it is a capture at all.
            Self::Changed(seed) => (seed, Vec::new()),
            Self::Frames(seed) => (!seed, headers(&octets)),
        };
        let mut state = seed;
        for (at, octet) in octets.iter_mut().enumerate().skip(SPARED) {
            let random = next_random(&mut state);
            if random.is_multiple_of(ONE_IN) && spared.binary_search(&at).is_err() {
                *octet ^= (random >> 32) as u8 | 1;
            }
        }
        octets
    }
}

/// Places of the octets of a plain pcap file that belong to no frame, in order.
fn headers(octets: &[u8]) -> Vec<usize> {
    if !octets.starts_with(&0xa1b2_3c4d_u32.to_le_bytes()) {
        return Vec::new();
    }
    let mut headers: Vec<usize> = (0..24).collect();
    let mut at = 24;
    while let Some(len) = octets.get(at + 8..at + 12) {
        headers.extend(at..at + 16);
        at += 16 + u32::from_le_bytes(len.try_into().unwrap()) as usize;
    }
    headers
}

/// The next number of splitmix64, as Steele, Lea and Flood give it.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut it = *state;
    it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    it ^ (it >> 31)
}

fn name(path: &Path) -> String {
    let parts: Vec<_> = path.iter().rev().take(2).collect();
    let parts: Vec<_> = parts.iter().rev().map(|it| it.to_string_lossy()).collect();
    parts.join("/")
}

/// Octets at the beginning that stay as they are.
const SPARED: usize = 4;

/// One octet in so many is changed.
const ONE_IN: u64 = 200;

const SEEDS: u64 = 4;
const CUTS: usize = 20;
const THREADS: usize = 4;

/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(10);
