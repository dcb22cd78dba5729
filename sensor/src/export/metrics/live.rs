//! Metrics of interfaces: what is left out by choice, and what the card does.

use super::page::{Page, float};
use crate::export::{Capture, FRAME_KINDS, RINGS, Snapshot};
use crate::frame::Offload;

/// Writes them.
pub(super) fn capture(page: &mut Page, snapshot: &Snapshot) {
    let looking = &snapshot.looking;
    page.gauge(
        "phonehome_capture_filtered",
        "Whether a filter of the operator's is in force; what it leaves out is not looked at.",
        [],
        [([], truth(looking.filter.is_some()))],
    );
    page.gauge(
        "phonehome_capture_filter_leaves_out",
        "Whether the filter lets nothing pass in frames of that kind, though it lets plain ones pass.",
        ["kind"],
        FRAME_KINDS
            .iter()
            .map(|it| ([*it], truth(looking.left_out.contains(it)))),
    );
    let captures = || snapshot.captures.iter();
    page.gauge(
        "phonehome_capture_prefiltered",
        "Whether the kernel cuts flows off; octets of findings are then a lower bound.",
        ["interface"],
        captures().map(|it| ([it.name.as_str()], truth(it.cut_off.is_some()))),
    );
    let cut_off = |which: fn([u64; 2]) -> u64| {
        captures().map(move |it| ([it.name.as_str()], which(it.cut_off.unwrap_or_default())))
    };
    page.counter(
        "phonehome_capture_prefiltered_frames_total",
        "Frames that the kernel cut off; they are not among those received.",
        ["interface"],
        cut_off(|[frames, _]| frames),
    );
    page.counter(
        "phonehome_capture_prefiltered_bytes_total",
        "Bytes on the wire of the frames that the kernel cut off.",
        ["interface"],
        cut_off(|[_, octets]| octets),
    );
    page.gauge(
        "phonehome_capture_ring_connections",
        "First connections, by whether both directions came out of one ring.",
        ["interface", "seen"],
        captures()
            .filter_map(|it| Some((it, it.rings?)))
            .flat_map(|(it, rings)| {
                let rows = RINGS.into_iter().zip(rings);
                rows.map(|(seen, count)| ([it.name.as_str(), seen], float(count)))
            }),
    );
    cards(page, snapshot);
}

fn cards(page: &mut Page, snapshot: &Snapshot) {
    let cards = || {
        let captures = snapshot.captures.iter();
        captures.filter_map(|it: &Capture| Some((it.name.as_str(), it.card.as_ref()?)))
    };
    page.gauge(
        "phonehome_capture_offload_enabled",
        "Whether the interface does that work in place of the system; gro, lro and rx-gro-hw change \
         what is captured.",
        ["interface", "setting"],
        cards().flat_map(|(name, card)| {
            let rows = Offload::ALL.into_iter().zip(card.offloads);
            rows.filter_map(move |(it, is_on)| Some(([name, it.as_str()], truth(is_on?))))
        }),
    );
    page.gauge(
        "phonehome_capture_card_ring_frames",
        "Frames that the card's receive ring holds, and the most that it could.",
        ["interface", "size"],
        cards()
            .filter_map(|(name, card)| Some((name, card.ring?)))
            .flat_map(|(name, (held, most))| {
                [
                    ([name, "set"], f64::from(held)),
                    ([name, "most"], f64::from(most)),
                ]
            }),
    );
    page.gauge(
        "phonehome_capture_mtu_bytes",
        "Longest packet that the interface takes.",
        ["interface"],
        cards().filter_map(|(name, card)| Some(([name], f64::from(card.mtu?)))),
    );
}

fn truth(it: bool) -> f64 {
    f64::from(u8::from(it))
}
