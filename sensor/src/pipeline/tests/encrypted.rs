//! Hellos with an ECH extension, by what DNS offered before them.

use super::*;
use crate::detection::Sighting;
use crate::names::tls::Ech;

const FLAGGED: &str = "ds.kaspersky.com";

#[test]
fn the_public_name_of_a_real_hello_is_no_contact() {
    let mut scene = Scene::default();
    scene.offer(3, "hidden.example", Some(FLAGGED));
    scene.visit(3, &Hello::browser(FLAGGED).ech(0));
    for workers in [0, 1, 3] {
        let seen = scene.seen(workers);
        assert!(sightings(&seen).is_empty());
        let named = &seen.connections[0];
        assert_eq!(named.named, Err(Unnamed::RealEch));
        assert_eq!(named.signature, None);
        assert_eq!(hellos(&seen), [0, 0, 1, 0]);
        let seen = seen.visibility;
        assert_eq!(seen.unnamed[0][Unnamed::RealEch as usize], 1);
        assert_eq!(seen.connections, [1, 0]);
    }
}

#[test]
fn the_name_beside_a_decoy_is_a_contact() {
    let mut scene = Scene::default();
    scene.offer(3, FLAGGED, None);
    scene.visit(3, &Hello::browser(FLAGGED).ech(0));
    for workers in [0, 1, 3] {
        let seen = scene.seen(workers);
        let [sighting] = sightings(&seen)[..] else {
            panic!("{:?}", seen.notices);
        };
        assert_eq!(sighting.observation.ech, Some(Ech::Grease));
        let traits = sighting.observation.traits.as_ref();
        assert!(traits.is_some_and(|it| it.ja4.starts_with("t13d")));
        assert_eq!(hellos(&seen), [0, 1, 0, 0]);
        assert_eq!(seen.connections[0].named, Ok(crate::names::Source::TlsSni));
    }
}

#[test]
fn a_hello_that_dns_says_nothing_of_stays_a_contact() {
    let mut scene = Scene::default();
    scene.visit(3, &Hello::browser(FLAGGED).ech(0));
    let seen = scene.seen(2);
    assert_eq!(sightings(&seen).len(), 1);
    assert_eq!(hellos(&seen), [0, 0, 0, 1]);
}

#[test]
fn only_hellos_that_are_told_of_are_looked_at_for_their_traits() {
    let mut scene = Scene::default();
    scene.visit(3, &Hello::browser("unclaimed.example"));
    scene.visit(4, &Hello::browser(FLAGGED));
    let traits = |report| {
        let mut seen = Seen::default();
        let mut source = scene.source();
        inline::run(
            &mut source,
            &catalogue(),
            report,
            Sizes::default(),
            &mut seen,
        );
        let mut told = Vec::new();
        for notice in &seen.notices {
            if let What::Observation(it)
            | What::Sighting(Sighting {
                observation: it, ..
            }) = &notice.what
            {
                told.push((it.name.to_string(), it.traits.is_some()));
            }
        }
        told
    };
    let flagged = (FLAGGED.to_owned(), true);
    let unread = (FLAGGED.to_owned(), false);
    assert_eq!(traits(Report::Findings), [unread]);
    assert_eq!(traits(Report::Sightings), std::slice::from_ref(&flagged));
    let other = ("unclaimed.example".to_owned(), true);
    assert_eq!(traits(Report::AllNames), [other, flagged.clone(), flagged]);
}

fn sightings(seen: &Seen) -> Vec<&Sighting> {
    let sightings = seen.notices.iter().filter_map(|it| match &it.what {
        What::Sighting(it) if it.observation.source == crate::names::Source::TlsSni => Some(it),
        _ => None,
    });
    sightings.collect()
}

fn hellos(seen: &Seen) -> [u64; 4] {
    seen.visibility.hellos[0]
}

impl Scene {
    /// An answer about the HTTPS record of a name, with a config for the hellos of the builder.
    fn offer(&mut self, host: u8, name: &str, public_name: Option<&str>) {
        let (client, resolver) = ends(host);
        let mut message = question(host, name);
        let at = message.len();
        message[2] = 0x81;
        message[at - 3] = 65;
        if let Some(public_name) = public_name {
            let mut config = vec![0x2a, 0, 0x20, 0, 1, 9, 0, 4, 0, 1, 0, 1, 0];
            config.push(public_name.len() as u8);
            config.extend(public_name.as_bytes());
            config.extend([0, 0]);
            let len = config.len() as u8;
            let list = [&[0, len + 4, 0xfe, 0x0d, 0, len][..], &config].concat();
            let data = [&[0, 1, 0, 0, 5, 0, list.len() as u8][..], &list].concat();
            message[7] = 1;
            message.extend([0xc0, 12, 0, 65, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
            message.extend(data);
        }
        self.push(builder(resolver, client).udp(53, 40_000), &message);
    }

    fn visit(&mut self, host: u8, hello: &Hello) {
        self.open(host);
        self.client(host, 0, &hello.record());
        self.server(host, 0, &[0x16, 3, 3, 0, 90, 2]);
    }
}
