//! What the sensor shows, and since when: its interface is asked every 100 ms.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use nix::sched::{CloneFlags, setns};
use serde_json::Value;

use crate::sensor;
use crate::sensor::server::ask;
use crate::site::{Asked, Site};

/// A host and a name, a way to ask or a vendor.
type Pair = (String, String);

/// A thread that asks.
pub(crate) struct Watch {
    space: String,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    ends: AtomicBool,
    /// Names in the findings, by host, and when they were there first.
    names: Mutex<BTreeMap<Pair, SystemTime>>,
    /// Ways to ask that the findings count, by host, and when they were there first.
    sources: Mutex<BTreeMap<Pair, SystemTime>>,
    /// Findings in `/metrics/hosts`, by host and vendor.
    hosts: Mutex<BTreeMap<Pair, SystemTime>>,
}

impl Watch {
    pub(crate) fn start(site: &Site) -> Self {
        let state: Arc<State> = Arc::default();
        let space = site.space("mon");
        let (seen, place) = (Arc::clone(&state), space.clone());
        let thread = thread::spawn(move || {
            enter(&place);
            while !seen.ends.load(Ordering::Relaxed) {
                seen.look();
                thread::sleep(Duration::from_millis(100));
            }
        });
        Self {
            space,
            state,
            thread: Some(thread),
        }
    }

    /// Waits until the findings hold all names and all ways in which these were asked for; gives when
    /// each name and each way of a host came.
    #[track_caller]
    pub(crate) fn wait_for(&self, asked: &[Asked]) -> BTreeMap<Pair, SystemTime> {
        let started = Instant::now();
        loop {
            let mut seen = self.state.names.lock().unwrap().clone();
            seen.extend(self.state.sources.lock().unwrap().clone());
            let is_there = |it: &Asked| {
                [it.name.as_str(), it.source]
                    .iter()
                    .all(|key| seen.contains_key(&(it.host.clone(), (*key).to_owned())))
            };
            let missing: Vec<&Asked> = asked.iter().filter(|it| !is_there(it)).collect();
            if missing.is_empty() {
                return seen;
            }
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "not found: {missing:?}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// When a finding was first in `/metrics/hosts`.
    #[track_caller]
    pub(crate) fn host_shown(&self, host: &str, vendor: &str) -> SystemTime {
        let hosts = self.state.hosts.lock().unwrap();
        hosts[&(host.to_owned(), vendor.to_owned())]
    }

    /// The findings as they are.
    pub(crate) fn findings(&self) -> Value {
        serde_json::from_str(&self.page("/api/v1/findings")).unwrap()
    }

    /// A page as it is.
    pub(crate) fn page(&self, path: &str) -> String {
        let (space, path) = (self.space.clone(), path.to_owned());
        let asked = thread::spawn(move || {
            enter(&space);
            ask(address(), &path).expect("an answer").body
        });
        asked.join().unwrap()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.state.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl State {
    fn look(&self) {
        if let Some(answer) = ask(address(), "/api/v1/findings") {
            let now = SystemTime::now();
            let document: Value = serde_json::from_str(&answer.body).unwrap();
            let text = |it: &Value| it.as_str().unwrap().to_owned();
            let mut names = self.names.lock().unwrap();
            let mut sources = self.sources.lock().unwrap();
            for finding in document["findings"].as_array().unwrap() {
                for (source, count) in finding["sources"].as_object().unwrap() {
                    if count.as_u64() > Some(0) {
                        let pair = (text(&finding["host"]), source.clone());
                        sources.entry(pair).or_insert(now);
                    }
                }
                for name in finding["names"].as_array().unwrap() {
                    let pair = (text(&finding["host"]), text(&name["name"]));
                    names.entry(pair).or_insert(now);
                }
            }
        }
        if let Some(answer) = ask(address(), "/metrics/hosts") {
            let now = SystemTime::now();
            let mut hosts = self.hosts.lock().unwrap();
            for sample in sensor::samples(&answer.body) {
                if sample.name == "phonehome_host_finding_info" {
                    let pair = (
                        sample.labels["host"].clone(),
                        sample.labels["vendor"].clone(),
                    );
                    hosts.entry(pair).or_insert(now);
                }
            }
        }
    }
}

/// Takes the calling thread to a namespace.
fn enter(space: &str) {
    let file = File::open(format!("/var/run/netns/{space}")).unwrap();
    setns(file, CloneFlags::CLONE_NEWNET).unwrap();
}

/// Where the sensor listens, in its own namespace.
fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 14_663))
}
