//! Has the kernel itself run the program on frames: needs root.

use etherparse::PacketBuilder;

use super::kernel::test_run;
use super::*;
use crate::triage::{BUDGET_OCTETS, may_begin_stream};

#[test]
fn the_first_octets_of_each_direction_pass_and_the_rest_is_counted() {
    let cutoff = cutoff();
    let there = tcp(false, 443, ACK, &CIPHERTEXT);
    let back = tcp(true, 443, ACK, &CIPHERTEXT);
    for frame in [&there, &back] {
        let passed = (0..20).filter(|_| passes(&cutoff, frame)).count();
        let most = BUDGET.octets as usize / CIPHERTEXT.len() + 2;
        assert!((most - 2..=most).contains(&passed), "{passed} of {most}");
    }
    let counts = cutoff.counts();
    assert!(counts.frames >= 40 - 2 * 12, "{counts:?}");
    assert_eq!(counts.octets, counts.frames * there.len() as u64);
}

#[test]
fn every_flow_has_a_budget_of_its_own_on_every_port() {
    let cutoff = cutoff();
    for port in [1, 25, 443, 8_443, 50_001] {
        assert!(passes(&cutoff, &tcp(false, port, ACK, &CIPHERTEXT)));
        exhaust(&cutoff, port);
    }
}

#[test]
fn beginnings_and_ends_pass_when_the_budget_is_spent() {
    let cutoff = cutoff();
    for flags in [SYN, SYN | ACK, FIN | ACK, RST] {
        exhaust(&cutoff, 443);
        assert!(passes(&cutoff, &tcp(false, 443, flags, &[])), "{flags:#x}");
    }
    exhaust(&cutoff, 443);
    assert!(!passes(&cutoff, &tcp(false, 443, ACK, &[])));
}

#[test]
fn what_opens_a_flow_anew_gives_it_its_whole_budget() {
    let cutoff = cutoff();
    let hello = [&[0x16, 3, 1, 2, 0, 1][..], &[7; 500]].concat();
    for opening in [
        tcp(false, 443, SYN, &[]),
        tcp(true, 443, ACK, &hello),
        tcp(false, 443, ACK, b"CONNECT example.org:443 HTTP/1.1\r\n"),
        tcp(false, 443, ACK, b"GET / HTTP/1.1\r\n\r\n"),
        tcp(false, 443, ACK, b"\r\nPOST /x HTTP/1.1\r\n\r\n"),
    ] {
        exhaust(&cutoff, 443);
        assert!(passes(&cutoff, &opening));
        let next = tcp(false, 443, ACK, &CIPHERTEXT);
        assert!((0..8).all(|_| passes(&cutoff, &next)));
    }
}

#[test]
fn whatever_triage_takes_for_a_beginning_passes() {
    let cutoff = cutoff();
    exhaust(&cutoff, 443);
    let seeds: [&[u8]; 8] = [
        &[0x16, 3, 1, 2, 0, 1, 0, 1],
        &[0x16, 3, 3, 0, 90, 2, 0, 0],
        b"GET / HTTP/1.1",
        b"PUT  /x HTTP",
        b"VERSION-CONTROL / ",
        b"RPC_IN_DATA /rpc",
        b"\r\n\n\r\nGET / HTTP/1.1",
        b"CONNECT a:1 HTTP/1.1",
    ];
    let mut beginnings = 0;
    for seed in seeds {
        for len in 1..=seed.len() {
            for at in 0..len.min(6) {
                for octet in (0..=255)
                    .step_by(5)
                    .chain([3, b' ', b'\r', b'\n', b'A', b'Z'])
                {
                    let mut payload = seed[..len].to_vec();
                    payload[at] = octet;
                    if may_begin_stream(&payload) {
                        beginnings += 1;
                        let frame = tcp(false, 443, ACK, &payload);
                        assert!(passes(&cutoff, &frame), "{payload:02x?}");
                        exhaust(&cutoff, 443);
                    }
                }
            }
        }
    }
    assert!(beginnings > 500, "{beginnings}");
}

