//! What a worker reports, apart from the flows it tracks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use phonehome_signatures::{Catalogue, Service, SignatureId};

use super::past::Past;
use super::pending::Pending;
use super::repeats::Repeats;
use super::{Context, Report, Told};
use crate::detection::{
    Connection, Notice, Progress, Reach, Sighting, Telling, Veil, Veiled, What,
};
use crate::flow::{Claim, Flow};
use crate::host::Address;
use crate::names::tls::{self, ClientHello, Ech, Outer, Traits};
use crate::names::{Name, Observation, Source, Transport};
use crate::time::Timestamp;
use crate::visibility::{MessageResult, Protocol, Visibility};

/// Everything of a worker but its flows, so that a flow can be changed and reported at once.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) report: Report,
    pub(super) pending: Pending,
    /// Questions to public resolvers that were not told yet.
    pub(super) past: Past,
    pub(super) repeats: Repeats,
    pub(super) visibility: Visibility,
    pub(super) roles: Roles,
    /// Text of the name at hand, used again for each.
    pub(super) text: String,
    /// Room to decrypt in, used again for each datagram.
    pub(super) octets: Vec<u8>,
    /// What is told since it was last taken.
    pub(super) told: Vec<Told>,
    /// Span of packet time that the newest tick began.
    pub(super) span: Option<i64>,
}

