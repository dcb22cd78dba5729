//! What puts pieces together: streams of TCP, fragments of IP.

use phonehome::decode::{Decoded, Decoder};
use phonehome::flow::stream::{Inserted, MAX_STREAM, Stream};
use phonehome::frame::{Frame, LinkType};
use phonehome::time::Timestamp;

use super::input::{Input, shuffle};

/// A stream in any order, with repeats, overlaps and gaps, against a model: which octets have come.
///
/// Four octets with the number of the first one, then steps of four octets each: what to do, a place,
/// a length.
pub(crate) fn stream(octets: &[u8]) {
    let mut input = Input::new(octets);
    let first = input.u32();
    let sent: Vec<u8> = (0..SENT).map(|it| ((it * 31) >> 3) as u8).collect();
    let mut come = vec![false; SENT];
    let mut base = 0;
    let mut stream = Stream::new(Some(first));
    while !input.is_empty() {
        let step = input.u8();
        let start = usize::from(input.u16()) % SENT;
        let len = usize::from(input.u8()) * usize::from(step >> 4).max(1);
        match step & 0x0f {
            0 => {
                let len = len.min(stream.prefix().len());
                stream.consume(len);
                base += len;
            }
            1 => {
                let end = base + stream.prefix().len();
                let next = (end..SENT).find(|it| come[*it]);
                assert_eq!(stream.skip_gap(), next.is_some());
                base = next.unwrap_or(base);
            }
            2 => {
                // What contradicts what came before changes nothing that is in front.
                let before = stream.prefix().to_vec();
                let junk = vec![0xee; len.min(before.len())];
                let inserted = stream.insert(at(first, base), &junk);
                assert_ne!(inserted, Inserted::Grown);
                assert_eq!(stream.prefix(), before);
            }
            _ => {
                let end = SENT.min(start + len);
                let inserted = stream.insert(at(first, start), &sent[start..end]);
                assert!(stream.held_octets() <= MAX_STREAM + len);
                if inserted == Inserted::Full {
                    return;
                }
                come[start..end].fill(true);
            }
        }
        let whole = (base..SENT).find(|it| !come[*it]).unwrap_or(SENT);
        assert!(
            stream.prefix() == &sent[base..whole],
            "from {base} to {whole}"
        );
        assert_eq!(stream.base(), Some(at(first, base)));
    }
}

fn at(first: u32, place: usize) -> u32 {
    first.wrapping_add(place as u32)
}

