//! QUIC clients whose port changes within a hello, through the whole pure path.

use super::*;
use crate::names::quic::builder::{Plain, Side, crypto};

#[test]
fn what_came_from_the_port_before_is_a_connection_without_a_name() {
    let mut scene = Scene::default();
    let parts = datagrams("goes-on.example", b"the id of it", 2);
    scene.quic(1, 40_001, &parts[0]);
    scene.answer(1, 40_001, b"the id of it", b"server's");
    scene.quic(1, 40_002, &parts[1]);
    scene.answer(1, 40_002, b"the id of it", b"server's");
    for workers in [0, 1, 2, 4] {
        let seen = scene.seen(workers);
        assert_eq!(seen.observations, ["quic-sni goes-on.example"]);
        let ports: Vec<_> = seen.connections.iter().map(|it| it.client.port).collect();
        let named: Vec<_> = seen.connections.iter().map(|it| it.named.ok()).collect();
        assert_eq!(ports, [40_001, 40_002]);
        assert_eq!(named, [None, Some(crate::names::Source::QuicSni)]);
        for (connection, part) in seen.connections.iter().zip(&parts) {
            assert_eq!(connection.sent, part.len() as u64);
            assert_eq!(connection.received, 1200);
        }
        let visibility = &seen.visibility;
        assert_eq!(visibility.unnamed[1][Unnamed::NoHello as usize], 1);
        assert_eq!(visibility.unnamed.as_flattened().iter().sum::<u64>(), 1);
        let messages = visibility.messages.as_flattened().iter().sum::<u64>();
        assert_eq!(messages, 1, "one message, and none given up");
    }
}

#[test]
fn hellos_to_ids_of_others_leave_the_hellos_of_those_that_are_answered() {
    let (names, wanted) = flooded(10_000, true);
    assert_eq!(names, wanted);
}

#[test]
fn hellos_to_ids_of_others_cost_nothing_as_long_as_there_is_room() {
    let (names, wanted) = flooded(30, false);
    assert_eq!(names, wanted);
}

