//! What is kept of one host and one vendor.

use std::time::Duration;

use phonehome_signatures::SignatureId;
use serde::{Deserialize, Serialize};

use super::Verdict;
use super::devices::Who;
use super::rhythm::Rhythm;
use super::roles::View;
use super::state::{Course, Seen};
use super::verdict::{Manner, Signal, Signals, verdict};
use super::weight::{Class, Weight};
use crate::detection::{Reach, Sighting};
use crate::discovery::Device;
use crate::names::{Name, Source};
use crate::time::Timestamp;

/// The ledger's page of one host and one vendor, of bounded size.
///
/// Sightings in DNS and those with a connection are kept apart throughout, because a host may turn
/// out later to ask in DNS for others.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// Sightings in DNS, and those with a connection.
    pub(super) dns: Side,
    pub(super) direct: Side,
    /// What all sightings say together, and what those with a connection say alone.
    pub(super) all_track: Track,
    pub(super) direct_track: Track,
    /// Sightings by [`Source`].
    pub(super) sources: [u64; Source::ALL.len()],
    /// Payload octets that the host sent, retransmissions included.
    pub(super) sent: u64,
    /// Payload octets that the host received.
    pub(super) received: u64,
    /// By signature, in the order of the first use; at most [`MAX_SIGNATURES`].
    pub(super) tallies: Vec<Tally>,
    /// In the order of the first use; at most [`MAX_NAMES`].
    pub(super) names: Vec<Used>,
    /// Questions that may have a twin at another resolver; at most [`MAX_ASKS`].
    asks: Vec<Ask>,
    /// Questions for names of products at public resolvers.
    pub(super) public: u32,
    /// The highest verdict that was told to others.
    pub(super) told: Verdict,
    /// What it is by the time that has passed.
    pub(super) course: Course,
    /// Whether it was told that a waiver covers it.
    pub(super) cover: Cover,
    /// Whom the sightings are of.
    pub(super) who: Option<Box<Who>>,
    /// What the device said of itself on the local network, the newest.
    pub(super) device: Option<Box<Device>>,
    /// Records of devices that had the address before, the one that had it last in the end; at most
    /// [`MAX_ASIDE`](super::devices::MAX_ASIDE).
    pub(super) aside: Vec<Record>,
}

/// Whether a waiver lets a finding stand.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Cover {
    /// None does.
    #[default]
    Open,
    /// One does.
    Waived,
}

/// Counts and times of the sightings of one side.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Side {
    /// First and newest time.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    /// Sightings by [`Reach`].
    pub(super) contacts: [u64; 5],
    /// The newest contact that counts for the state.
    pub(super) contact: Option<Seen>,
}

/// A sighting, or octets, as a record takes them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) class: Class,
    pub(super) manner: Manner,
    /// The present, and in how many slots the host has been seen.
    pub(super) seen: Seen,
}

/// What a sighting, or octets, made of a record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Effect {
    /// Whether the verdict may have changed.
    pub(super) may_change: bool,
    /// The side on which it is a contact, if it is one.
    pub(super) contact: Option<Lane>,
}

/// One of the two sides of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lane {
    Dns,
    Direct,
}

/// What sightings say.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Track {
    pub(super) signals: Signals,
    pub(super) rhythm: Rhythm,
}

/// Counts of one signature, which is told by its number, or in a store by its id. They stop at
/// their largest value.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Tally<S = SignatureId> {
    pub(super) signature: S,
    /// Questions in DNS.
    pub(super) asked: u32,
    /// Answers in DNS, and those among them that said no.
    pub(super) answered: u32,
    pub(super) refused: u32,
    /// Sightings with a connection by [`Reach`].
    pub(super) reached: [u32; 5],
    /// Connections to addresses that only another host was answered.
    pub(super) elsewhere: u32,
    pub(super) sent: u64,
    pub(super) received: u64,
}

impl<S> Tally<S> {
    /// The same counts, of a signature that is told in another way.
    pub(super) fn of<T>(&self, signature: T) -> Tally<T> {
        Tally {
            signature,
            asked: self.asked,
            answered: self.answered,
            refused: self.refused,
            reached: self.reached,
            elsewhere: self.elsewhere,
            sent: self.sent,
            received: self.received,
        }
    }
}

/// A name that the host used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Used {
    pub(super) name: Name,
    pub(super) signature: SignatureId,
    /// Sightings in DNS, and those with a connection.
    pub(super) dns: u32,
    pub(super) direct: u32,
}

/// A question in DNS.
#[derive(Clone, Copy, Debug)]
struct Ask {
    /// Index of the name in [`Record::names`].
    name: usize,
    resolver: Resolver,
    at: Timestamp,
}

/// What kind of resolver a question went to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Resolver {
    /// One that answers anyone, and is not the site's own.
    Public,
    /// Any other: the one that the system was told to use.
    System,
}

/// What a record had no room for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Over {
    pub(super) names: u64,
    pub(super) signatures: u64,
    pub(super) devices: u64,
}

/// Payload octets of a connection that a signature claims, or of a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Octets {
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Whether payload is known to have gone both ways.
    pub(super) both_ways: bool,
    /// When the connection was opened, as far as it is known.
    pub(super) began: Timestamp,
}

