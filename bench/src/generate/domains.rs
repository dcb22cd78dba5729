//! The names that the generated hosts ask for.
//!
//! Fifty thousand synthetic names below domains reserved for examples and tests (RFC 2606), asked
//! for with the skew of Zipf's law, and a small share of real names of flagged vendors, so that a
//! run has findings.

use super::rng::Rng;

/// The set of names.
#[derive(Debug)]
pub(crate) struct Domains {
    ordinary: Vec<Box<str>>,
}

/// A name drawn from the set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn<'a> {
    /// The name: lower case, no trailing dot.
    pub(crate) name: &'a str,
    /// Whether it belongs to a flagged vendor.
    pub(crate) flagged: bool,
}

impl Domains {
    /// Makes the set; it is the same for every seed.
    pub(crate) fn new() -> Self {
        Self {
            ordinary: (0..COUNT).map(ordinary).collect(),
        }
    }

    /// Draws a name.
    pub(crate) fn pick<'a>(&'a self, rng: &mut Rng) -> Drawn<'a> {
        if rng.chance(FLAGGED_PER_MILLE) {
            Drawn {
                name: FLAGGED[rng.index(FLAGGED.len())],
                flagged: true,
            }
        } else {
            Drawn {
                name: &self.ordinary[rng.zipf(self.ordinary.len())],
                flagged: false,
            }
        }
    }
}

/// Draws the name of a flagged vendor.
pub(crate) fn flagged(rng: &mut Rng) -> &'static str {
    FLAGGED[rng.index(FLAGGED.len())]
}

/// The synthetic name of a rank: `cdn.` + four syllables + `.example`.
fn ordinary(rank: usize) -> Box<str> {
    // An odd factor permutes 16-bit numbers, so no two ranks share their syllables.
    let code = rank.wrapping_mul(40_503) & 0xffff;
    let syllables: String = (0..4)
        .map(|place| SYLLABLES[code >> (4 * place) & 15])
        .collect();
    let service = SERVICES[rank % SERVICES.len()];
    let parent = PARENTS[rank / SERVICES.len() % PARENTS.len()];
    format!("{service}{syllables}.{parent}").into_boxed_str()
}

/// Names in the set; at most 2^16, the number of distinct syllable codes.
const COUNT: usize = 50_000;

/// Share of draws that give a flagged name.
const FLAGGED_PER_MILLE: u64 = 5;

const SYLLABLES: [&str; 16] = [
    "ba", "cor", "del", "fi", "gan", "hu", "jo", "kel", "lum", "mi", "nor", "pa", "quin", "ros",
    "ta", "ver",
];

const SERVICES: [&str; 12] = [
    "www.",
    "",
    "api.",
    "cdn.",
    "img.",
    "static-3.",
    "edge.eu-west-1.",
    "login.",
    "mail.",
    "a1.b.",
    "assets.",
    "telemetry.app.",
];

const PARENTS: [&str; 5] = [
    "example",
    "test",
    "example.com",
    "example.net",
    "example.org",
];

/// Names of flagged vendors' update, telemetry and management services.
const FLAGGED: &[&str] = &[
    "s00.upd.kaspersky.com",
    "downloads.upd.kaspersky.com",
    "ds.kaspersky.com",
    "dc1.ksn.kaspersky-labs.com",
    "touch.kaspersky.com",
    "litedev.hik-connect.com",
    "dev.hik-connect.com",
    "www.easy4ipcloud.com",
    "frontier.tiktokv-eu.com",
    "query.hicloud.com",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_is_there_twice() {
        let names: BTreeSet<Box<str>> = Domains::new().ordinary.into_iter().collect();
        assert_eq!(names.len(), COUNT);
    }

    #[test]
    fn one_draw_in_two_hundred_is_flagged() {
        let domains = Domains::new();
        let mut rng = Rng::new(1);
        let flagged = (0..100_000)
            .filter(|_| domains.pick(&mut rng).flagged)
            .count();
        assert!((400..600).contains(&flagged), "{flagged} of 100000");
    }
}
