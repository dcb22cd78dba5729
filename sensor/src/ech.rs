//! Tells a real Encrypted Client Hello from a decoy, as far as DNS on the wire allows it.
//!
//! In come what HTTPS and SVCB answers offer ([`Offer`]) and hellos with an outer ECH extension
//! ([`Veiled`]), in the order of their frames; out goes for each hello whether the name in it is the
//! real one. A client that means it puts the `public_name` of the config into `server_name`, and the
//! config's id, and a suite and an encapsulated key of the config's kinds, into the extension (RFC
//! 9849 sections 5 and 6.1). A client without a config sends a decoy: the name that it means, a
//! random id, and a key and a suite such as there are (section 6.2). The payload tells nothing. So,
//! for a hello to the name N, by what was seen in the last hour ([`KEPT`]):
//!
//! 1. A config with the public name N fits, in id, suite and length of the key: **real** if it was
//!    offered to this client; if to others only, **real** unless this client looked up N itself,
//!    as no client looks up a public name: then **unknown**. A decoy to N fits one config by chance
//!    once in 256 times.
//! 2. Configs with the public name N are known, and none fits: **grease** if none offers the suite
//!    and makes keys of that length, since a provider keeps both when it changes keys. If only the
//!    ids differ, **grease** while a config is at most five minutes old ([`FRESH`]), which is how
//!    long the records of the largest provider live; **unknown** later, as keys may have been changed.
//!    **Unknown** too if there were more configs for N than are remembered.
//! 3. An HTTPS answer about N was seen, and it makes N nobody's public name: **grease**. Whether it
//!    was this client or another who asked, there is no config by which N would stand in clear. The
//!    rule errs where N is a public name without ECH of its own that somebody asks for, and whose
//!    configs are offered out of sight (over encrypted DNS) alone.
//! 4. Anything else is **unknown**: the client's DNS is not on this wire, or not read.
//!
//! The second hello after a HelloRetryRequest has no encapsulated key (section 5), and goes by the
//! verdict on the first if it names the same. Servers that tell clients to make up the id (section
//! 10.4, "ignored configuration identifiers") are not known on the open Internet.
//!
//! A **real** hello names nothing: the connection counts as unnamed, and what a signature claims by
//! the public name alone is taken out of the notices. The counts of all hellos with an outer ECH
//! extension, and of the connections that they name, are kept here and not by the workers, so that
//! they do not depend on how far workers have come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use phonehome_signatures::SignatureId;

use crate::detection::{Connection, Notice, Offer, Telling, Veil, Veiled, What};
use crate::host::Address;
use crate::names::tls::{Ech, EchConfig, Outer};
use crate::names::{Endpoint, Name, Observation, Transport};
use crate::recent::Recent;
use crate::time::Timestamp;
use crate::visibility::{Unnamed, Visibility};

/// What DNS has offered, and the verdicts on flows that are open.
#[derive(Debug)]
pub struct Judge {
    /// By who was told (`None` for anyone) and name.
    known: Recent<(Option<Address>, Name), Known>,
    verdicts: HashMap<Ends, Verdict, RandomState>,
    refused: u64,
    visibility: Visibility,
}

/// How much a [`Judge`] remembers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EchCounts {
    /// Names about which HTTPS answers were seen, or that are public names; by client and in all.
    pub names: u64,
    /// Those that made room for others.
    pub names_evicted: u64,
    /// Verdicts that there was no room for; such hellos count as unknown.
    pub verdicts_refused: u64,
}

/// What a flow is known by: its ends in order.
type Ends = (Transport, Endpoint, Endpoint);

/// A verdict that notices to come depend on.
#[derive(Debug)]
struct Verdict {
    ech: Ech,
    /// What claims the flow by the name of the hello alone.
    signature: Option<SignatureId>,
}

/// What is known of a name.
#[derive(Debug, Default)]
struct Known {
    /// Configs whose public name it is, at most [`MAX_OFFERED`].
    configs: Vec<Offered>,
    /// When a config was last forgotten that was still good.
    crowded: Option<Timestamp>,
    /// When an answer about the name itself was last seen.
    answered: Option<Timestamp>,
}

#[derive(Debug)]
struct Offered {
    config: Arc<EchConfig>,
    last: Timestamp,
}

