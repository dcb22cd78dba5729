//! Rules between keys.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::layers::Effective;
use super::value::{SyslogCarrier, Value};
use super::wrong::{Wrong, shown};
use super::{Config, Key};

/// Where frames come from.
#[derive(Clone, Copy, Debug)]
pub enum Frames<'c> {
    /// From interfaces of these names.
    Interfaces(&'c [String]),
    /// From capture files.
    Files(&'c [PathBuf]),
}

impl Config {
    /// Where frames come from; `None` if nothing says so.
    #[must_use]
    pub fn frames(&self) -> Option<Frames<'_>> {
        if !self.interface.is_empty() {
            Some(Frames::Interfaces(&self.interface))
        } else if !self.replay.is_empty() {
            Some(Frames::Files(&self.replay))
        } else {
            None
        }
    }
}

/// Sees to it that the values fit together; what does not is added to `wrongs`.
pub(super) fn settle(loaded: &mut Effective, wrongs: &mut Vec<Wrong>) {
    settle_input(loaded, wrongs);
    validate_interfaces(loaded, wrongs);
    validate_rings(loaded, wrongs);
    validate_end(loaded, wrongs);
    validate_signatures(loaded, wrongs);
    validate_states(loaded, wrongs);
    validate_addresses(loaded, wrongs);
    validate_syslog(loaded, wrongs);
}

/// There is one kind of input. What is said of it closer to the start goes before the rest, as with
/// a single key: a flag to replay a file takes back the interfaces of the file.
fn settle_input(loaded: &mut Effective, wrongs: &mut Vec<Wrong>) {
    let config = &mut loaded.config;
    if config.interface.is_empty() || config.replay.is_empty() {
        return;
    }
    let (interface, replay) = (
        loaded.origins.get("interface"),
        loaded.origins.get("replay"),
    );
    let rank = |it: Option<&super::Origin>| it.map_or(0, super::Origin::rank);
    match rank(interface).cmp(&rank(replay)) {
        std::cmp::Ordering::Less => {
            config.interface.clear();
            loaded.origins.remove("interface");
        }
        std::cmp::Ordering::Greater => {
            config.replay.clear();
            loaded.origins.remove("replay");
        }
        std::cmp::Ordering::Equal => {
            let message = "replay: there are interfaces too; take out one of the two";
            wrongs.push(wrong(loaded, "replay", message.to_owned()));
        }
    }
}

fn validate_interfaces(loaded: &Effective, wrongs: &mut Vec<Wrong>) {
    let mut names = BTreeSet::new();
    for name in &loaded.config.interface {
        let is_name = name.len() <= MAX_INTERFACE_NAME
            && !name.contains(|it: char| it == '/' || it.is_whitespace() || it.is_control());
        let message = if !is_name {
            format!(
                "interface = \"{}\": a name has at most {MAX_INTERFACE_NAME} octets, and no spaces \
                 or slashes",
                shown(name)
            )
        } else if !names.insert(name) {
            format!("interface = \"{name}\" is given twice; give it once")
        } else {
            continue;
        };
        wrongs.push(wrong(loaded, "interface", message));
    }
}

fn validate_rings(loaded: &Effective, wrongs: &mut Vec<Wrong>) {
    let settings = loaded.config.capture();
    if settings.ring_octets_of_thread() < LEAST_RING {
        let message = format!(
            "capture.ring = \"{}\": each of the {} threads of capture.threads needs 1MiB",
            loaded.config.ring.text(),
            settings.threads
        );
        wrongs.push(wrong(loaded, "capture.ring", message));
    }
}

fn validate_end(loaded: &Effective, wrongs: &mut Vec<Wrong>) {
    if loaded.config.exit_when_done && loaded.config.replay.is_empty() {
        let message = "exit-when-done = true: only a replay ends; give replay, or leave this out";
        wrongs.push(wrong(loaded, "exit-when-done", message.to_owned()));
    }
}

fn validate_signatures(loaded: &Effective, wrongs: &mut Vec<Wrong>) {
    if !loaded.config.builtin_signatures && loaded.config.signatures.is_none() {
        let message = "builtin-signatures = false: without them, signatures must name a folder";
        wrongs.push(wrong(loaded, "builtin-signatures", message.to_owned()));
    }
}

fn validate_states(loaded: &Effective, wrongs: &mut Vec<Wrong>) {
    let config = &loaded.config;
    if config.removed_after <= config.quiet_after {
        let message = format!(
            "states.removed-after = \"{}\": it must be longer than states.quiet-after, which is \
             \"{}\"",
            config.removed_after.text(),
            config.quiet_after.text()
        );
        wrongs.push(wrong(loaded, "states.removed-after", message));
    }
}

/// Port zero stands for any that is free, so it may be given twice.
fn validate_addresses(loaded: &Effective, wrongs: &mut Vec<Wrong>) {
    let mut seen = BTreeSet::new();
    for address in &loaded.config.listen_address {
        if address.port() != 0 && !seen.insert(*address) {
            let message =
                format!("web.listen-address = \"{address}\" is given twice; give it once");
            wrongs.push(wrong(loaded, "web.listen-address", message));
        }
    }
}

fn validate_syslog(loaded: &Effective, wrongs: &mut Vec<Wrong>) {
    let config = &loaded.config;
    let is_tls = config
        .syslog_address
        .is_some_and(|it| it.carrier == SyslogCarrier::Tls);
    if is_tls && config.syslog_ca.is_none() {
        let message = "syslog.address: tls:// needs syslog.ca, the file with the certificate of the \
                       authority that the receiver's is from; the system's are in \
                       /etc/ssl/certs/ca-certificates.crt";
        wrongs.push(wrong(loaded, "syslog.address", message.to_owned()));
    }
    let only_tls = [
        ("syslog.ca", config.syslog_ca.is_some()),
        ("syslog.server-name", config.syslog_server_name.is_some()),
    ];
    for (key, is_given) in only_tls {
        if is_given && !is_tls {
            let message = format!("{key}: it is for a syslog.address that begins with tls://");
            wrongs.push(wrong(loaded, key, message));
        }
    }
}

fn wrong(loaded: &Effective, key: &'static str, message: String) -> Wrong {
    debug_assert!(Key::named(key).is_some(), "{key}");
    Wrong {
        origin: loaded.origin(key),
        message,
    }
}

/// Octets of a thread's ring at least: some blocks, each of 256 KiB.
const LEAST_RING: u32 = 1 << 20;

/// Octets of the name of an interface at most (`IFNAMSIZ` of Linux, less its final zero).
const MAX_INTERFACE_NAME: usize = 15;