#[test]
fn a_flow_that_is_cut_off_shows_a_sign_of_life() {
    let cutoff = Cutoff::load(Budget {
        sign_of_life: Duration::from_millis(20),
        ..BUDGET
    })
    .unwrap();
    let frame = tcp(false, 443, ACK, &CIPHERTEXT);
    exhaust(&cutoff, 443);
    let started = std::time::Instant::now();
    let mut passed = 0;
    while started.elapsed() < Duration::from_millis(200) {
        passed += usize::from(passes(&cutoff, &frame));
    }
    assert!((1..=11).contains(&passed), "{passed}");
    let bare = tcp(false, 443, ACK, &[]);
    assert!((0..1_000_000).any(|_| passes(&cutoff, &bare)));
}

#[test]
fn a_flow_that_was_silent_has_its_budget_again() {
    let cutoff = Cutoff::load(Budget {
        idle: Duration::from_millis(30),
        ..BUDGET
    })
    .unwrap();
    exhaust(&cutoff, 443);
    std::thread::sleep(Duration::from_millis(40));
    let frame = tcp(false, 443, ACK, &CIPHERTEXT);
    assert!((0..8).all(|_| passes(&cutoff, &frame)));
}

#[test]
fn what_is_not_plain_tcp_or_udp_passes_always() {
    let cutoff = cutoff();
    let plain = tcp(false, 443, ACK, &CIPHERTEXT);
    let (header, rest) = plain.split_at(12);
    let behind = |octets: &[u8]| [header, octets, rest].concat();
    let fragment = |high, low| {
        let mut frame = plain.clone();
        (frame[20], frame[21]) = (high, low);
        frame
    };
    let with = |at: usize, octet: u8| {
        let mut frame = plain.clone();
        frame[at] = octet;
        frame
    };
    let always = [
        (
            "three tags in the frame",
            behind(&[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3]),
        ),
        ("MPLS", behind(&[0x88, 0x47, 0, 1, 1, 64])),
        ("PPPoE", behind(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 100])),
        ("ARP", with(13, 0x06)),
        ("more fragments", fragment(0x20, 0)),
        ("a last fragment", fragment(0, 100)),
        ("GRE", with(23, 47)),
        ("a version that is wrong", with(14, 0x55)),
        ("a header too short", with(14, 0x44)),
        ("a TCP header too short", with(46, 0x40)),
        ("a length shorter than its headers", with(17, 30)),
        ("a frame cut short", plain[..50].to_vec()),
        ("a frame of nothing", plain[..14].to_vec()),
        ("DNS", udp(false, 53, &CIPHERTEXT)),
        ("VXLAN", udp(false, 4_789, &CIPHERTEXT)),
    ];
    exhaust(&cutoff, 443);
    let before = cutoff.counts();
    for (what, mut frame) in always {
        if what == "a length shorter than its headers" {
            frame[16] = 0;
        }
        assert!((0..40).all(|_| passes(&cutoff, &frame)), "{what}");
    }
    assert_eq!(cutoff.counts(), before);
}

#[test]
fn tags_in_the_frame_and_options_do_not_hide_a_flow() {
    let plain = tcp(false, 443, ACK, &CIPHERTEXT);
    let (header, rest) = plain.split_at(12);
    let mut options = plain.clone();
    options[14] = 0x46;
    options.splice(34..34, [1, 1, 1, 0]);
    let len = u16::from_be_bytes([options[16], options[17]]) + 4;
    options[16..18].copy_from_slice(&len.to_be_bytes());
    for frame in [
        plain.clone(),
        [header, &[0x81, 0, 0, 5], rest].concat(),
        [header, &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6], rest].concat(),
        options,
        ipv6(&CIPHERTEXT),
        udp(false, 5_000, &CIPHERTEXT),
    ] {
        let cutoff = cutoff();
        let passed = (0..40).filter(|_| passes(&cutoff, &frame)).count();
        assert!((8..=12).contains(&passed), "{passed}");
        assert_eq!(cutoff.counts().frames, 40 - passed as u64);
    }
}

#[test]
fn a_length_of_zero_means_to_the_end_of_the_frame() {
    let cutoff = cutoff();
    let mut frame = tcp(false, 443, ACK, &CIPHERTEXT);
    frame[16..18].copy_from_slice(&[0, 0]);
    let passed = (0..40).filter(|_| passes(&cutoff, &frame)).count();
    assert!((8..=12).contains(&passed), "{passed}");
}

