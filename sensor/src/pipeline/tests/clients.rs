//! Hosts named by their clients of SMB and Kerberos, and that what these send later stays where it is.

use super::*;
use crate::findings::{Book, Limits};
use crate::host::HomeNetworks;
use crate::identity::{Outcome, Source as Protocol};

const NEGOTIATE: &[u8] = include_bytes!("../../identity/samples/smbclient-negotiate.bin");
const AUTHENTICATE: &[u8] = include_bytes!("../../identity/samples/smbclient-authenticate.bin");
const TICKET: &[u8] = include_bytes!("../../identity/samples/impacket-kerberos.bin");
const TREE: &[u8] = include_bytes!("../../identity/samples/smbclient-tree-connect.bin");
const MACHINE: &[u8] = include_bytes!("../../identity/samples/kinit-machine.bin");
const MACHINE_TCP: &[u8] = include_bytes!("../../identity/samples/kinit-machine-tcp.bin");

/// What a client says first, in the two ways to log on.
const LOGS_ON: [&[&[u8]]; 2] = [&[NEGOTIATE, AUTHENTICATE], &[NEGOTIATE, TICKET, TREE]];

impl Scene {
    /// A connection to a server's port begins.
    fn begin(&mut self, host: u8, server_port: u16) {
        let (client, server) = ends(host);
        let syn = builder(client, server).tcp(port(host), server_port, self.isn, 65_535);
        self.push(syn.syn(), &[]);
        let answer = builder(server, client).tcp(server_port, port(host), 9000, 65_535);
        self.push(answer.syn().ack(self.isn.wrapping_add(1)), &[]);
    }

    fn say(&mut self, host: u8, server_port: u16, offset: u32, payload: &[u8]) {
        let (client, server) = ends(host);
        let seq = self.isn.wrapping_add(1).wrapping_add(offset);
        let tcp = builder(client, server).tcp(port(host), server_port, seq, 65_535);
        self.push(tcp.ack(9001), payload);
    }

    fn hear(&mut self, host: u8, server_port: u16, offset: u32, payload: &[u8]) {
        let (client, server) = ends(host);
        let tcp = builder(server, client).tcp(server_port, port(host), 9001 + offset, 65_535);
        self.push(tcp.ack(self.isn.wrapping_add(1)), payload);
    }

    /// Segments of a file both ways, from those offsets on.
    fn files(&mut self, host: u8, mut sent: u32, segments: u32) {
        for number in 0..segments {
            self.hear(host, 445, number * 1400, &[0; 1400]);
            self.say(host, 445, sent, &[0; 1400]);
            sent += 1400;
        }
    }
}

impl Seen {
    /// Names that hosts were given, by source.
    fn hosts(&self) -> Vec<String> {
        let told = self.notices.iter().filter_map(|it| match &it.what {
            What::Identity(it) => Some(it),
            _ => None,
        });
        told.map(|it| format!("{} {}", it.source.as_str(), it.name.as_ref().unwrap()))
            .collect()
    }

    fn messages(&self, source: Protocol, outcome: Outcome) -> u64 {
        self.visibility.identity[source as usize][outcome as usize]
    }
}

#[test]
fn files_do_not_reach_a_worker_once_the_client_has_logged_on() {
    for (messages, hosts) in LOGS_ON.into_iter().zip([vec!["smb laptop-7"], vec![]]) {
        let mut scene = Scene::default();
        scene.begin(1, 445);
        let mut sent = 0;
        for octets in messages {
            scene.say(1, 445, sent, octets);
            sent += octets.len() as u32;
        }
        scene.files(1, sent, 2000);
        for workers in [0, 1, 2, 4] {
            let seen = scene.seen(workers);
            assert_eq!(seen.hosts(), hosts);
            assert_eq!(seen.visibility.unnamed[0][Unnamed::NotTls as usize], 1);
            if workers == 0 {
                let worked = seen.counts.worked();
                assert!(worked < 300, "{worked} of 4000 segments reached a worker");
            }
        }
    }
}

