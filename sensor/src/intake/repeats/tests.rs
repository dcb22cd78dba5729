use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep};

use super::*;
use crate::decode::walk::walk;

const PAYLOAD: [u8; 40] = [0x17; 40];

fn ethernet() -> PacketBuilderStep<etherparse::Ethernet2Header> {
    PacketBuilder::ethernet2([2; 6], [4; 6])
}

/// A segment with a sequence number of its own, whose packet has that identification.
fn segment(seq: u32, identification: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let step = ethernet().ipv4([10, 0, 0, 1], [192, 0, 2, 9], 64);
    step.tcp(40_000, 443, seq, 9_000)
        .write(&mut bytes, &PAYLOAD)
        .unwrap();
    bytes[18..20].copy_from_slice(&identification.to_be_bytes());
    bytes
}

fn over_v6() -> Vec<u8> {
    let mut bytes = Vec::new();
    let step: PacketBuilderStep<IpHeaders> = ethernet().ipv6([0xfd; 16], [0x20; 16], 64);
    step.udp(5353, 53).write(&mut bytes, &PAYLOAD).unwrap();
    bytes
}

/// The frame as another port of the switch gives it: another TTL and checksums, tagged, padded.
fn twin(frame: &[u8]) -> Vec<u8> {
    let mut ip = frame[14..].to_vec();
    let transport = match ip[0] >> 4 {
        4 => {
            ip[8] -= 1;
            ip[10] = ip[10].wrapping_add(1);
            20
        }
        _ => {
            ip[7] -= 1;
            40
        }
    };
    let checksum = if ip[transport..].len() == 48 { 6 } else { 16 };
    ip[transport + checksum] ^= 0x55;
    [
        &[9; 12][..],
        &[0x81, 0, 0, 77],
        &frame[12..14],
        &ip,
        &[0; 9],
    ]
    .concat()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_nanos(micros * 1000)
}

fn frame(bytes: &[u8], micros: i64) -> Frame<'_> {
    Frame {
        at: at(micros),
        link: LinkType::ETHERNET,
        wire_len: bytes.len() as u32,
        bytes,
    }
}

#[test]
fn a_frame_repeats_another_whatever_its_ttl_checksums_tag_and_padding() {
    for bytes in [segment(1, 7), over_v6()] {
        let mut repeats = Repeats::default();
        let twin = twin(&bytes);
        assert!(
            walk(&frame(&twin, 0)).is_some(),
            "it is a frame that counts"
        );
        assert!(!repeats.is_repeat(&frame(&bytes, 0)));
        assert!(repeats.is_repeat(&frame(&twin, 40)));
        assert!(repeats.is_repeat(&frame(&bytes, 90)), "and a third");
    }
}

#[test]
fn a_frame_without_a_link_header_is_the_same_frame() {
    let bytes = segment(1, 7);
    let cooked = [&[0; 16][..], &bytes[14..]].concat();
    let mut repeats = Repeats::default();
    assert!(!repeats.is_repeat(&frame(&bytes, 0)));
    let cooked = Frame {
        link: LinkType::LINUX_SLL,
        ..frame(&cooked, 1)
    };
    assert!(repeats.is_repeat(&cooked));
    let raw = Frame {
        link: LinkType::RAW,
        ..frame(&bytes[14..], 2)
    };
    assert!(repeats.is_repeat(&raw));
}

#[test]
fn what_differs_in_any_octet_that_counts_is_no_repeat() {
    let bytes = segment(1, 7);
    // All of the packet but type of service, TTL, header checksum, checksum.
    let counts = |it: &usize| !matches!(it, 15 | 22 | 24 | 25 | 50 | 51);
    for place in (14..bytes.len()).filter(counts) {
        let mut repeats = Repeats::default();
        let mut other = bytes.clone();
        other[place] ^= 1;
        assert!(!repeats.is_repeat(&frame(&bytes, 0)));
        assert!(!repeats.is_repeat(&frame(&other, 0)), "octet {place}");
    }
}

#[test]
fn what_comes_later_or_is_sent_again_is_no_repeat() {
    let mut repeats = Repeats::default();
    assert!(!repeats.is_repeat(&frame(&segment(1, 7), 0)));
    assert!(
        !repeats.is_repeat(&frame(&segment(1, 8), 500)),
        "another packet"
    );
    assert!(repeats.is_repeat(&frame(&segment(1, 7), 3_000)));
    assert!(!repeats.is_repeat(&frame(&segment(1, 7), 3_001)));
}

#[test]
fn packets_in_a_tunnel_are_compared_by_what_is_inside() {
    let (bytes, again) = (segment(1, 7), twin(&segment(1, 7)));
    let [one, two] = [(&bytes, 0), (&again, 5)].map(|(it, at)| walk(&frame(it, at)).unwrap());
    let mut repeats = Repeats::default();
    assert!(!repeats.is_repeat_inside(&one));
    assert!(repeats.is_repeat_inside(&two));
    let empty = Packet {
        payload: &[],
        payload_len: 0,
        ..one
    };
    assert!(!repeats.is_repeat_inside(&empty));
    assert!(
        !repeats.is_repeat_inside(&empty),
        "acknowledgments are alike"
    );
}

#[test]
fn a_feed_without_repeats_is_hardly_looked_at() {
    let mut feed = Feed::default();
    feed.goes_on(20_000, 1);
    let in_the_beginning = feed.looked;
    assert!(in_the_beginning >= 16_384);
    feed.goes_on(2_000_000, 1);
    let share = (feed.looked - in_the_beginning) as f64 / 2_000_000.0;
    assert!(share < 0.03 && share > 0.0, "{share}");
    assert_eq!(feed.repeated, 0);
}

#[test]
fn a_feed_that_begins_to_show_repeats_is_rid_of_them_until_it_shows_none() {
    let mut feed = Feed::default();
    feed.goes_on(300_000, 1);
    feed.goes_on(600_000, 2);
    let before = feed.repeated;
    feed.goes_on(50_000, 2);
    assert_eq!(feed.repeated - before, 25_000, "all of them are found");
    feed.goes_on(100_000, 1);
    let looked = feed.looked;
    feed.goes_on(100_000, 1);
    assert!(feed.looked - looked < 5_000);
}

#[test]
fn a_few_repeats_among_many_frames_are_enough() {
    let mut feed = Feed::default();
    for _ in 0..200 {
        feed.goes_on(95, 1);
        feed.goes_on(10, 2);
    }
    assert_eq!(feed.repeated, 1_000, "none goes by");
}

/// A feed of frames a microsecond apart.
#[derive(Default)]
struct Feed {
    repeats: Repeats,
    frames: u64,
    looked: u64,
    repeated: u64,
}

impl Feed {
    /// So many frames, each packet so many times.
    fn goes_on(&mut self, frames: u64, times: u64) {
        let mut bytes = segment(0, 0);
        for number in 0..frames {
            let now = self.frames as i64;
            if number % times == 0 {
                bytes[38..42].copy_from_slice(&(self.frames as u32).to_be_bytes());
            }
            self.frames += 1;
            if self.repeats.watches(1, at(now)) {
                self.looked += 1;
                self.repeated += u64::from(self.repeats.is_repeat(&frame(&bytes, now)));
            }
        }
    }
}
