//! The fuzz targets on the stable toolchain, without a fuzzer: each runs on its corpus, then on inputs
//! that are made of it by a seeded generator, the same in every run.
//!
//! `PHONEHOME_FUZZ_EXECUTIONS` says how many executions there are in all, for longer runs:
//!
//! ```text
//! PHONEHOME_FUZZ_EXECUTIONS=5000000 cargo test --release -p phonehome --test mutations
//! ```
//!
//! Under `UPDATE_CORPUS=1` the inputs that the project's own captures and files give are added to the
//! corpora; of some that cover the same, `cargo fuzz cmin` keeps one.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use targets::{TARGETS, Target};

#[allow(
    dead_code,
    unreachable_pub,
    reason = "it is a library for libFuzzer's programs"
)]
#[path = "../fuzz/src/lib.rs"]
mod targets;

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let names: BTreeSet<String> = TARGETS.iter().map(|it| it.name.to_owned()).collect();
    assert_eq!(names.len(), TARGETS.len());
    let files = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz().join(folder)).unwrap();
        let names = entries.map(|it| it.unwrap().path());
        names
            .map(|it| it.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(files("fuzz_targets"), names);
    assert_eq!(files("corpus"), names);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in &names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(
            corpus(name).len() >= 2,
            "{name} has nearly nothing to begin with"
        );
    }
    assert_eq!(TARGETS.iter().map(|it| it.per_mille).sum::<u32>(), 1000);
}

#[test]
fn corpora_and_what_is_made_of_them_break_nothing() {
    let wanted = match std::env::var("PHONEHOME_FUZZ_EXECUTIONS") {
        Ok(text) => text.parse().expect("PHONEHOME_FUZZ_EXECUTIONS is a number"),
        Err(_) => EXECUTIONS,
    };
    let work = Mutex::new(TARGETS.to_vec());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let Some(target) = work.lock().unwrap().pop() else {
                        return;
                    };
                    let executions = wanted * u64::from(target.per_mille) / 1000;
                    let outcome = run(target, executions);
                    println!("{}: {outcome:?}", target.name);
                    done.lock()
                        .unwrap()
                        .push((target.name, executions, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort();
    let mut broken = Vec::new();
    for (name, executions, outcome) in &done {
        match outcome {
            Ok(outcome) => {
                assert_eq!(outcome.made, *executions, "{name}");
                assert_eq!(outcome.replayed, corpus(name).len() as u64, "{name}");
                assert!(
                    outcome.slowest < PATIENCE,
                    "{name} took {:?}",
                    outcome.slowest
                );
            }
            Err(path) => broken.push(format!("{name} breaks on {}", path.display())),
        }
    }
    assert_eq!(done.len(), TARGETS.len());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_the_projects_own_files_hold_breaks_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let seeds = targets::seeds::seeds(&root).unwrap();
    let named: BTreeSet<&str> = seeds.iter().map(|it| it.0).collect();
    assert_eq!(named, TARGETS.iter().map(|it| it.name).collect());
    for (name, octets) in &seeds {
        let target = TARGETS.iter().find(|it| it.name == *name).unwrap();
        execute(*target, octets).unwrap();
        if std::env::var_os("UPDATE_CORPUS").is_some() {
            let mut hasher = DefaultHasher::new();
            octets.hash(&mut hasher);
            let corpus = fuzz().join("corpus").join(name);
            fs::create_dir_all(&corpus).unwrap();
            fs::write(corpus.join(format!("{:016x}", hasher.finish())), octets).unwrap();
        }
    }
}

/// What became of a target.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Outcome {
    /// Executions on the corpus.
    replayed: u64,
    /// Executions on what was made of it.
    made: u64,
    /// The longest execution.
    slowest: Duration,
}

/// Runs a target on its corpus, then so many times on what is made of it. If it breaks, gives the file
/// with the input.
fn run(target: Target, executions: u64) -> Result<Outcome, PathBuf> {
    let corpus = corpus(target.name);
    let mut outcome = Outcome {
        replayed: 0,
        made: 0,
        slowest: Duration::ZERO,
    };
    for octets in &corpus {
        outcome.slowest = outcome.slowest.max(execute(target, octets)?);
        outcome.replayed += 1;
    }
    let mut random = Random(u64::from(target.per_mille));
    while outcome.made < executions {
        let octets = random.input(&corpus);
        outcome.slowest = outcome.slowest.max(execute(target, &octets)?);
        outcome.made += 1;
    }
    Ok(outcome)
}

fn execute(target: Target, octets: &[u8]) -> Result<Duration, PathBuf> {
    let begin = Instant::now();
    if catch_unwind(AssertUnwindSafe(|| (target.run)(octets))).is_err() {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("broken-{}", target.name));
        fs::write(&path, octets).unwrap();
        return Err(path);
    }
    Ok(begin.elapsed())
}

/// The committed inputs of a target, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(fuzz().join("corpus").join(target)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|it| fs::read(it).unwrap()).collect()
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Makes inputs.
struct Random(u64);

impl Random {
    /// One of the corpus with a few changes.
    fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut octets = self.one_of(corpus).clone();
        for _ in 0..1 + self.below(5) {
            self.change(&mut octets, corpus);
        }
        octets.truncate(MAX_INPUT);
        octets
    }

    fn change(&mut self, octets: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(octets.len() + 1);
        let end = octets.len().min(at + 1 + self.below(16));
        match self.below(9) {
            0 | 1 => octets[at..end]
                .iter_mut()
                .take(1)
                .for_each(|it| *it ^= 1 << self.below(8)),
            2 => octets[at..end]
                .iter_mut()
                .take(1)
                .for_each(|it| *it = self.next() as u8),
            3 => {
                // Edges of lengths, as one, two or four octets.
                let edges = [0u32, 1, 0x7f, 0x80, 0xff, 0x3fff, 0x7fff, 0xffff, u32::MAX];
                let value = self.one_of(&edges).wrapping_add(self.below(3) as u32);
                let width = *self.one_of(&[1, 2, 4]);
                let places = octets[at..].iter_mut().take(width);
                let value = value.to_be_bytes();
                places
                    .zip(&value[4 - width..])
                    .for_each(|(to, from)| *to = *from);
            }
            4 => drop(octets.drain(at..end)),
            5 => {
                let again = octets[at..end].to_vec();
                octets.splice(at..at, again);
            }
            6 => {
                let count = self.below(8);
                let new: Vec<u8> = (0..count).map(|_| self.next() as u8).collect();
                octets.splice(at..at, new);
            }
            7 => {
                let other = self.one_of(corpus);
                let from = self.below(other.len() + 1);
                let to = other.len().min(from + self.below(300));
                octets.splice(at..end, other[from..to].iter().copied());
            }
            _ => octets.truncate(at),
        }
    }

    fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// The next number of splitmix64, as Steele, Lea and Flood give it.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }
}

/// Executions on inputs that are made, over all targets, unless the environment says otherwise.
const EXECUTIONS: u64 = 1_000_000;

/// Longest input that is made.
const MAX_INPUT: usize = 16 << 10;

const THREADS: usize = 2;

/// How long one execution may take, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(10);