#[test]
fn ids_that_a_server_makes_up_without_end_take_no_more_room() {
    let mut scene = Scene::default();
    let parts = datagrams("patient.example", b"the id of it", 2);
    scene.quic(1, 40_001, &parts[0]);
    for number in 0..2_000_u32 {
        let id = number.to_be_bytes();
        scene.answer(1, 40_001, b"the id of it", &id);
    }
    scene.quic(1, 40_002, &parts[1]);
    let seen = scene.seen_with(4 << 10);
    assert_eq!(seen.observations, ["quic-sni patient.example"]);
    assert_eq!(seen.visibility.unfinished_evicted, [0, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Each hello in one to four Initials, each of them from one of three ports of its own.
    #[test]
    fn hellos_are_named_once_whatever_the_order_and_the_ports(
        hellos in proptest::collection::vec((0u8..4, 1usize..5, any::<[u8; 4]>()), 1..8),
        shuffle in any::<u64>(),
    ) {
        let mut scene = Scene::default();
        let mut packets = Vec::new();
        let mut wanted = Vec::new();
        for (number, (host, count, ports)) in (0_u16..).zip(&hellos) {
            let name = format!("h{number}.example");
            let id = format!("id of hello {number}");
            for (part, choice) in datagrams(&name, id.as_bytes(), *count).iter().zip(ports) {
                let port = 41_000 + 10 * number + u16::from(choice % 3);
                packets.push((*host, port, part.clone()));
            }
            wanted.push(format!("quic-sni {name}"));
        }
        let mut left = shuffle;
        for last in (1..packets.len()).rev() {
            left = left.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            packets.swap(last, (left >> 33) as usize % (last + 1));
        }
        for (host, port, part) in &packets {
            scene.quic(*host, *port, part);
        }
        let alone = scene.seen(0);
        let mut names = alone.observations.clone();
        names.sort_unstable();
        wanted.sort_unstable();
        prop_assert_eq!(names, wanted);
        let sent: u64 = alone.connections.iter().map(|it| it.sent).sum();
        prop_assert_eq!(sent, packets.iter().map(|it| it.2.len() as u64).sum::<u64>());
        let visibility = &alone.visibility;
        let named: u64 = visibility.named.as_flattened().iter().sum();
        let unnamed: u64 = visibility.unnamed.as_flattened().iter().sum();
        prop_assert_eq!(named, hellos.len() as u64);
        prop_assert_eq!(named + unnamed, visibility.connections[1]);
        prop_assert_eq!(visibility.flows_started[1], visibility.connections[1]);
        for workers in [1, 2, 4] {
            let together = scene.seen(workers);
            prop_assert_eq!(&alone.notices, &together.notices);
            prop_assert_eq!(visibility, &together.visibility);
        }
    }
}

/// Lets hosts say a hello from two ports, while between the two others begin so many hellos, to the
/// same connection ids and to ids of their own; there is room for about 100 halves. Gives the names
/// that are told and those of the hosts.
fn flooded(others: u32, answered: bool) -> (Vec<String>, Vec<String>) {
    let mut scene = Scene::default();
    let mut wanted = Vec::new();
    for host in 0..4 {
        let name = format!("h{host}.example");
        let id = format!("id of host {host}");
        let parts = datagrams(&name, id.as_bytes(), 2);
        scene.quic(host, 40_001, &parts[0]);
        if answered {
            scene.answer(host, 40_001, id.as_bytes(), b"server's");
        }
        let begun = |id: &[u8]| Plain::client(id, &crypto(0, &[1, 0, 3, 0])).seal();
        let to_same_id = begun(id.as_bytes());
        for number in 0..others / 4 {
            let [_, b, c, d] = number.to_be_bytes();
            let from = builder([203, b, c, d], ends(host).1).udp(4000, 443);
            scene.push(from, &to_same_id);
            scene.now -= 990_000;
        }
        let own = [&b"id "[..], &[host; 8]].concat();
        let from = builder([198, 51, 100, host], ends(host).1).udp(4000, 443);
        scene.push(from, &begun(&own));
        scene.quic(host, 40_002, &parts[1]);
        wanted.push(format!("quic-sni {name}"));
    }
    let seen = scene.seen_with(64 << 10);
    let evicted = seen.visibility.unfinished_evicted[1];
    assert_eq!(evicted > 0, others > 1_000, "{evicted} given up");
    (seen.observations, wanted)
}

impl Scene {
    fn quic(&mut self, host: u8, port: u16, datagram: &[u8]) {
        let (client, server) = ends(host);
        self.push(builder(client, server).udp(port, 443), datagram);
    }

    /// What is seen of it with room for so many octets of messages in the making.
    fn seen_with(&self, unfinished_octets: usize) -> Seen {
        let sizes = Sizes {
            unfinished_octets,
            ..Sizes::default()
        };
        let mut seen = Seen::default();
        inline::run(
            &mut self.source(),
            &catalogue(),
            Report::AllNames,
            sizes,
            &mut seen,
        );
        seen
    }

    /// The server's first Initial, to a client that has sent to that id.
    fn answer(&mut self, host: u8, port: u16, first: &[u8], scid: &[u8]) {
        let (client, server) = ends(host);
        let answer = Plain {
            side: Side::Server,
            dcid: vec![0xc5; 3],
            scid: scid.to_vec(),
            ..Plain::client(first, &[2, 0, 0, 0, 0])
        };
        self.push(builder(server, client).udp(443, port), &answer.seal());
    }
}

/// A hello in so many Initials to that connection id.
fn datagrams(name: &str, id: &[u8], count: usize) -> Vec<Vec<u8>> {
    let message = Hello::browser(name).message();
    let len = message.len().div_ceil(count);
    let parts = (0..).step_by(len).zip(message.chunks(len));
    let initials = parts.zip(0..).map(|((at, octets), number)| {
        Plain::client(id, &crypto(at, octets))
            .number(number, 1)
            .seal()
    });
    initials.collect()
}