#[test]
fn long_headers_of_quic_pass_and_media_streams_do_not() {
    let cutoff = cutoff();
    let with_version = |version: u32| {
        let mut payload = CIPHERTEXT;
        payload[0] = 0xc3;
        payload[1..5].copy_from_slice(&version.to_be_bytes());
        udp(false, 443, &payload)
    };
    for version in [
        1,
        0x6b33_43cf,
        0xff00_001d,
        0x709a_50c4,
        0xface_b002,
        0x5430_3530,
    ] {
        let frame = with_version(version);
        assert!((0..40).all(|_| passes(&cutoff, &frame)), "{version:#x}");
    }
    let media = with_version(0x1234_5678);
    assert!(!(0..40).all(|_| passes(&cutoff, &media)));
}

#[test]
fn the_budget_is_more_than_that_of_triage() {
    assert!(Budget::default().octets >= BUDGET_OCTETS + u32::from(u16::MAX) / 4);
    for port in crate::decode::walk::TUNNEL_PORTS {
        assert!(OPEN_PORTS.contains(&port), "{port}");
    }
}

#[test]
fn a_decision_is_a_matter_of_nanoseconds() {
    let cutoff = cutoff();
    let frame = tcp(false, 443, ACK, &CIPHERTEXT);
    let run = test_run(&cutoff.program, &frame, 1_000_000).unwrap();
    println!("a segment that is cut off: {} ns", run.nanos);
    let hello = tcp(false, 443, ACK, &[0x16, 3, 1, 2, 0, 1]);
    let opening = test_run(&cutoff.program, &hello, 1_000_000).unwrap();
    println!("a hello: {} ns", opening.nanos);
    let arp = test_run(&cutoff.program, &[0; 60], 1_000_000).unwrap();
    println!("what is not IP: {} ns", arp.nanos);
    assert!(run.nanos < 10_000, "{run:?}");
}

fn cutoff() -> Cutoff {
    Cutoff::load(BUDGET).unwrap()
}

fn passes(cutoff: &Cutoff, frame: &[u8]) -> bool {
    match test_run(&cutoff.program, frame, 1).unwrap().value {
        0 => false,
        u32::MAX => true,
        other => panic!("{other:#x}"),
    }
}

/// Spends the budget of both directions of the flow to that port.
fn exhaust(cutoff: &Cutoff, port: u16) {
    for is_back in [false, true] {
        let frame = tcp(is_back, port, ACK, &CIPHERTEXT);
        for _ in 0..12 {
            passes(cutoff, &frame);
        }
        assert!(!passes(cutoff, &frame), "port {port}");
    }
}

fn tcp(is_back: bool, port: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = ends(is_back, port);
    let mut builder = PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4(src.0, dst.0, 64)
        .tcp(src.1, dst.1, 1, 1000);
    builder = if flags & SYN == 0 {
        builder
    } else {
        builder.syn()
    };
    builder = if flags & ACK == 0 {
        builder
    } else {
        builder.ack(1)
    };
    builder = if flags & FIN == 0 {
        builder
    } else {
        builder.fin()
    };
    builder = if flags & RST == 0 {
        builder
    } else {
        builder.rst()
    };
    let mut bytes = Vec::new();
    builder.write(&mut bytes, payload).unwrap();
    bytes
}

fn udp(is_back: bool, port: u16, payload: &[u8]) -> Vec<u8> {
    let (src, dst) = ends(is_back, port);
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4(src.0, dst.0, 64)
        .udp(src.1, dst.1)
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

fn ipv6(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv6([3; 16], [5; 16], 64)
        .tcp(50_000, 443, 1, 1000)
        .ack(1)
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

type End = ([u8; 4], u16);

fn ends(is_back: bool, port: u16) -> (End, End) {
    let (client, server) = (([10, 0, 0, 1], 50_000), ([192, 0, 2, 1], port));
    if is_back {
        (server, client)
    } else {
        (client, server)
    }
}

/// A small budget, so that it is soon spent, with no time in it.
const BUDGET: Budget = Budget {
    octets: 10_000,
    idle: Duration::from_secs(2),
    sign_of_life: Duration::from_secs(2),
};

/// Begins like nothing in particular.
const CIPHERTEXT: [u8; 1000] = [0x17; 1000];

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