#[test]
fn files_of_a_connection_that_stood_before_do_not_reach_a_worker() {
    let mut scene = Scene::default();
    scene.files(1, 0, 2000);
    let seen = scene.seen(0);
    assert_eq!(seen.hosts(), [""; 0]);
    let worked = seen.counts.worked();
    assert!(worked < 300, "{worked} of 4000 segments reached a worker");
}

#[test]
fn a_client_that_never_logs_on_is_listened_to_for_a_few_messages() {
    let mut scene = Scene::default();
    scene.begin(1, 445);
    let mut sent = 0;
    for _ in 0..500 {
        scene.say(1, 445, sent, NEGOTIATE);
        sent += NEGOTIATE.len() as u32;
    }
    let seen = scene.seen(0);
    assert_eq!(seen.messages(Protocol::Smb, Outcome::Silent), 8);
    assert!(seen.counts.intake.triaged > 200);
}

#[test]
fn a_message_that_never_becomes_whole_is_given_up_and_is_no_name_that_was_lost() {
    for lost in [false, true] {
        let mut scene = Scene::default();
        scene.begin(1, 445);
        scene.say(1, 445, 0, NEGOTIATE);
        // The length of the longest message, then less than that, behind a gap or not.
        scene.say(1, 445, 230, b"\0\x01\0\0\xfeSMB");
        for number in 0..70 {
            let at = 238 + u32::from(lost) + number * 900;
            scene.say(1, 445, at, &[0; 900]);
        }
        let seen = scene.seen(0);
        assert_eq!(seen.hosts(), [""; 0]);
        let messages = seen.visibility.messages.as_flattened();
        assert_eq!(messages.iter().sum::<u64>(), 0);
        assert_eq!(seen.visibility.unnamed[0][Unnamed::NotTls as usize], 1);
    }
}

#[test]
fn what_is_cut_short_is_not_waited_for() {
    let mut scene = Scene::default();
    scene.begin(1, 445);
    scene.say(1, 445, 0, NEGOTIATE);
    scene.say(1, 445, 230, AUTHENTICATE);
    let whole = scene.frames.len();
    let cut = scene.frames[whole - 1].1.len() - 100;
    scene.frames[whole - 1].1.truncate(cut);
    let seen = scene.seen(0);
    assert_eq!(seen.hosts(), [""; 0]);
    assert_eq!(seen.messages(Protocol::Smb, Outcome::Silent), 1);
}

#[test]
fn requests_for_tickets_are_read_over_udp_and_tcp_and_replies_are_not() {
    let mut scene = Scene::default();
    let (client, server) = ends(1);
    scene.push(builder(client, server).udp(40_000, 88), MACHINE);
    scene.push(builder(server, client).udp(88, 40_000), MACHINE);
    scene.begin(2, 88);
    scene.say(2, 88, 0, MACHINE_TCP);
    scene.hear(2, 88, 0, MACHINE_TCP);
    for workers in [0, 1, 2, 4] {
        let seen = scene.seen(workers);
        assert_eq!(seen.hosts(), ["kerberos laptop-7", "kerberos laptop-7"]);
        assert_eq!(seen.messages(Protocol::Kerberos, Outcome::Told), 2);
        assert_eq!(seen.visibility.connections, [1, 1]);
    }
}

#[test]
fn who_calls_from_outside_is_nobody() {
    let (home, outside) = ends(1);
    for (client, server, known) in [(home, outside, [1, 0]), (outside, home, [0, 0])] {
        let mut scene = Scene::default();
        scene.push(builder(client, server).udp(40_000, 88), MACHINE);
        let tcp = builder(client, server).tcp(40_000, 445, 7, 65_535).ack(9);
        scene.push(tcp, AUTHENTICATE);
        let mut ledger = Known(Book::new(
            catalogue(),
            HomeNetworks::default(),
            Limits::default(),
        ));
        let sizes = Sizes::default();
        let report = Report::Findings;
        inline::run(
            &mut scene.source(),
            &catalogue(),
            report,
            sizes,
            &mut ledger,
        );
        assert_eq!(ledger.0.directory().known(), known);
    }
}