impl Desk {
    /// Takes note of a hello: counts it, and names the flow. `octets` hold it.
    pub(super) fn hello(
        &mut self,
        flow: &mut Flow,
        (hello, octets): (ClientHello, Octets<'_>),
        context: &Context,
    ) {
        let source = match octets {
            Octets::Records(_) => Source::TlsSni,
            Octets::Message(_) => Source::QuicSni,
        };
        let protocol = match flow.key.transport {
            Transport::Tcp => Protocol::Tls,
            Transport::Udp => Protocol::Quic,
        };
        self.hello_may_hide(flow, &hello, context);
        // What can be judged is counted where it is.
        let outer = hello.outer.filter(|_| hello.server_name.is_some());
        if outer.is_none() {
            self.visibility.hellos[flow.key.transport as usize][hello.ech as usize] += 1;
        }
        let Some(name) = hello.server_name else {
            return self.visibility.message(protocol, MessageResult::Nameless);
        };
        self.visibility.message(protocol, MessageResult::Named);
        let said = Said {
            ech: Some(hello.ech),
            outer,
            octets: Some(octets),
        };
        self.name_flow(flow, (source, name), said, context);
    }

    /// Takes note of a name that a message of a flow held, and of what else it said; the context is
    /// that of the packet that completed it.
    pub(super) fn name_flow(
        &mut self,
        flow: &mut Flow,
        (source, name): (Source, Name),
        said: Said<'_>,
        context: &Context,
    ) {
        let transport = flow.key.transport;
        let details = flow.details_mut();
        let mut observation = context.observation(source, transport, name.clone(), said.ech);
        // A hello that is sent again, or delivered twice, or follows a HelloRetryRequest.
        if details
            .last_name
            .as_ref()
            .is_some_and(|it| it.0 == source && it.1 == name)
        {
            return self.veiled(observation, said.outer, (None, Telling::Before), context);
        }
        details.last_name = Some((source, name));
        let server = if source.is_from_server() {
            context.src
        } else {
            context.dst
        };
        let service = match transport {
            Transport::Tcp => Service::Tcp(server.port),
            Transport::Udp => Service::Udp(server.port),
        };
        let claimed = self.catalogue.claim(observation.name.as_str(), service);
        let is_told = match self.report {
            Report::AllNames => true,
            Report::Sightings => claimed.is_some(),
            Report::Findings => false,
        };
        if is_told {
            observation.traits = said.octets.and_then(Octets::traits).map(Arc::new);
        }
        let is_first = flow.named.is_err();
        if is_first {
            flow.named = Ok(source);
        }
        if said.outer.is_none() {
            self.observed(&observation, context.number);
        } else {
            self.visibility.observations[source as usize] += 1;
            let details = flow.details_mut();
            if is_first {
                details.veil = Veil::Names;
            } else if details.veil == Veil::None {
                details.veil = Veil::Beside;
            }
        }
        let before = flow.claim().map(|it| it.signature);
        let claimed = claimed.filter(|it| before != Some(*it));
        if claimed.is_some() {
            self.release(flow, context.number, context.at);
        }
        if said.outer.is_some() {
            let telling = match self.report {
                Report::AllNames => Telling::Reported,
                Report::Sightings | Report::Findings => Telling::Silent,
            };
            self.veiled(observation.clone(), said.outer, (claimed, telling), context);
        }
        let Some(signature) = claimed else { return };
        let (told, is_due) = flow
            .claim()
            .map_or(([0; 2], false), |it| (it.told, it.is_due));
        flow.details_mut().claim = Some(Box::new(Claim {
            signature,
            held: Some(observation),
            told,
            is_due,
        }));
    }

    /// Tells of a hello with an outer ECH extension.
    fn veiled(
        &mut self,
        observation: Observation,
        outer: Option<Outer>,
        (signature, telling): (Option<SignatureId>, Telling),
        context: &Context,
    ) {
        let Some(outer) = outer else { return };
        let veiled = Box::new(Veiled {
            observation,
            outer,
            signature,
            telling,
        });
        self.tell(context.number, context.at, What::Veiled(veiled));
    }

    /// Counts an observation, and tells of it where all names are asked for.
    pub(super) fn observed(&mut self, observation: &Observation, number: u64) {
        self.visibility.observations[observation.source as usize] += 1;
        if self.report == Report::AllNames {
            self.tell(
                number,
                observation.at,
                What::Observation(observation.clone()),
            );
        }
    }

    /// Tells of a flow's sighting that was held back, with how far the flow has got.
    pub(super) fn release(&mut self, flow: &mut Flow, number: u64, at: Timestamp) {
        let reach = flow.reach().max(Reach::Connected);
        let Some(claim) = flow.claim_mut() else {
            return;
        };
        let signature = claim.signature;
        let Some(observation) = claim.held.take() else {
            return;
        };
        let what = What::Sighting(Sighting {
            observation,
            signature,
            via: None,
            reach,
        });
        self.tell(number, at, what);
    }

    /// Tells of a flow that is over.
    pub(super) fn end(&mut self, mut flow: Flow, number: u64, at: Timestamp) {
        self.last_words(&mut flow, number, at);
        self.release(&mut flow, number, at);
        self.port_may_hide(&mut flow);
        self.tell_hidden(&mut flow, number, at);
        let transport = flow.key.transport;
        let both = flow.seen.packets.iter().all(|it| *it > 0);
        self.visibility.flows_ended[transport as usize][usize::from(both)] += 1;
        self.visibility.judged_flows += u64::from(flow.is_judged());
        self.visibility.missing_octets += flow.weigh_end();
        if flow.is_dns() {
            return;
        }
        let (client, server) = flow.ends();
        let veil = flow.details().map_or(Veil::None, |it| it.veil);
        if veil != Veil::Names {
            self.visibility.connection(transport, flow.named);
        }
        let [sent, received] = flow.sent_received();
        let told = flow.claim().map_or([0; 2], |it| flow.by_client(it.told));
        let what = What::Connection(Connection {
            opened: flow.opened,
            transport,
            client,
            server,
            reach: flow.reach(),
            sent,
            received,
            named: flow.named,
            veil,
            signature: flow.claim().map(|it| it.signature),
            told,
        });
        self.tell(number, at, what);
    }

    /// Tells once that a host is asked in DNS.
    pub(super) fn asked(&mut self, host: Address, context: &Context) {
        if Roles::is_new(&mut self.roles.asked, host) {
            self.tell(context.number, context.at, What::Asked(host));
        }
    }

    /// Tells once that a host answers DNS for others.
    pub(super) fn resolver(&mut self, host: Address, context: &Context) {
        if Roles::is_new(&mut self.roles.resolvers, host) {
            self.tell(context.number, context.at, What::Resolver(host));
        }
    }

    /// Tells once that a host takes proxy requests of others.
    pub(super) fn proxy(&mut self, host: Address, context: &Context) {
        if Roles::is_new(&mut self.roles.proxies, host) {
            self.tell(context.number, context.at, What::Proxy(host));
        }
    }

    /// Tells of the octets of a flow with a claimed name that were not told yet. Those of a flow
    /// whose sighting is held back wait with it; a sighting that has waited for [`PATIENCE`], as on
    /// a mirror of one direction, is told with how far the flow has got.
    pub(super) fn progress(&mut self, flow: &mut Flow, number: u64, at: Timestamp) -> Due {
        let Some(claim) = flow.claim() else {
            return Due::Nothing;
        };
        if let Some(held) = &claim.held {
            if at.since(held.at) < PATIENCE {
                return Due::Again;
            }
            self.release(flow, number, at);
        }
        let octets = flow.octets;
        let Some(claim) = flow.claim_mut() else {
            return Due::Nothing;
        };
        claim.is_due = false;
        if claim.told == octets {
            return Due::Nothing;
        }
        let before = std::mem::replace(&mut claim.told, octets);
        let signature = claim.signature;
        let [sent, received] = flow.by_client([0, 1].map(|it| octets[it] - before[it]));
        let (client, server) = flow.ends();
        let what = What::Progress(Progress {
            transport: flow.key.transport,
            client,
            server,
            reach: flow.reach(),
            sent,
            received,
            source: flow.named.ok(),
            signature,
        });
        self.tell(number, at, what);
        Due::Nothing
    }

    /// What a tick brings beside flows, each with the number of the frame that began it, in their
    /// order: questions that got no answer in time, and counts of those to public resolvers.
    pub(super) fn late(&mut self, span: i64) -> Vec<(u64, What)> {
        let silent = self.pending.expire(span).into_iter();
        let silent = silent.map(|(since, it)| (since, What::Sighting(it)));
        let past = self.past.take().into_iter();
        let past = past.map(|(since, it)| (since, What::PublicQuestions(it)));
        let mut late: Vec<(u64, What)> = silent.chain(past).collect();
        late.sort_by_key(|it| it.0);
        late
    }

    /// Tells of something that a tick brings.
    pub(super) fn tell_late(&mut self, what: What, since: u64, (number, at): (u64, Timestamp)) {
        let begin = self.told.len();
        self.tell(number, at, what);
        self.date(begin, since);
    }

    /// Says of what was told from `begin` on that time has ended what began at `since`.
    pub(super) fn date(&mut self, begin: usize, since: u64) {
        for told in &mut self.told[begin..] {
            told.since = since;
        }
    }

    /// Tells of something that a packet shows.
    pub(super) fn tell(&mut self, number: u64, at: Timestamp, what: What) {
        self.told.push(Told {
            since: u64::MAX,
            notice: Notice { number, at, what },
        });
    }
}

impl Context {
    /// An observation by the packet's end points.
    pub(super) fn observation(
        &self,
        source: Source,
        transport: Transport,
        name: Name,
        ech: Option<Ech>,
    ) -> Observation {
        let Self {
            at, vlan, src, dst, ..
        } = *self;
        Observation {
            at,
            source,
            transport,
            src,
            dst,
            name,
            vlan,
            ech,
            traits: None,
            ecs: None,
        }
    }
}

/// What a message said beside its name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said<'a> {
    /// Of Encrypted Client Hello; `None` where the message is no hello.
    pub(super) ech: Option<Ech>,
    /// What is in clear of an outer ECH extension.
    pub(super) outer: Option<Outer>,
    /// The octets that hold the hello.
    pub(super) octets: Option<Octets<'a>>,
}

