//! Small floods against small bounds: memory stays within them, and flagged hosts are found.

use super::*;
use crate::findings::{Book, Limits};
use crate::host::{Address, HomeNetworks};

#[test]
fn syns_leave_room_for_connections_that_stand() {
    let seen = flooded(|scene, number| {
        let [_, _, c, d] = number.to_be_bytes();
        let syn = builder([203, 0, c, d], [10, 0, 0, 1]).tcp(4000, 443, number, 1024);
        scene.push(syn.syn(), &[]);
    });
    assert!(seen.counts.visibility.flows_evicted[0] > 1000);
}

#[test]
fn unfinished_hellos_that_nobody_answers_are_given_up_first() {
    let hello = Hello::browser("half.example").record();
    let seen = flooded(|scene, number| {
        let [_, _, c, d] = number.to_be_bytes();
        let half = builder([203, 0, c, d], [10, 0, 0, 1]).tcp(4000, 443, 7, 1024);
        scene.push(half.ack(1), &hello[..700]);
    });
    assert!(seen.counts.visibility.unfinished_evicted[0] > 1000);
}

#[test]
fn made_up_hosts_make_room_for_each_other() {
    let seen = flooded(|scene, number| {
        let [_, b, c, d] = number.to_be_bytes();
        let ask = builder([10, 77 + b, c, d], [10, 0, 0, 253]).udp(4000, 53);
        scene.push(ask, &question(number as u8, "ds.kaspersky.com"));
    });
    assert!(seen.book.counts().findings_evicted > 1000);
    assert!(seen.book.counts().hosts_refused > 1000);
}

#[test]
fn made_up_hosts_that_come_back_leave_room_too() {
    let seen = flooded(|scene, number| {
        // They come back after a minute, and again and again from then on.
        if number <= 300 {
            scene.now += 700_000_000;
        }
        let ask = builder([10, 77, 0, (number % 95) as u8], [10, 0, 0, 253]).udp(4000, 53);
        scene.push(ask, &question(number as u8, "ds.kaspersky.com"));
    });
    assert!(seen.book.counts().findings_evicted > 10);
    let made_up = seen.book.findings().len() - usize::from(HOSTS);
    assert!(made_up >= 50, "half of the room is for hosts that last");
}

#[test]
fn random_names_below_a_flagged_one_take_one_finding() {
    let seen = flooded(|scene, number| {
        let ask = builder([10, 0, 0, 200], [10, 0, 0, 253]).udp(4000, 53);
        let name = format!("{number:x}.kaspersky.com");
        scene.push(ask, &question(number as u8, &name));
    });
    assert!(seen.book.counts().names_over > 1000);
}

/// Lets hosts visit a flagged vendor, their hellos cut in two, while a flood of 200 frames comes
/// between any two of theirs; checks that every one is found, and that bounds hold.
fn flooded(mut flood: impl FnMut(&mut Scene, u32)) -> Watched {
    let mut scene = Scene::default();
    let mut number = 0;
    let mut burst = |scene: &mut Scene| {
        for _ in 0..200 {
            number += 1;
            flood(scene, number);
            scene.now -= 900_000;
        }
    };
    let hello = Hello::browser("s00.upd.kaspersky.com").record();
    let (first, second) = hello.split_at(700);
    for host in 0..HOSTS {
        scene.dns(host, "s00.upd.kaspersky.com");
        burst(&mut scene);
        scene.open(host);
        burst(&mut scene);
        scene.client(host, 0, first);
        burst(&mut scene);
        scene.client(host, 700, second);
        burst(&mut scene);
        scene.server(host, 0, &[0x17; 900]);
    }
    let sizes = Sizes {
        flows: 400,
        unfinished_octets: 64 << 10,
        ..Sizes::default()
    };
    let limits = Limits {
        hosts: 100,
        findings: 100,
        resolutions: 100,
        identities: 100,
    };
    let mut watched = Watched {
        book: Book::new(catalogue(), HomeNetworks::default(), limits),
        counts: Counts::default(),
    };
    let report = Report::Findings;
    inline::run(
        &mut scene.source(),
        &catalogue(),
        report,
        sizes,
        &mut watched,
    );
    let findings = watched.book.findings();
    for host in 0..HOSTS {
        let address = Address::from_v4(ends(host).0);
        let found = findings.iter().find(|it| it.host == address);
        let transferred = found.map(|it| it.contacts[4]);
        assert_eq!(transferred, Some(1), "host {host} of {}", findings.len());
    }
    assert!(findings.len() <= limits.findings);
    watched
}

/// A ledger with a small book.
struct Watched {
    book: Book,
    counts: Counts,
}

impl Ledger for Watched {
    fn take(&mut self, notice: &Notice) {
        self.book.take(notice, &mut Vec::new());
    }

    fn count(&mut self, counts: &Counts) {
        self.counts = counts.clone();
    }
}

/// Hosts that are there.
const HOSTS: u8 = 20;