#[test]
fn datagrams_to_a_server_of_tickets_are_read_while_their_flow_is_new() {
    let mut scene = Scene::default();
    let (client, server) = ends(1);
    for _ in 0..40 {
        scene.push(builder(client, server).udp(40_000, 88), MACHINE);
    }
    for workers in [0, 1, 2, 4] {
        let seen = scene.seen(workers);
        assert_eq!(seen.messages(Protocol::Kerberos, Outcome::Told), 5);
    }
}

#[test]
fn a_hello_in_segments_is_named_behind_a_message_of_smb_and_before_one() {
    let hello = Hello::browser("on-445.example").record();
    let (first, second) = hello.split_at(300);
    let behind = NEGOTIATE.len() as u32;
    for offset in [0, behind] {
        for swapped in [false, true] {
            let mut scene = Scene::default();
            scene.begin(1, 445);
            if offset > 0 {
                scene.say(1, 445, 0, NEGOTIATE);
            }
            let mut segments = [(offset, first), (offset + 300, second)];
            if swapped {
                segments.reverse();
            }
            for (at, octets) in segments {
                scene.say(1, 445, at, octets);
            }
            scene.say(1, 445, offset + hello.len() as u32, AUTHENTICATE);
            let seen = scene.seen(0);
            assert_eq!(
                seen.observations,
                ["tls-sni on-445.example"],
                "{offset} {swapped}"
            );
        }
    }
}

/// A ledger that knows who has which address.
struct Known(Book);

impl Ledger for Known {
    fn take(&mut self, notice: &Notice) {
        self.0.take(notice, &mut Vec::new());
    }

    fn count(&mut self, _counts: &Counts) {}
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Connections that log on in pieces of any length, in any order, some of them twice or never,
    /// with files behind. Those that come whole name their host, and nothing else depends on workers,
    /// on the size of triage, or on when it hears that a flow is settled.
    #[test]
    fn a_client_is_named_however_its_messages_come(
        hosts in proptest::collection::vec(
            (proptest::collection::vec(1_usize..400, 1..8), any::<u64>(), any::<bool>(), any::<bool>()),
            1..6,
        ),
        delay in 1_usize..20,
    ) {
        let mut scene = Scene::default();
        let mut whole = 0;
        for (host, (lens, order, has_syn, loses)) in (1..).zip(&hosts) {
            let stream = [NEGOTIATE, AUTHENTICATE, TREE].concat();
            let mut pieces = Vec::new();
            let (mut at, mut lens) = (0, lens.iter().cycle());
            while at < stream.len() {
                let len = (*lens.next().unwrap()).min(stream.len() - at);
                pieces.push((at as u32, &stream[at..at + len]));
                at += len;
            }
            if *loses {
                pieces.remove(*order as usize % pieces.len());
            } else {
                pieces.push(pieces[0]);
                whole += usize::from(*has_syn && pieces.len() <= 60);
            }
            let count = pieces.len();
            for place in 0..count {
                pieces.swap(place, (order.rotate_left(place as u32 * 7) as usize) % count);
            }
            if *has_syn {
                scene.begin(host, 445);
            }
            for (at, octets) in pieces {
                scene.say(host, 445, at, octets);
            }
            scene.files(host, stream.len() as u32, 30);
        }
        let alone = scene.seen(0);
        prop_assert!(alone.hosts().len() >= whole, "{} of {whole}", alone.hosts().len());
        prop_assert!(alone.hosts().iter().all(|it| it == "smb laptop-7"));
        for workers in [1, 2, 4] {
            let together = scene.seen(workers);
            prop_assert_eq!(&alone.notices, &together.notices);
            prop_assert_eq!(&alone.visibility, &together.visibility);
        }
        let at_once = scene.told(0, 1);
        for (delay, batch) in [(delay, 7), (usize::MAX, 7), (0, 200)] {
            prop_assert_eq!(&at_once, &scene.told(delay, batch));
        }
    }
}
