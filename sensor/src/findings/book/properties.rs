//! What holds of any story, whatever happens in it and in whatever order.

use std::time::Duration;

use proptest::prelude::*;

use super::tests::{GOOGLE, HOST, OTHER, RESOLVER, Story, address, builtin, tell};
use super::*;
use crate::findings::Finding;

/// Names of all weights, one or more of each.
const NAMES: [&str; 20] = [
    "ds.kaspersky.com",
    "touch.kaspersky.com",
    "s00.upd.kaspersky.com",
    "x.upd.kaspersky.com",
    "activation-v2.kaspersky.com",
    "dnl-01.geo.kaspersky.com",
    "edge.geo.kaspersky.com",
    "redirect.kaspersky.com",
    "www.kaspersky.com",
    "content.kaspersky-labs.com",
    "kis.v2.scr.kaspersky-labs.com",
    "devbuilds.s.kaspersky-labs.com",
    "ksn-ds.geoksn.kaspersky.com",
    "allowlist.kaspersky-labs.com",
    "dev.ys7.com",
    "apiieu.ezvizlife.com",
    "capcut.com",
    "bytedapm.com",
    "analytics.tiktok.com",
    "musical.ly",
];

/// Things that hosts do with those names, and the notices that come of it.
fn stories(names: &'static [&'static str]) -> impl Strategy<Value = Story> {
    let step = (0..names.len(), 0..10_u8, 0..200_000_u64, any::<bool>());
    proptest::collection::vec(step, 1..14).prop_map(move |steps| {
        let mut story = Story::new();
        for (of, what, pause, other) in steps {
            let of = names[of];
            let host = if other { OTHER } else { HOST };
            match what {
                0 => story.asks(host, of),
                1 => story.asks_at(RESOLVER, host, of).asks_at(GOOGLE, host, of),
                2 => story.uses(host, of),
                3 => story.greets(host, of, 443, Reach::Connected),
                4 => story.hangs_up(host, of, 443, (100, 0)),
                5 => story.hangs_up(host, of, 443, (100, 100)),
                6 => story.asks_at(GOOGLE, host, of),
                7 => story
                    .asks_at(RESOLVER, host, of)
                    .wait(Duration::from_millis(pause % 250)),
                8 => story.note(What::Resolver(address(OTHER))),
                _ => story.asks(host, of).wait(Duration::from_secs(pause)),
            };
        }
        story
    })
}

/// The findings without their states, which are about order.
fn timeless(book: &Book) -> Vec<Finding> {
    let timeless = |it| Finding {
        state: State::Active,
        state_since: Timestamp::MIN,
        ..it
    };
    book.findings().into_iter().map(timeless).collect()
}

/// Within an hour: names with an address each that hosts are answered, and connections to them
/// that tell no name.
fn unnamed_stories() -> impl Strategy<Value = Story> {
    let step = (0..NAMES.len(), 0..4_u8, 0..200_u64, any::<bool>());
    proptest::collection::vec(step, 1..14).prop_map(|steps| {
        let mut story = Story::new();
        for (place, what, pause, other) in steps {
            let host = if other { OTHER } else { HOST };
            let server = format!("203.0.113.{place}");
            match what {
                0 => story.is_answered(host, NAMES[place], &server),
                1 => story.note(What::Resolver(address(OTHER))),
                2 => story.connects(host, &server, (100, 0)),
                _ => story.connects(host, &server, (100, 100)),
            };
            story.wait(Duration::from_secs(pause));
        }
        story
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn findings_do_not_depend_on_the_order_of_notices(
        (story, shuffled) in stories(&NAMES).prop_flat_map(|story| {
            let notices = Just(story.notices.clone()).prop_shuffle();
            (Just(story.notices), notices)
        })
    ) {
        let catalogue = builtin();
        let one = tell(&catalogue, &story).0;
        let other = tell(&catalogue, &shuffled).0;
        prop_assert_eq!(timeless(&one), timeless(&other));
        prop_assert_eq!(one.hosts(), other.hosts());
        prop_assert_eq!(one.counts(), other.counts());
    }

    #[test]
    fn findings_do_not_depend_on_the_order_of_what_follows_the_answers(
        (story, shuffled) in unnamed_stories().prop_flat_map(|story| {
            let is_answer = |it: &Notice| matches!(it.what, What::Resolution(_));
            let (answers, rest): (Vec<_>, Vec<_>) =
                story.notices.iter().cloned().partition(is_answer);
            let in_order = [answers.clone(), rest.clone()].concat();
            let shuffled = Just(rest)
                .prop_shuffle()
                .prop_map(move |rest| [answers.clone(), rest].concat());
            (Just(in_order), shuffled)
        })
    ) {
        let catalogue = builtin();
        let one = tell(&catalogue, &story).0;
        let other = tell(&catalogue, &shuffled).0;
        prop_assert_eq!(timeless(&one), timeless(&other));
    }

    #[test]
    fn a_verdict_never_falls_as_notices_come(story in stories(&NAMES)) {
        let limits = Limits::default();
        let mut book = Book::new(story.catalogue.clone(), HomeNetworks::default(), limits);
        let vendors = 0..story.catalogue.vendors().len() as u16;
        let mut before: HashMap<VendorId, Verdict> = HashMap::new();
        for notice in &story.notices {
            book.take(notice, &mut Vec::new());
            for vendor in vendors.clone().map(VendorId) {
                let finding = book.finding(address(HOST), vendor);
                let verdict = finding.map_or(Verdict::None, |it| it.verdict);
                let held = before.insert(vendor, verdict).unwrap_or_default();
                prop_assert!(verdict >= held, "{held:?} fell to {verdict:?} at {notice:?}");
            }
        }
    }

    #[test]
    fn changes_end_at_the_verdict_that_stands(story in stories(&NAMES)) {
        let (book, changes) = story.told();
        let mut told: HashMap<(Address, VendorId), Verdict> = HashMap::new();
        for change in changes {
            let key = (change.host, change.vendor);
            let held = told.insert(key, change.to);
            prop_assert!(change.to >= Verdict::Contact);
            match change.kind {
                ChangeKind::Opened => prop_assert_eq!(held, None),
                _ => prop_assert_eq!(held, Some(change.from)),
            }
            match change.kind {
                ChangeKind::Opened | ChangeKind::Strengthened => {
                    prop_assert!(change.from < change.to);
                }
                _ => prop_assert_eq!(change.from, change.to),
            }
        }
        for finding in book.findings() {
            let suspect = finding.host == address(OTHER);
            if finding.verdict >= Verdict::Contact && !suspect {
                let last = told.get(&(finding.host, finding.vendor)).copied();
                prop_assert_eq!(last, Some(finding.verdict));
            }
        }
    }

    #[test]
    fn grounds_are_given_for_every_finding_and_are_few(story in stories(&NAMES)) {
        for finding in story.findings() {
            prop_assert!((1..=6).contains(&finding.grounds.len()), "{finding:#?}");
        }
    }
}