impl Record {
    pub(super) fn begun(course: Course) -> Self {
        Self {
            course,
            ..Self::default()
        }
    }

    /// Takes a sighting.
    ///
    /// What counts is the time at which the name was used: a question without an answer is told of
    /// seconds later.
    pub(super) fn sighting(
        &mut self,
        sighting: &Sighting,
        mark: Mark,
        resolver: Resolver,
        over: &mut Over,
    ) -> Effect {
        let Mark { class, manner, .. } = mark;
        let before = (self.all_track.signals, self.direct_track.signals);
        let observation = &sighting.observation;
        let at = observation.at;
        let in_dns = is_dns(observation.source);
        let reach = sighting.reach;
        self.sources[observation.source as usize] += 1;
        let is_contact = self.is_contact(mark);
        let side = if in_dns {
            &mut self.dns
        } else {
            &mut self.direct
        };
        side.touch(at);
        side.contacts[reach as usize] += 1;
        if is_contact {
            side.contact = Some(mark.seen);
        }
        self.tally(sighting.signature, over, |tally| {
            let count = match observation.source {
                _ if manner == Manner::Elsewhere => &mut tally.elsewhere,
                Source::DnsQuery => &mut tally.asked,
                Source::DnsAnswer => &mut tally.answered,
                _ => &mut tally.reached[reach as usize],
            };
            *count = count.saturating_add(1);
            if in_dns && reach == Reach::Refused {
                tally.refused = tally.refused.saturating_add(1);
            }
        });
        let name = self.name(sighting, in_dns, over);

        let mut tracks = tracks_of(&mut self.all_track, &mut self.direct_track, in_dns);
        for track in tracks.iter_mut().flatten() {
            track.signals.sighting(class, manner);
            if manner != Manner::Elsewhere {
                if reach == Reach::Transferred {
                    track.signals.exchange(class);
                }
                track.contact(at, class);
            }
        }
        if observation.source == Source::DnsQuery && class.weight.is_of_products() {
            if resolver == Resolver::Public {
                self.public = self.public.saturating_add(1);
            }
            if let Some(name) = name {
                self.ask(at, name, resolver);
            }
        }
        let lane = if in_dns { Lane::Dns } else { Lane::Direct };
        Effect {
            may_change: before != (self.all_track.signals, self.direct_track.signals),
            contact: is_contact.then_some(lane),
        }
    }

    /// Takes octets of a connection.
    pub(super) fn octets(
        &mut self,
        at: Timestamp,
        signature: SignatureId,
        mark: Mark,
        octets: Octets,
        over: &mut Over,
    ) -> Effect {
        let class = mark.class;
        let is_contact = octets.sent + octets.received > 0 && self.is_contact(mark);
        let before = (self.all_track.signals, self.direct_track.signals);
        self.sent = self.sent.saturating_add(octets.sent);
        self.received = self.received.saturating_add(octets.received);
        self.direct.touch(at);
        if is_contact {
            self.direct.contact = Some(mark.seen);
        }
        self.tally(signature, over, |tally| {
            tally.sent = tally.sent.saturating_add(octets.sent);
            tally.received = tally.received.saturating_add(octets.received);
        });
        for track in [&mut self.all_track, &mut self.direct_track] {
            if octets.both_ways {
                track.signals.exchange(class);
                track.contact(at, class);
            }
        }
        Effect {
            may_change: before != (self.all_track.signals, self.direct_track.signals),
            contact: is_contact.then_some(Lane::Direct),
        }
    }

    /// The newest contact of a view that counts for the state.
    pub(super) fn contact(&self, view: View) -> Option<Seen> {
        match view {
            View::All if self.dns.contact.map(|it| it.at) > self.direct.contact.map(|it| it.at) => {
                self.dns.contact
            }
            View::All | View::Direct => self.direct.contact,
            View::Nothing => None,
        }
    }

    /// Whether it was told that the host has something of the vendor.
    pub(super) fn is_open(&self) -> bool {
        self.told >= Verdict::Contact
    }

    /// Whether it keeps the finding in touch: of one that is open, only what would have opened it.
    fn is_contact(&self, mark: Mark) -> bool {
        let weight = mark.class.weight;
        !self.is_open()
            || weight > Weight::Behind
            || weight == Weight::Behind && mark.manner == Manner::Via
    }

    /// Whether the host exchanged something.
    pub(super) fn is_exchanging(&self) -> bool {
        self.direct.contacts[Reach::Transferred as usize] > 0
    }

    /// Whether the host was in touch at times that are some way apart.
    pub(super) fn is_lasting(&self) -> bool {
        let spans = [self.dns.span, self.direct.span].into_iter().flatten();
        let (mut first, mut last) = (None::<Timestamp>, None::<Timestamp>);
        for (from, to) in spans {
            first = Some(first.map_or(from, |it| it.min(from)));
            last = last.max(Some(to));
        }
        first.zip(last).is_some_and(|(a, b)| b.since(a) >= LASTING)
    }