impl Default for Judge {
    fn default() -> Self {
        Self::new(MAX_NAMES)
    }
}

impl Judge {
    /// Remembers what is known of at most that many names, by client and in all.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            known: Recent::new(capacity),
            verdicts: HashMap::default(),
            refused: 0,
            visibility: Visibility::default(),
        }
    }

    /// Takes the next notice, and writes into it what is known of the hello that it goes back to.
    /// Whether it is for the ledger; the others have been told for the judge alone, or of a name
    /// that nobody meant.
    pub fn take(&mut self, notice: &mut Notice) -> bool {
        match &mut notice.what {
            What::Offer(offer) => {
                self.offer(offer, notice.at);
                false
            }
            What::Veiled(veiled) => {
                let observation = self.veiled(veiled);
                let is_wanted = veiled.telling == Telling::Reported;
                if is_wanted {
                    notice.what = What::Observation(observation);
                }
                is_wanted
            }
            What::Sighting(sighting) => {
                let observation = &mut sighting.observation;
                if observation.ech != Some(Ech::Unknown) {
                    return true;
                }
                let verdict = self.verdicts.get(&ends_of(observation));
                observation.ech = verdict.map(|it| it.ech).or(observation.ech);
                !is_disguise(verdict, Some(sighting.signature))
            }
            What::Progress(progress) => {
                let ends = ends(progress.transport, progress.client, progress.server);
                let is_open = !self.verdicts.is_empty();
                let verdict = self.verdicts.get(&ends).filter(|_| is_open);
                !is_disguise(verdict, Some(progress.signature))
            }
            What::Connection(connection) => {
                self.connection(connection);
                true
            }
            What::Observation(_)
            | What::Resolution(_)
            | What::Discovery(_)
            | What::Identity(_)
            | What::Asked(_)
            | What::Resolver(_)
            | What::Proxy(_)
            | What::HiddenQuestions(_)
            | What::PublicQuestions(_) => true,
        }
    }

    /// Hellos with an outer ECH extension and a name, and the connections that they named.
    #[must_use]
    pub const fn visibility(&self) -> &Visibility {
        &self.visibility
    }

    /// How much is remembered.
    #[must_use]
    pub const fn counts(&self) -> EchCounts {
        EchCounts {
            names: self.known.len() as u64,
            names_evicted: self.known.evicted(),
            verdicts_refused: self.refused,
        }
    }

    fn offer(&mut self, offer: &Offer, at: Timestamp) {
        for who in [Some(offer.client), None] {
            for config in &offer.configs {
                let key = (who, config.public_name.clone());
                if let Some(known) = self.known.refresh(&key, Known::default) {
                    known.offer(config, at);
                }
            }
            let key = (who, offer.name.clone());
            if let Some(known) = self.known.refresh(&key, Known::default) {
                known.answered = known.answered.max(Some(at));
            }
        }
    }

    /// Judges a hello; gives its observation with the verdict.
    fn veiled(&mut self, veiled: &Veiled) -> Observation {
        let mut observation = veiled.observation.clone();
        let ends = ends_of(&observation);
        let before = self.verdicts.get(&ends).map(|it| it.ech);
        let ech = match before.filter(|_| veiled.telling == Telling::Before) {
            Some(before) => before,
            None => self.remembered(veiled, ends),
        };
        self.visibility.hellos[observation.transport as usize][ech as usize] += 1;
        observation.ech = Some(ech);
        observation
    }

    /// Judges the first hello to a name, and keeps the verdict if later notices depend on it.
    fn remembered(&mut self, veiled: &Veiled, ends: Ends) -> Ech {
        let observation = &veiled.observation;
        let client = observation.client().address;
        let ech = self.verdict(client, &observation.name, &veiled.outer, observation.at);
        let signature = veiled.signature;
        if ech == Ech::Unknown || (ech == Ech::Grease && signature.is_none()) {
            self.verdicts.remove(&ends);
        } else if self.verdicts.len() < MAX_VERDICTS || self.verdicts.contains_key(&ends) {
            self.verdicts.insert(ends, Verdict { ech, signature });
        } else {
            self.refused += 1;
            return Ech::Unknown;
        }
        ech
    }

    /// The verdict by the rules above.
    fn verdict(&self, client: Address, name: &Name, outer: &Outer, at: Timestamp) -> Ech {
        let own = self.known.peek(&(Some(client), name.clone()));
        if own.is_some_and(|it| it.fits(outer, at)) {
            return Ech::Real;
        }
        let Some(any) = self.known.peek(&(None, name.clone())) else {
            return Ech::Unknown;
        };
        if any.fits(outer, at) {
            return if own.is_some_and(|it| is_good(it.answered, at, KEPT)) {
                Ech::Unknown
            } else {
                Ech::Real
            };
        }
        if any.contradicts(outer, at) {
            Ech::Grease
        } else {
            Ech::Unknown
        }
    }

    /// Counts a connection that a hello with an outer ECH extension named, and takes away what it is
    /// claimed for if the name was only the public one.
    fn connection(&mut self, connection: &mut Connection) {
        if connection.veil == Veil::None {
            return;
        }
        let Connection {
            transport,
            client,
            server,
            ..
        } = *connection;
        let verdict = self.verdicts.remove(&ends(transport, client, server));
        if is_disguise(verdict.as_ref(), connection.signature) {
            connection.signature = None;
        }
        if connection.veil == Veil::Names {
            if verdict.is_some_and(|it| it.ech == Ech::Real) {
                connection.named = Err(Unnamed::RealEch);
            }
            self.visibility.connection(transport, connection.named);
        }
    }
}

