//! How the sensor fares, in the words of the status page.

use crate::export::table::{clean, human_duration};
use crate::export::{
    Canary, EvidenceKept, Snapshot, Store, human_count, human_octets, iso_seconds, output,
};
use crate::time::Timestamp;

/// How the sensor fares, a line each: what waits where, what is kept, and what keeps the process in.
pub(super) fn pipeline(snapshot: &Snapshot, now: Option<Timestamp>) -> Vec<(&'static str, String)> {
    let workers = &snapshot.pipeline.workers;
    let limit = snapshot.pipeline.queue_limit_frames;
    let mut rows = Vec::new();
    if let Some(fullest) = workers.iter().map(|it| it.queued_frames).max() {
        let workers = match workers.len() {
            1 => "1 worker".to_owned(),
            count => format!("{count} workers"),
        };
        rows.push((
            "queues",
            format!(
                "{workers}; {} frames wait in the fullest queue, of {} that it can hold",
                human_count(fullest),
                human_count(limit),
            ),
        ));
    }
    if let Some(it) = &snapshot.canary {
        rows.push(("canary", canary(it, now)));
    }
    let remembered = snapshot.resolved_addresses;
    rows.push((
        "memory",
        format!(
            "{} hosts, {} findings, {} addresses with a remembered name",
            human_count(snapshot.hosts_seen),
            human_count(snapshot.findings.len() as u64),
            human_count(remembered)
        ),
    ));
    if let Some((first, last)) = snapshot.span() {
        let span = human_duration(last.since(first).as_secs());
        rows.push((
            "time",
            format!("{} to {} ({span})", iso_seconds(first), iso_seconds(last)),
        ));
    }
    if let Some(own) = &snapshot.own {
        let loaded = iso_seconds(own.reload.succeeded_at);
        rows.push(("settings", format!("those loaded at {loaded} are in force")));
        rows.extend(
            own.outputs
                .iter()
                .map(|(kind, it)| (words(*kind), output(it))),
        );
    }
    if let Some(it) = &snapshot.store {
        rows.push(("store", store(it)));
    }
    if let Some(it) = &snapshot.evidence {
        rows.push(("evidence", evidence(it)));
    }
    if !snapshot.protections.is_empty() {
        rows.push(("protection", protection(snapshot)));
    }
    rows
}

/// What became of the sensor's own exchanges, which must come out as findings.
fn canary(canary: &Canary, now: Option<Timestamp>) -> String {
    let counts = format!(
        "{} of {} made-up exchanges came out as findings",
        human_count(canary.found),
        human_count(canary.sent)
    );
    match (canary.last_success, now) {
        (Some(last), Some(now)) => {
            let ago = human_duration(now.since(last).as_secs());
            format!("{counts}, the newest {ago} ago")
        }
        (Some(last), None) => format!("{counts}, the newest at {}", iso_seconds(last)),
        (None, _) => counts,
    }
}

/// What an output is called on the page.
const fn words(kind: output::Kind) -> &'static str {
    match kind {
        output::Kind::File => "events to a file",
        output::Kind::Socket => "events to a socket",
        output::Kind::Stdout => "events to standard output",
        output::Kind::Syslog => "events to syslog",
    }
}

/// What became of the events of an output.
fn output(counts: &output::Counts) -> String {
    let mut text = format!("{} handed over", human_count(counts.sent));
    if let Some(last) = counts.last_success {
        text = format!("{text}, the newest at {}", iso_seconds(last));
    }
    let others = [
        (counts.queued, "wait"),
        (counts.dropped, "were dropped, as the queue was full"),
        (counts.failed, "were refused"),
        (counts.errors, "attempts failed and were made again"),
    ];
    for (count, what) in others.iter().filter(|it| it.0 > 0) {
        text = format!("{text}; {} {what}", human_count(*count));
    }
    text
}

/// How findings are kept on disk.
fn store(store: &Store) -> String {
    let mut text = format!(
        "findings saved at {}, {} on disk",
        iso_seconds(store.last_save),
        human_octets(store.file_bytes)
    );
    let others = [
        (store.save_failures, "saves failed"),
        (store.lost_changes, "changes were never saved"),
    ];
    for (count, what) in others.iter().filter(|it| it.0 > 0) {
        text = format!("{text}; {} {what}", human_count(*count));
    }
    text
}

/// How the frames that prove sightings are kept on disk.
fn evidence(evidence: &EvidenceKept) -> String {
    let [kept, missed, refused, failed] = evidence.records;
    let mut text = format!(
        "frames of {} sightings kept since the start, {} on disk",
        human_count(kept),
        human_octets(evidence.octets)
    );
    let others = [
        (missed, "had gone by"),
        (refused, "found the folder full"),
        (failed, "could not be written"),
    ];
    for (count, what) in others.iter().filter(|it| it.0 > 0) {
        text = format!("{text}; {} {what}", human_count(*count));
    }
    text
}

/// What keeps the process from doing harm, and what does not.
fn protection(snapshot: &Snapshot) -> String {
    let all = snapshot.protections.iter();
    let (held, missing): (Vec<_>, Vec<_>) = all.partition(|it| it.1.is_in_force());
    let held: Vec<&str> = held.iter().map(|it| it.0.words()).collect();
    let missing: Vec<String> = missing
        .iter()
        .map(|(what, why)| format!("{} ({why})", what.as_str()))
        .collect();
    let mut text = match held.as_slice() {
        [] => "none is in force".to_owned(),
        held => format!("the process {}", held.join(", ")),
    };
    if !missing.is_empty() {
        text = format!("{text}; not in force: {}", missing.join(", "));
    }
    clean(&text)
}