/// A datagram in fragments, in any order, some of them twice or overlapping, which must be the
/// datagram; or fragments that contradict each other, which must stay within bounds.
///
/// One octet of flags, one with a number of lengths, the lengths, as many octets that say the order,
/// the payload. A flag has the first fragment cut short.
pub(crate) fn fragments(octets: &[u8]) {
    let mut input = Input::new(octets);
    let flags = input.u8();
    let version = if flags & 1 == 0 {
        Version::V4
    } else {
        Version::V6
    };
    let mut decoder = Decoder::default();
    if flags & 2 != 0 {
        return strays(version, input, &mut decoder);
    }
    let count = usize::from(input.u8() % 24);
    let lens = input.take(count);
    let order = input.take(count);
    let payload = input.take(MAX_PAYLOAD);
    let len = (payload.len() + 8) as u16;
    let datagram = [
        &[0x9c, 0x40, 0x30, 0x39][..],
        &len.to_be_bytes(),
        &[0, 0],
        payload,
    ]
    .concat();

    if flags & 16 != 0 {
        return cut_short(version, &datagram, lens, &mut decoder);
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for len in lens {
        let end = start + (usize::from(*len) + 1) * 8;
        if end >= datagram.len() {
            break;
        }
        parts.push(start..end);
        start = end;
    }
    parts.push(start..datagram.len());
    shuffle(&mut parts, order);
    if flags & 4 != 0 {
        let last = parts.pop();
        parts = parts.into_iter().flat_map(|it| [it.clone(), it]).collect();
        parts.extend(last);
    }
    if flags & 12 == 8 && parts.len() > 1 && datagram.len() >= 24 {
        parts.insert(0, 8..24);
    }

    let mut packets = 0;
    for part in parts {
        let more = part.end < datagram.len();
        let octets = version.fragment(7, part.start, more, &datagram[part]);
        if let Decoded::Packet(packet) = decoder.decode(&frame(&octets)) {
            assert!(packet.payload == payload, "another payload");
            assert_eq!(packet.payload_len as usize, payload.len());
            packets += 1;
        }
    }
    assert_eq!(packets, 1);
}

/// A datagram whose first fragment was cut short in its frame, by as many octets as the second
/// length says: it is a packet with what is there, once, and none of it is held.
fn cut_short(version: Version, datagram: &[u8], lens: &[u8], decoder: &mut Decoder) {
    let [len, cut, ..] = *lens else { return };
    let end = (usize::from(len) + 1) * 8;
    if end >= datagram.len() {
        return;
    }
    let cut = (usize::from(cut) + 1).min(end);
    let octets = version.fragment(7, 0, true, &datagram[..end]);
    let Some(kept) = octets.get(..octets.len() - cut) else {
        return;
    };
    match decoder.decode(&frame(kept)) {
        Decoded::Packet(packet) => {
            assert_eq!(packet.payload, &datagram[8..end - cut]);
            assert_eq!(packet.payload_len as usize, datagram.len() - 8);
        }
        decoded => assert!(matches!(decoded, Decoded::Failed(_)) && end - cut < 8),
    }
    assert_eq!(decoder.held_octets(), 0);
    let rest = version.fragment(7, end, false, &datagram[end..]);
    assert_eq!(decoder.decode(&frame(&rest)), Decoded::Held);
}

/// Fragments of any place and length: an octet for the datagram and whether more come, two for the
/// place, one for the length.
fn strays(version: Version, mut input: Input<'_>, decoder: &mut Decoder) {
    while !input.is_empty() {
        let what = input.u8();
        let start = usize::from(input.u16()) & 0xfff8;
        let len = usize::from(input.u8()) * usize::from(what >> 4 & 7);
        let octets = input.take(len);
        let fragment = version.fragment(what & 3, start, what & 0x80 != 0, octets);
        let _ = decoder.decode(&frame(&fragment));
        assert!(decoder.held_octets() <= 4 << 20);
    }
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    Frame {
        at: Timestamp::from_nanos(0),
        link: LinkType::RAW,
        wire_len: bytes.len() as u32,
        bytes,
    }
}

#[derive(Clone, Copy)]
enum Version {
    V4,
    V6,
}

impl Version {
    /// A fragment of a UDP datagram.
    fn fragment(self, id: u8, start: usize, more: bool, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::V4 => {
                let len = (octets.len() + 20) as u16;
                let place = (start / 8) as u16 | if more { 0x2000 } else { 0 };
                [
                    &[0x45, 0][..],
                    &len.to_be_bytes(),
                    &[0, id],
                    &place.to_be_bytes(),
                    &[64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
                    octets,
                ]
                .concat()
            }
            Self::V6 => {
                let len = (octets.len() + 8) as u16;
                let place = start as u16 & 0xfff8 | u16::from(more);
                let mut head = vec![0x60, 0, 0, 0];
                head.extend(len.to_be_bytes());
                head.extend([44, 64]);
                for end in [1, 2] {
                    head.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, end]);
                }
                head.extend([17, 0]);
                head.extend(place.to_be_bytes());
                head.extend([0, 0, 0, id]);
                head.extend(octets);
                head
            }
        }
    }
}

/// Octets of the stream that is sent.
const SENT: usize = 8192;

/// Most octets of a datagram that is sent in fragments.
const MAX_PAYLOAD: usize = 60_000;