impl Known {
    fn offer(&mut self, config: &Arc<EchConfig>, at: Timestamp) {
        if let Some(same) = self.configs.iter_mut().find(|it| it.config == *config) {
            same.last = same.last.max(at);
            return;
        }
        if self.configs.len() >= MAX_OFFERED {
            let oldest = self.configs.iter().enumerate().min_by_key(|it| it.1.last);
            if let Some((place, _)) = oldest {
                let oldest = self.configs.remove(place);
                if is_good(Some(oldest.last), at, KEPT) {
                    self.crowded = Some(at);
                }
            }
        }
        self.configs.push(Offered {
            config: Arc::clone(config),
            last: at,
        });
    }

    /// Whether a hello goes by a config that makes this the public name.
    fn fits(&self, outer: &Outer, at: Timestamp) -> bool {
        self.good(at)
            .any(|it| it.config.config_id == outer.config_id && it.config.allows(outer))
    }

    /// Whether a hello that fits no config is a decoy.
    fn contradicts(&self, outer: &Outer, at: Timestamp) -> bool {
        if is_good(self.crowded, at, KEPT) {
            return false;
        }
        let Some(newest) = self.good(at).map(|it| it.last).max() else {
            return is_good(self.answered, at, KEPT);
        };
        let is_allowed = self.good(at).any(|it| it.config.allows(outer));
        !is_allowed || is_good(Some(newest), at, FRESH)
    }

    fn good(&self, at: Timestamp) -> impl Iterator<Item = &Offered> {
        self.configs
            .iter()
            .filter(move |it| is_good(Some(it.last), at, KEPT))
    }
}

/// Whether something was seen at most `kept` before.
fn is_good(seen: Option<Timestamp>, at: Timestamp, kept: Duration) -> bool {
    seen.is_some_and(|it| at.since(it) <= kept)
}

/// Whether what a signature claims is only the public name of a real hello.
fn is_disguise(verdict: Option<&Verdict>, signature: Option<SignatureId>) -> bool {
    verdict.is_some_and(|it| {
        it.ech == Ech::Real && it.signature.is_some() && it.signature == signature
    })
}

fn ends_of(observation: &Observation) -> Ends {
    ends(observation.transport, observation.src, observation.dst)
}

fn ends(transport: Transport, one: Endpoint, other: Endpoint) -> Ends {
    (transport, one.min(other), one.max(other))
}

/// How long an answer is remembered: as those of addresses, see `resolved`.
pub const KEPT: Duration = Duration::from_secs(3600);

/// How long an id that is not on offer tells a decoy.
pub const FRESH: Duration = Duration::from_secs(300);

/// Names of which something is remembered, by client and in all: about 200 octets each, 600 with as
/// many configs as there can be; so 13 MiB, and 40 at the most.
pub const MAX_NAMES: usize = 65_536;

