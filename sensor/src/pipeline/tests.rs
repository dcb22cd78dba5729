//! Frames in, names out, through the whole pure path.

use std::sync::{Arc, LazyLock};

use etherparse::PacketBuilder;
use phonehome_signatures::Catalogue;
use proptest::prelude::*;

use super::{Counts, Ledger, Loaded, Next, Sizes, Source, inline, threads};
use crate::detection::{Notice, What};
use crate::frame::{Frame, LinkType, Run};
use crate::names::tls::builder::Hello;
use crate::time::Timestamp;
use crate::visibility::{Unnamed, Visibility};
use crate::worker::Report;

mod clients;
mod encrypted;
mod floods;
mod loss;
mod octets;
mod ports;
mod twice;

#[test]
fn a_split_hello_is_named_whatever_the_order_of_its_segments() {
    let hello = Hello::browser("split.example").record();
    let (first, second) = hello.split_at(1000);
    for swapped in [false, true] {
        let mut scene = Scene::default();
        scene.open(1);
        let mut segments = [(0, first), (1000, second)];
        if swapped {
            segments.reverse();
        }
        for (offset, payload) in segments {
            scene.client(1, offset, payload);
        }
        assert_eq!(
            scene.names(),
            ["tls-sni split.example"],
            "swapped: {swapped}"
        );
    }
}

#[test]
fn a_hello_without_the_syn_is_named_even_out_of_order() {
    let hello = Hello::browser("midstream.example").record();
    let (first, second) = hello.split_at(700);
    let mut scene = Scene::default();
    scene.client(1, 700, second);
    scene.client(1, 0, first);
    assert_eq!(scene.names(), ["tls-sni midstream.example"]);
}

#[test]
fn a_hello_over_the_end_of_the_sequence_numbers_is_named() {
    let hello = Hello::browser("wrap.example").record();
    let (first, second) = hello.split_at(900);
    let mut scene = Scene {
        isn: u32::MAX - 500,
        ..Scene::default()
    };
    scene.open(1);
    scene.client(1, 900, second);
    scene.client(1, 0, first);
    assert_eq!(scene.names(), ["tls-sni wrap.example"]);
}

#[test]
fn an_answer_that_is_captured_before_its_syn_is_of_the_same_connection() {
    let mut scene = Scene::default();
    scene.open(1);
    let [syn, syn_ack] = [0, 1].map(|it| scene.frames[it].1.clone());
    (scene.frames[0].1, scene.frames[1].1) = (syn_ack, syn);
    scene.client(1, 0, &Hello::browser("late.example").record());
    assert_eq!(scene.names(), ["tls-sni late.example"]);
    assert_eq!(scene.seen(1).visibility.connections, [1, 0]);
}

#[test]
fn padding_where_the_hello_belongs_does_not_hide_it() {
    let mut scene = Scene::default();
    scene.open(1);
    scene.client(1, 0, &[0; 6]);
    scene.client(1, 0, &Hello::browser("padded.example").record());
    assert_eq!(scene.names(), ["tls-sni padded.example"]);
}

#[test]
fn a_hello_behind_a_greeting_is_named() {
    let hello = Hello::browser("starttls.example").record();
    let (first, second) = hello.split_at(600);
    let mut scene = Scene::default();
    scene.open(1);
    scene.server(1, 0, b"220 mail.example ESMTP\r\n");
    scene.client(1, 0, b"EHLO host\r\n");
    scene.client(1, 11, b"STARTTLS\r\n");
    scene.client(1, 21, first);
    scene.client(1, 621, second);
    assert_eq!(scene.names(), ["tls-sni starttls.example"]);
}

#[test]
fn two_connections_between_the_same_ends_are_two() {
    let mut scene = Scene::default();
    scene.open(1);
    scene.client(1, 0, &Hello::browser("one.example").record());
    scene.isn = 77_000_000;
    scene.open(1);
    scene.client(1, 0, &Hello::browser("two.example").record());
    assert_eq!(
        scene.names(),
        ["tls-sni one.example", "tls-sni two.example"]
    );
    assert_eq!(scene.seen(1).visibility.connections, [2, 0]);
}

#[test]
fn noise_holds_no_name() {
    let mut scene = Scene::default();
    scene.open(1);
    scene.client(1, 0, b"SSH-2.0-OpenSSH_9.2\r\n");
    scene.server(1, 0, &[0x16; 900]);
    scene.udp(5, 40_000, &[0xc0; 1200]);
    scene.udp(5, 40_000, &[0x12; 40]);
    assert_eq!(scene.names(), [""; 0]);
}

#[test]
fn an_exchange_on_the_port_of_encrypted_dns_is_told_as_that_and_an_attempt_is_not() {
    let mut scene = Scene::default();
    let (client, server) = ([10, 0, 0, 1], [192, 0, 2, 7]);
    scene.push(builder(client, server).udp(40_000, 853), &[0x12; 40]);
    scene.push(builder(client, server).udp(40_001, 853), &[0x12; 40]);
    scene.push(builder(server, client).udp(853, 40_001), &[0x12; 40]);
    let seen = scene.seen(0).visibility;
    assert_eq!(seen.unnamed[1][Unnamed::EncryptedDns as usize], 1);
    assert_eq!(seen.unnamed[1][Unnamed::NoHello as usize], 1);
    assert_eq!(seen.unnamed.as_flattened().iter().sum::<u64>(), 2);
    assert_eq!(seen.encrypted_dns, [0, 0, 1, 0]);
}

