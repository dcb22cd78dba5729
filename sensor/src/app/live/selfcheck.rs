//! What the sensor makes sure of before it listens: that both directions of a flow reach one worker.
//!
//! Frames are made up, in both directions and in every way in which packets come, and taken through
//! the same decoder and the same hash as those from the wire. Nothing is sent.

use crate::capture::samples::{FrameKind, Packet};
use crate::decode::{Decoded, Decoder};
use crate::flow::key::{hash_of, share_of};
use crate::frame::{Frame, LinkType};
use crate::intake::worker_of;
use crate::time::Timestamp;

/// Gives the number of flows that were checked.
///
/// # Errors
///
/// In which kind of frame a flow was torn apart.
pub(super) fn both_directions_reach_one_worker(workers: usize) -> Result<usize, String> {
    let wholes = FrameKind::ALL
        .into_iter()
        .filter(|it| *it != FrameKind::Fragment);
    let kinds: Vec<Option<FrameKind>> = std::iter::once(None).chain(wholes.map(Some)).collect();
    let mut checked = 0;
    for there in flows() {
        for kind in &kinds {
            let [one, other] = [there, there.reversed()].map(|it| worker(&it, *kind, workers));
            if one.is_none() || one != other {
                let kind = kind.map_or("plain", FrameKind::as_str);
                return Err(format!(
                    "the two directions of a flow in {kind} frames do not reach one worker"
                ));
            }
            checked += 1;
        }
    }
    Ok(checked)
}

/// Flows between many addresses and ports.
fn flows() -> impl Iterator<Item = Packet> {
    (0..64_u8).flat_map(|number| {
        [(6, 443), (17, 443), (17, 53)].map(|(protocol, port)| Packet {
            protocol,
            ports: [32_768 + u16::from(number) * 509, port],
            src: [10, number.wrapping_mul(41), number, 7],
            dst: [198, 51, 100, number.wrapping_mul(29)],
        })
    })
}

fn worker(packet: &Packet, kind: Option<FrameKind>, workers: usize) -> Option<usize> {
    let sample = match kind {
        Some(kind) => packet.wrapped(kind),
        None => packet.plain(),
    };
    let bytes = sample.on_the_wire();
    let frame = Frame {
        at: Timestamp::from_nanos(0),
        link: LinkType::ETHERNET,
        wire_len: u32::try_from(bytes.len()).ok()?,
        bytes: &bytes,
    };
    let mut decoder = Decoder::default();
    let Decoded::Packet(packet) = decoder.decode(&frame) else {
        return None;
    };
    let (transport, src, dst) = packet.ends()?;
    let share = share_of(transport, src, dst, hash_of(transport, src, dst));
    Some(worker_of(share, workers.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_for_any_number_of_workers_and_uses_all_of_them() {
        for workers in 1..=16 {
            assert_eq!(both_directions_reach_one_worker(workers), Ok(192 * 9));
        }
        let mut used: Vec<_> = flows().map(|it| worker(&it, None, 16)).collect();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), 16);
    }
}