/// Configs of one public name. A provider has one or two at a time.
const MAX_OFFERED: usize = 4;

/// Open flows with a verdict, about 100 octets each.
const MAX_VERDICTS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::{Progress, Reach, Sighting};
    use crate::names::Source;

    const CLIENT: Address = Address::from_v4([10, 0, 0, 1]);
    const OTHER: Address = Address::from_v4([10, 0, 0, 2]);
    const PUBLIC: &str = "ech.provider.example";
    const SITE: &str = "site.example";
    const SIGNATURE: SignatureId = SignatureId(7);

    #[test]
    fn a_hello_by_a_config_that_was_offered_is_real() {
        let mut judge = Judge::default();
        judge.hear(CLIENT, SITE, &[config(7, PUBLIC)], 0);
        assert_eq!(judge.look(CLIENT, PUBLIC, outer(7), 1), Ech::Real);
        assert_eq!(judge.look(OTHER, PUBLIC, outer(7), 1), Ech::Real);
        assert_eq!(judge.look(CLIENT, PUBLIC, outer(7), 3600), Ech::Real);
        assert_eq!(judge.look(CLIENT, PUBLIC, outer(7), 3601), Ech::Unknown);
    }

    #[test]
    fn a_client_that_looked_up_the_name_itself_may_mean_it() {
        let mut judge = Judge::default();
        judge.hear(OTHER, SITE, &[config(7, PUBLIC)], 0);
        judge.hear(CLIENT, PUBLIC, &[], 1);
        assert_eq!(judge.look(CLIENT, PUBLIC, outer(7), 2), Ech::Unknown);
        judge.hear(CLIENT, SITE, &[config(7, PUBLIC)], 3);
        assert_eq!(judge.look(CLIENT, PUBLIC, outer(7), 4), Ech::Real);
    }

    #[test]
    fn an_id_that_is_not_on_offer_tells_a_decoy_while_the_offer_is_fresh() {
        let mut judge = Judge::default();
        judge.hear(CLIENT, SITE, &[config(7, PUBLIC)], 0);
        assert_eq!(judge.look(CLIENT, PUBLIC, outer(8), 300), Ech::Grease);
        assert_eq!(judge.look(CLIENT, PUBLIC, outer(8), 301), Ech::Unknown);
    }

    #[test]
    fn a_suite_or_a_length_that_is_not_on_offer_tells_a_decoy() {
        let mut judge = Judge::default();
        judge.hear(CLIENT, SITE, &[config(7, PUBLIC)], 0);
        let suite = Outer {
            suite: [1, 3],
            ..outer(7)
        };
        let len = Outer {
            enc_len: 65,
            ..outer(7)
        };
        for wrong in [suite, len] {
            assert_eq!(judge.look(OTHER, PUBLIC, wrong, 3600), Ech::Grease);
            assert_eq!(judge.look(OTHER, PUBLIC, wrong, 3601), Ech::Unknown);
        }
    }

    #[test]
    fn more_configs_than_are_remembered_leave_it_open() {
        let mut judge = Judge::default();
        for id in 0..=MAX_OFFERED as u8 {
            judge.hear(CLIENT, SITE, &[config(id, PUBLIC)], 0);
        }
        let suite = Outer {
            suite: [1, 3],
            ..outer(99)
        };
        assert_eq!(judge.look(CLIENT, PUBLIC, suite, 1), Ech::Unknown);
        let newest = outer(MAX_OFFERED as u8);
        assert_eq!(judge.look(CLIENT, PUBLIC, newest, 1), Ech::Real);
    }

    #[test]
    fn a_name_that_was_looked_up_and_is_no_public_name_is_real() {
        let mut judge = Judge::default();
        judge.hear(CLIENT, SITE, &[], 0);
        assert_eq!(judge.look(CLIENT, SITE, outer(7), 1), Ech::Grease);
        assert_eq!(judge.look(OTHER, SITE, outer(7), 1), Ech::Grease);
        assert_eq!(judge.look(OTHER, SITE, outer(7), 3601), Ech::Unknown);
        // It offers ECH, under another name, and the client does not use it.
        judge.hear(CLIENT, "other.example", &[config(7, PUBLIC)], 0);
        let name = "other.example";
        assert_eq!(judge.look(CLIENT, name, outer(7), 1), Ech::Grease);
    }

    #[test]
    fn a_name_of_which_nothing_was_seen_stays_unknown() {
        let mut judge = Judge::default();
        judge.hear(CLIENT, SITE, &[config(7, PUBLIC)], 0);
        let name = "nobody-asked.example";
        assert_eq!(judge.look(CLIENT, name, outer(7), 1), Ech::Unknown);
    }

    #[test]
    fn the_second_hello_of_a_flow_goes_by_the_first() {
        let mut judge = Judge::default();
        judge.hear(CLIENT, SITE, &[config(7, PUBLIC)], 0);
        let second = |enc_len, telling, secs| {
            let outer = Outer {
                enc_len,
                ..outer(7)
            };
            notice(What::Veiled(veiled(PUBLIC, outer, telling, secs)), secs)
        };
        judge.take(&mut second(32, Telling::Silent, 1));
        judge.take(&mut second(0, Telling::Before, 9999));
        assert_eq!(judge.visibility().hellos, [[0, 0, 2, 0], [0; 4]]);
    }

    #[test]
    fn what_is_claimed_by_a_public_name_alone_is_taken_out() {
        let mut judge = Judge::default();
        judge.hear(CLIENT, SITE, &[config(7, PUBLIC)], 0);
        let hello = veiled(PUBLIC, outer(7), Telling::Silent, 1);
        assert!(!judge.take(&mut notice(What::Veiled(hello.clone()), 1)));
        assert!(!judge.take(&mut sighting(&hello)));
        assert!(!judge.take(&mut progress(&hello)));
        let mut ended = connection(&hello, Veil::Names);
        assert!(judge.take(&mut ended));
        let What::Connection(ended) = ended.what else {
            panic!("{ended:?}");
        };
        assert_eq!(ended.named, Err(Unnamed::RealEch));
        assert_eq!(ended.signature, None);
        let unnamed = judge.visibility().unnamed[0][Unnamed::RealEch as usize];
        assert_eq!((judge.visibility().connections, unnamed), ([1, 0], 1));
        // The next flow between the same ends is another.
        assert!(judge.take(&mut sighting(&hello)));
    }

    #[test]
    fn a_claim_by_the_name_in_a_hello_with_a_decoy_stays() {
        let mut judge = Judge::default();
        judge.hear(CLIENT, SITE, &[], 0);
        let hello = veiled(SITE, outer(7), Telling::Silent, 1);
        judge.take(&mut notice(What::Veiled(hello.clone()), 1));
        let mut seen = sighting(&hello);
        assert!(judge.take(&mut seen) && judge.take(&mut progress(&hello)));
        let What::Sighting(seen) = seen.what else {
            panic!("{seen:?}");
        };
        assert_eq!(seen.observation.ech, Some(Ech::Grease));
        judge.take(&mut connection(&hello, Veil::Names));
        let named = judge.visibility().named[0][Source::TlsSni as usize];
        assert_eq!(named, 1);
        assert!(judge.verdicts.is_empty());
    }

    #[test]
    fn another_message_that_names_the_flow_stands() {
        let mut judge = Judge::default();
        judge.hear(CLIENT, SITE, &[config(7, PUBLIC)], 0);
        let hello = veiled(PUBLIC, outer(7), Telling::Silent, 1);
        judge.take(&mut notice(What::Veiled(hello.clone()), 1));
        let mut ended = connection(&hello, Veil::Beside);
        judge.take(&mut ended);
        let What::Connection(ended) = ended.what else {
            panic!("{ended:?}");
        };
        assert_eq!(ended.named, Ok(Source::TlsSni));
        assert_eq!(judge.visibility().connections, [0, 0]);
    }

    #[test]
    fn observations_are_told_with_the_verdict() {
        let mut judge = Judge::default();
        judge.hear(CLIENT, SITE, &[], 0);
        let hello = veiled(SITE, outer(7), Telling::Reported, 1);
        let mut told = notice(What::Veiled(hello), 1);
        assert!(judge.take(&mut told));
        let What::Observation(told) = told.what else {
            panic!("{told:?}");
        };
        assert_eq!(told.ech, Some(Ech::Grease));
    }

    #[test]
    fn without_room_for_verdicts_hellos_are_unknown() {
        let mut judge = Judge::default();
        judge.hear(CLIENT, SITE, &[config(7, PUBLIC)], 0);
        for number in 0..=MAX_VERDICTS {
            let mut hello = veiled(PUBLIC, outer(7), Telling::Silent, 1);
            hello.observation.dst.address = Address::from_v4((number as u32).to_be_bytes());
            judge.take(&mut notice(What::Veiled(hello), 1));
        }
        let hellos = judge.visibility().hellos[0];
        assert_eq!(hellos, [0, 0, MAX_VERDICTS as u64, 1]);
        assert_eq!(judge.counts().verdicts_refused, 1);
    }

    #[test]
    fn names_are_bounded() {
        let mut judge = Judge::new(10);
        for number in 0..100 {
            judge.hear(CLIENT, &format!("{number}.example"), &[], 0);
        }
        assert_eq!(judge.counts().names, 10);
        assert_eq!(judge.counts().names_evicted, 190);
        assert_eq!(judge.look(CLIENT, "99.example", outer(7), 1), Ech::Grease);
        assert_eq!(judge.look(CLIENT, "9.example", outer(7), 1), Ech::Unknown);
    }

    impl Judge {
        fn hear(&mut self, client: Address, about: &str, configs: &[EchConfig], secs: i64) {
            let offer = Box::new(Offer {
                client,
                name: name(about),
                configs: configs.iter().cloned().map(Arc::new).collect(),
            });
            assert!(!self.take(&mut notice(What::Offer(offer), secs)));
        }

        fn look(&self, client: Address, server: &str, outer: Outer, secs: i64) -> Ech {
            self.verdict(client, &name(server), &outer, at(secs))
        }
    }

    fn name(text: &str) -> Name {
        Name::from_text(text.as_bytes()).unwrap()
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(1_700_000_000 + secs, 0)
    }

    fn notice(what: What, secs: i64) -> Notice {
        Notice {
            number: 0,
            at: at(secs),
            what,
        }
    }

    fn config(config_id: u8, public_name: &str) -> EchConfig {
        EchConfig {
            config_id,
            kem: 0x20,
            suites: vec![[1, 1]],
            public_name: name(public_name),
        }
    }

    fn outer(config_id: u8) -> Outer {
        Outer {
            config_id,
            suite: [1, 1],
            enc_len: 32,
        }
    }

    fn end(address: Address, port: u16) -> Endpoint {
        Endpoint { address, port }
    }

    fn veiled(server: &str, outer: Outer, telling: Telling, secs: i64) -> Box<Veiled> {
        let observation = Observation {
            at: at(secs),
            source: Source::TlsSni,
            transport: Transport::Tcp,
            src: end(CLIENT, 50_000),
            dst: end(Address::from_v4([192, 0, 2, 7]), 443),
            name: name(server),
            vlan: None,
            ech: Some(Ech::Unknown),
            traits: None,
            ecs: None,
        };
        Box::new(Veiled {
            observation,
            outer,
            signature: Some(SIGNATURE),
            telling,
        })
    }

    fn sighting(hello: &Veiled) -> Notice {
        let sighting = Sighting {
            observation: hello.observation.clone(),
            signature: SIGNATURE,
            via: None,
            reach: Reach::Transferred,
        };
        notice(What::Sighting(sighting), 2)
    }

    fn progress(hello: &Veiled) -> Notice {
        let progress = Progress {
            transport: Transport::Tcp,
            client: hello.observation.src,
            server: hello.observation.dst,
            reach: Reach::Transferred,
            sent: 1,
            received: 1,
            source: Some(Source::TlsSni),
            signature: SIGNATURE,
        };
        notice(What::Progress(progress), 2)
    }

    fn connection(hello: &Veiled, veil: Veil) -> Notice {
        let connection = Connection {
            opened: at(0),
            transport: Transport::Tcp,
            client: hello.observation.src,
            server: hello.observation.dst,
            reach: Reach::Transferred,
            sent: 1,
            received: 1,
            named: Ok(Source::TlsSni),
            veil,
            signature: Some(SIGNATURE),
            told: [0; 2],
        };
        notice(What::Connection(connection), 3)
    }
}