/// Octets that begin with a hello.
#[derive(Clone, Copy, Debug)]
pub(super) enum Octets<'a> {
    /// In records, over TCP.
    Records(&'a [u8]),
    /// The bare message, over QUIC.
    Message(&'a [u8]),
}

impl Octets<'_> {
    fn traits(self) -> Option<Traits> {
        match self {
            Self::Records(prefix) => tls::traits(prefix),
            Self::Message(message) => tls::message_traits(message, Transport::Udp),
        }
    }
}

/// What of a flow is left to be told at the next tick.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Due {
    Nothing,
    /// It stays on the list of those that have something to tell.
    Again,
}

/// Hosts whose role has been told, so that each is told once. A full set starts anew: a role told
/// twice does no harm.
#[derive(Debug, Default)]
pub(super) struct Roles {
    asked: BTreeSet<Address>,
    resolvers: BTreeSet<Address>,
    proxies: BTreeSet<Address>,
}

impl Roles {
    fn is_new(known: &mut BTreeSet<Address>, host: Address) -> bool {
        if known.len() >= MAX_ROLES {
            known.clear();
        }
        known.insert(host)
    }
}

/// Packet time that a sighting waits for the other direction to show how far the exchange got.
const PATIENCE: Duration = Duration::from_secs(1);

/// Hosts with a role that one worker remembers.
const MAX_ROLES: usize = 4096;