#[test]
fn a_connection_is_either_named_or_not_and_octets_are_exact() {
    let mut scene = Scene::default();
    scene.open(1);
    scene.client(1, 0, &Hello::browser("bulk.example").record());
    let mut offset = 0;
    for _ in 0..3000 {
        scene.server(1, offset, &[0x17; 1400]);
        offset += 1400;
    }
    scene.open(2);
    scene.client(2, 0, b"SSH-2.0-x\r\n");
    let seen = scene.seen(1);
    let [tcp, udp] = seen.visibility.connections;
    let named: u64 = seen.visibility.named.as_flattened().iter().sum();
    let unnamed: u64 = seen.visibility.unnamed.as_flattened().iter().sum();
    assert_eq!((tcp, udp, named, unnamed), (2, 0, 1, 1));
    let received: Vec<u64> = seen.connections.iter().map(|it| it.received).collect();
    assert_eq!(received, [3000 * 1400, 0]);
    assert!(
        seen.counts.intake.triaged > 2900,
        "bulk data should not reach a worker"
    );
    assert_eq!(seen.counts.intake.frames, scene.frames.len() as u64);
    let settled = seen.counts.intake.triaged + seen.counts.worked();
    assert_eq!(settled, seen.counts.intake.frames);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_number_of_workers_changes_nothing(steps in steps(400)) {
        let scene = Scene::of(&steps);
        let alone = scene.seen(0);
        for workers in [1, 2, 4] {
            let together = scene.seen(workers);
            let differ = alone.notices.iter().zip(&together.notices).find(|(a, b)| a != b);
            prop_assert_eq!(differ, None);
            prop_assert_eq!(alone.notices.len(), together.notices.len());
            prop_assert_eq!(&alone.visibility, &together.visibility);
            prop_assert_eq!(alone.counts.intake.frames, together.counts.intake.frames);
        }
    }

    #[test]
    fn a_small_triage_table_loses_nothing(steps in steps(300)) {
        let scene = Scene::of(&steps);
        let observations = |bits| {
            let sizes = Sizes { triage_bits: bits, ..Sizes::default() };
            let mut ledger = Seen::default();
            inline::run(&mut scene.source(), &catalogue(), Report::AllNames, sizes, &mut ledger);
            ledger.observations
        };
        prop_assert_eq!(observations(4), observations(16));
    }
}

/// Steps of random scenes: which connection, what happens, a size.
fn steps(most: usize) -> impl Strategy<Value = Vec<(u8, u8, u16)>> {
    proptest::collection::vec((0u8..24, 0u8..10, 1u16..1400), 1..most)
}

/// Frames of some connections between 10.0.0.N and one server.
#[derive(Clone)]
struct Scene {
    frames: Vec<(i64, Vec<u8>)>,
    now: i64,
    isn: u32,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            frames: Vec::new(),
            now: 1_700_000_000_000_000_000,
            isn: 1000,
        }
    }
}

impl Scene {
    fn of(steps: &[(u8, u8, u16)]) -> Self {
        let mut scene = Self::default();
        let mut sent = [[0u32; 2]; 24];
        for &(host, step, size) in steps {
            let [from_client, from_server] = &mut sent[usize::from(host)];
            let bulk = vec![0x17; usize::from(size)];
            match step {
                0 => scene.open(host),
                1 | 2 => {
                    let zone = ["example", "upd.kaspersky.com", "ksn.kaspersky-labs.com"];
                    let zone = zone[usize::from(size) % zone.len()];
                    let hello = Hello::browser(&format!("h{host}s{size}.{zone}")).record();
                    let (first, second) = hello.split_at(usize::from(size).min(1000));
                    let next = *from_client + first.len() as u32;
                    if step == 1 {
                        scene.client(host, *from_client, first);
                        scene.client(host, next, second);
                    } else {
                        scene.client(host, next, second);
                        scene.client(host, *from_client, first);
                    }
                    *from_client += hello.len() as u32;
                }
                3 => {
                    scene.client(host, *from_client, &bulk);
                    *from_client += u32::from(size);
                }
                4..=6 => {
                    scene.server(host, *from_server, &bulk);
                    *from_server += u32::from(size);
                }
                7 => scene.udp(host, size, &bulk),
                8 => scene.now += i64::from(size) * 30_000_000,
                _ if size % 2 == 0 => scene.dns(host, &format!("q{size}.kaspersky.com")),
                _ => scene.dns(host, &format!("q{size}.example")),
            }
        }
        scene
    }

    fn open(&mut self, host: u8) {
        let (client, server) = ends(host);
        let isn = self.isn;
        self.push(
            builder(client, server)
                .tcp(port(host), 443, isn, 65_535)
                .syn(),
            &[],
        );
        let syn_ack = builder(server, client)
            .tcp(443, port(host), 9000, 65_535)
            .syn();
        self.push(syn_ack.ack(isn.wrapping_add(1)), &[]);
    }