    /// What the sightings of a view say; `None` if they say nothing or there are none.
    pub(super) fn track(&self, view: View) -> Option<&Track> {
        let track = match view {
            View::All => &self.all_track,
            View::Direct => &self.direct_track,
            View::Nothing => return None,
        };
        track.signals.is_any().then_some(track)
    }

    /// The verdict on the sightings of a view.
    pub(super) fn verdict(&self, view: View) -> Verdict {
        self.track(view)
            .map_or(Verdict::None, |it| verdict(it.signals))
    }

    /// Any name that was used of the signature.
    pub(super) fn name_of(&self, signature: SignatureId) -> Option<&Name> {
        let used = self.names.iter().find(|it| it.signature == signature)?;
        Some(&used.name)
    }

    fn tally(&mut self, signature: SignatureId, over: &mut Over, count: impl Fn(&mut Tally)) {
        if let Some(tally) = self.tallies.iter_mut().find(|it| it.signature == signature) {
            count(tally);
        } else if self.tallies.len() < MAX_SIGNATURES {
            let mut tally = Tally {
                signature,
                asked: 0,
                answered: 0,
                refused: 0,
                reached: [0; 5],
                elsewhere: 0,
                sent: 0,
                received: 0,
            };
            count(&mut tally);
            if self.tallies.is_empty() {
                self.tallies.reserve_exact(1);
            }
            self.tallies.push(tally);
        } else {
            over.signatures += 1;
        }
    }

    /// Counts the name of a sighting; its index, unless there was no room for it.
    fn name(&mut self, sighting: &Sighting, in_dns: bool, over: &mut Over) -> Option<usize> {
        let name = &sighting.observation.name;
        let found = self
            .names
            .iter()
            .position(|it| it.signature == sighting.signature && it.name == *name);
        let index = match found {
            Some(index) => index,
            None if self.names.len() < MAX_NAMES => {
                if self.names.is_empty() {
                    self.names.reserve_exact(1);
                }
                self.names.push(Used {
                    name: name.clone(),
                    signature: sighting.signature,
                    dns: 0,
                    direct: 0,
                });
                self.names.len() - 1
            }
            None => {
                over.names += 1;
                return None;
            }
        };
        let used = self.names.get_mut(index)?;
        let count = if in_dns {
            &mut used.dns
        } else {
            &mut used.direct
        };
        *count = count.saturating_add(1);
        Some(index)
    }

    /// Looks for the same question at a resolver of the other kind, nearly at the same time.
    fn ask(&mut self, at: Timestamp, name: usize, resolver: Resolver) {
        if self.all_track.signals.has(Signal::AskedTwice) {
            return;
        }
        let twin = self.asks.iter().any(|it| {
            it.name == name
                && it.resolver != resolver
                && at.since(it.at).max(it.at.since(at)) <= TWIN_WITHIN
        });
        if twin {
            self.all_track.signals.set(Signal::AskedTwice);
            self.asks = Vec::new();
            return;
        }
        if self.asks.len() >= MAX_ASKS
            && let Some(oldest) = (0..self.asks.len()).min_by_key(|it| self.asks[*it].at)
        {
            self.asks.remove(oldest);
        }
        if self.asks.is_empty() {
            self.asks.reserve_exact(1);
        }
        self.asks.push(Ask { name, resolver, at });
    }
}

/// The tracks that a sighting belongs to.
fn tracks_of<'r>(
    all: &'r mut Track,
    direct: &'r mut Track,
    in_dns: bool,
) -> [Option<&'r mut Track>; 2] {
    [Some(all), (!in_dns).then_some(direct)]
}

impl Side {
    fn touch(&mut self, at: Timestamp) {
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
    }
}

impl Track {
    /// The same, of what another run kept.
    pub(super) fn bounded(self) -> Self {
        Self {
            signals: self.signals,
            rhythm: self.rhythm.bounded(),
        }
    }

    /// Takes the time of a contact, if its rhythm says something.
    fn contact(&mut self, at: Timestamp, class: Class) {
        if !class.weight.is_of_products() || !self.rhythm.contact(at) {
            return;
        }
        if self.rhythm.is_repeated() {
            self.signals.set(Signal::Repeated);
        }
        if self.rhythm.is_steady() {
            self.signals.set(Signal::Steady);
        }
    }
}

/// Whether a sighting of that source is one of DNS.
pub(super) const fn is_dns(source: Source) -> bool {
    matches!(source, Source::DnsQuery | Source::DnsAnswer)
}

/// Signatures that are counted one by one for a host and a vendor. Packs have about as many; a
/// host uses a dozen.
pub(super) const MAX_SIGNATURES: usize = 64;
/// Names that are kept for a host and a vendor.
pub(super) const MAX_NAMES: usize = 32;
/// Time between two contacts that a made-up host is not taken to have.
const LASTING: Duration = Duration::from_secs(60);
/// Questions that are kept to find a twin; a resolver is asked for two or three types of a name.
const MAX_ASKS: usize = 16;
/// How close the two questions of a product are, which in captures come 6 to 7 ms after the first
/// answer.
const TWIN_WITHIN: Duration = Duration::from_millis(100);
