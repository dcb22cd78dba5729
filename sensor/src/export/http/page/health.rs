//! Whether the sensor is well, in a sentence.

use super::{SILENCE, dropped};
use crate::export::table::{clean, human_duration};
use crate::export::{
    Capture, Mode, Ready, Reload, Snapshot, human_count, human_share, iso_seconds,
};
use crate::time::Timestamp;
use crate::visibility::Visibility;

/// What is said of the sensor's health.
pub(super) struct Health {
    /// Name of the window or tab.
    pub(super) title: &'static str,
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) sentence: String,
    /// What else should be looked at, a sentence each.
    pub(super) remarks: Vec<String>,
}

/// How bad it is.
#[derive(Clone, Copy)]
enum State {
    Well,
    Look,
    Ill,
}

/// Judges the sensor by its inputs at the time of the clock.
pub(super) fn of(snapshot: &Snapshot, now: Option<Timestamp>) -> Health {
    let captures = &snapshot.captures;
    let is_live = captures.iter().any(|it| it.mode == Mode::Live);
    let (state, sentence) = match &snapshot.ready {
        Ready::No(reason) => {
            let reason = clean(reason);
            (
                State::Ill,
                format!("The sensor does not hear all that it should: {reason}."),
            )
        }
        Ready::Yes if snapshot.catalogue.packs().is_empty() => (
            State::Ill,
            "The sensor looks for nothing: no pack is loaded.".to_owned(),
        ),
        Ready::Yes if is_live => live(captures, now),
        Ready::Yes => files(captures),
    };
    let remarks = remarks(snapshot);
    let state = match state {
        State::Well if !remarks.is_empty() => State::Look,
        state => state,
    };
    let (title, class, sign) = match state {
        State::Well => ("phonehome", "well", "\u{2713}"),
        State::Look => ("! phonehome", "look", "!"),
        State::Ill => ("\u{2715} phonehome", "ill", "\u{2715}"),
    };
    Health {
        title,
        class,
        sign,
        sentence,
        remarks,
    }
}

fn live(captures: &[Capture], now: Option<Timestamp>) -> (State, String) {
    let names = names(captures);
    let newest = captures.iter().filter_map(|it| it.last_frame).max();
    let Some(newest) = newest else {
        let sentence = format!(
            "The sensor listens on {names}, but no frame has come yet. Is the mirror port on?"
        );
        return (State::Look, sentence);
    };
    let ago = now.unwrap_or(newest).since(newest);
    let time = human_duration(ago.as_secs());
    if ago >= SILENCE {
        let sentence = format!(
            "The sensor listens on {names}, but no frame has come for {time}. Is the mirror port \
             on?"
        );
        return (State::Look, sentence);
    }
    let sentence =
        format!("The sensor is well: it listens on {names}, and the newest frame came {time} ago.");
    (State::Well, sentence)
}

fn files(captures: &[Capture]) -> (State, String) {
    let names = names(captures);
    let sentence = if captures.iter().any(|it| it.up) {
        format!("The sensor is well: it is reading {names}.")
    } else {
        format!("The sensor is well: it has read {names} to the end, and serves what it found.")
    };
    (State::Well, sentence)
}

fn names(captures: &[Capture]) -> String {
    let names: Vec<String> = captures.iter().map(|it| clean(&it.name)).collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// What should be looked at of the newest load of settings.
fn reload(reload: &Reload) -> Vec<String> {
    let Some(first) = reload.errors.first() else {
        return reload
            .waiting
            .iter()
            .map(|it| format!("{}.", clean(it)))
            .collect();
    };
    let more = match reload.errors.len() - 1 {
        0 => String::new(),
        more => format!(" (and {} more)", human_count(more as u64)),
    };
    vec![format!(
        "The settings could not be reloaded at {}, so those of {} stay in force: {}{more}.",
        iso_seconds(reload.at),
        iso_seconds(reload.succeeded_at),
        clean(first)
    )]
}

/// What should be looked at though frames come.
fn remarks(snapshot: &Snapshot) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(own) = &snapshot.own {
        remarks.extend(reload(&own.reload));
    }
    let received: u64 = snapshot.captures.iter().map(|it| it.received_frames).sum();
    let lost = dropped(snapshot);
    if lost > 0 {
        remarks.push(format!(
            "{} of {} frames were lost ({}) since the start: some of what was said was not heard.",
            human_count(lost),
            human_count(received),
            human_share(lost, received)
        ));
    }
    if snapshot.hosts_seen == 0 && received >= ENOUGH_FRAMES {
        remarks.push(
            "Frames come, but none of a host inside: do the home networks include your hosts?"
                .to_owned(),
        );
    }
    let [[one_way, both_ways], _] = snapshot.visibility.flows_ended;
    if one_way > both_ways && one_way + both_ways >= ENOUGH_FLOWS {
        remarks.push(
            "Most TCP flows were seen in one direction only: does the mirror port mirror both?"
                .to_owned(),
        );
    }
    let Visibility {
        judged_flows,
        judged_octets,
        missing_octets,
        ..
    } = snapshot.visibility;
    let acknowledged = judged_octets + missing_octets;
    if lost == 0 && judged_flows >= ENOUGH_FLOWS && missing_octets >= acknowledged / MUCH_LOSS {
        remarks.push(format!(
            "Of the octets that receivers acknowledged, {} never reached this sensor: is more \
             mirrored than the port can carry?",
            human_share(missing_octets, acknowledged)
        ));
    }
    remarks
}

/// One octet in so many, of those acknowledged, that never came is worth a word.
const MUCH_LOSS: u64 = 50;

/// Frames from which on a host should have been seen.
const ENOUGH_FRAMES: u64 = 1_000;

/// TCP flows from which on a share of them means something.
const ENOUGH_FLOWS: u64 = 100;