    fn client(&mut self, host: u8, offset: u32, payload: &[u8]) {
        let (client, server) = ends(host);
        let seq = self.isn.wrapping_add(1).wrapping_add(offset);
        let tcp = builder(client, server)
            .tcp(port(host), 443, seq, 65_535)
            .ack(9001);
        self.push(tcp, payload);
    }

    fn server(&mut self, host: u8, offset: u32, payload: &[u8]) {
        let (client, server) = ends(host);
        let seq = 9001u32.wrapping_add(offset);
        let ack = self.isn.wrapping_add(1);
        self.push(
            builder(server, client)
                .tcp(443, port(host), seq, 65_535)
                .ack(ack),
            payload,
        );
    }

    fn udp(&mut self, host: u8, from: u16, payload: &[u8]) {
        let (client, server) = ends(host);
        self.push(builder(client, server).udp(from, 4500), payload);
    }

    fn dns(&mut self, host: u8, name: &str) {
        let (client, server) = ends(host);
        let query = question(host, name);
        self.push(builder(client, server).udp(port(host), 53), &query);
    }

    fn push(&mut self, layers: impl Layers, payload: &[u8]) {
        self.now += 1_000_000;
        self.frames.push((self.now, layers.frame(payload)));
    }

    fn names(&self) -> Vec<String> {
        self.seen(0).observations
    }

    /// What comes out with that many workers; zero is the run in one thread.
    fn seen(&self, workers: usize) -> Seen {
        let mut seen = Seen::default();
        let sizes = Sizes {
            workers: workers.max(1),
            queue_batches: 2,
            ..Sizes::default()
        };
        let mut source = self.source();
        if workers == 0 {
            inline::run(
                &mut source,
                &catalogue(),
                Report::AllNames,
                sizes,
                &mut seen,
            );
        } else {
            threads::run(
                vec![&mut source],
                &Arc::new(Loaded::new(catalogue())),
                Report::AllNames,
                sizes,
                &mut seen,
            )
            .unwrap();
        }
        assert!(seen.counts.finished);
        seen
    }

    fn source(&self) -> Frames<'_> {
        Frames { left: &self.frames }
    }
}

/// Gives frames in runs of a few.
struct Frames<'a> {
    left: &'a [(i64, Vec<u8>)],
}

impl Source for Frames<'_> {
    fn next_run(&mut self, run: &mut Run) -> Next {
        run.clear();
        run.bytes.clear();
        let (now, later) = self.left.split_at(self.left.len().min(100));
        self.left = later;
        for (at, bytes) in now {
            let at = Timestamp::from_nanos(*at);
            let wire_len = bytes.len() as u32;
            run.push_copy(Frame {
                at,
                link: LinkType::ETHERNET,
                wire_len,
                bytes,
            });
        }
        if now.is_empty() {
            Next::End
        } else {
            Next::Frames
        }
    }
}

#[derive(Default)]
struct Seen {
    notices: Vec<Notice>,
    observations: Vec<String>,
    connections: Vec<crate::detection::Connection>,
    counts: Counts,
    visibility: Visibility,
}

impl Ledger for Seen {
    fn take(&mut self, notice: &Notice) {
        match &notice.what {
            What::Observation(it) => {
                self.observations
                    .push(format!("{} {}", it.source.as_str(), it.name));
            }
            What::Connection(it) => self.connections.push(*it),
            _ => {}
        }
        // Each worker tells of a role that it learns.
        let is_role = matches!(
            notice.what,
            What::Asked(_) | What::Resolver(_) | What::Proxy(_)
        );
        if !is_role || self.notices.iter().all(|it| it.what != notice.what) {
            self.notices.push(notice.clone());
        }
    }

    fn count(&mut self, counts: &Counts) {
        self.counts = counts.clone();
        self.visibility = counts.visibility.clone();
    }
}

trait Layers {
    fn frame(self, payload: &[u8]) -> Vec<u8>;
}

impl Layers for etherparse::PacketBuilderStep<etherparse::TcpHeader> {
    fn frame(self, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        self.write(&mut frame, payload).unwrap();
        frame
    }
}

impl Layers for etherparse::PacketBuilderStep<etherparse::UdpHeader> {
    fn frame(self, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        self.write(&mut frame, payload).unwrap();
        frame
    }
}

fn builder(src: [u8; 4], dst: [u8; 4]) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(src, dst, 64)
}

/// A DNS query for an address.
fn question(id: u8, name: &str) -> Vec<u8> {
    let mut query = vec![0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}

fn ends(host: u8) -> ([u8; 4], [u8; 4]) {
    ([10, 0, 0, host.wrapping_add(1)], [192, 0, 2, 7])
}

fn port(host: u8) -> u16 {
    40_000 + u16::from(host)
}

fn catalogue() -> Arc<Catalogue> {
    static BUILTIN: LazyLock<Arc<Catalogue>> =
        LazyLock::new(|| Arc::new(Catalogue::builtin().unwrap()));
    Arc::clone(&BUILTIN)
}
