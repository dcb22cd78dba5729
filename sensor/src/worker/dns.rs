//! DNS messages: names asked for, names answered, and the addresses that flagged names have.

use std::sync::Arc;

use phonehome_signatures::{Service, SignatureId};

use super::desk::Desk;
use super::pending::{Answered, Exchange};
use super::segment::Data;
use super::{Context, is_conversation};
use crate::detection::{Offer, Reach, Resolution, Sighting, What};
use crate::flow::Flow;
use crate::flow::stream::{Inserted, Stream};
use crate::host::Address;
use crate::names::dns::{self, Message, RecordData, Subnet};
use crate::names::tls::{self, EchConfig};
use crate::names::{Name, Observation, Source, Transport};
use crate::triage::tick_of;
use crate::visibility::{MessageResult, Protocol};

impl Desk {
    /// Works on the payload of a UDP packet that should be a DNS message.
    pub(super) fn dns_datagram(&mut self, payload: &[u8], context: &Context) {
        if !self
            .repeats
            .is_repeat(context.at, context.src, context.dst, payload)
        {
            self.dns_message(payload, Transport::Udp, context);
        }
    }

    /// Works on a segment of a DNS connection: messages follow each other, each behind its length.
    pub(super) fn dns_segment(&mut self, flow: &mut Flow, data: &Data<'_>, context: &Context) {
        let start = flow.start(data.side);
        let mut stream = flow.take_stream(data.side).unwrap_or_else(|| {
            let known = start.filter(|it| data.seq.wrapping_sub(*it) < MAX_STREAM_START);
            let starts_here = || begins_message(data.payload).then_some(data.seq);
            Box::new(Stream::new(known.or_else(starts_here)))
        });
        if stream.base().is_none() && begins_message(data.payload) {
            stream.start_at(data.seq);
        }
        let inserted = stream.insert(data.seq, data.payload);
        self.dns_stream(&mut stream, context);
        let stuck = inserted == Inserted::Full || stream.pieces() > MAX_WAITING;
        if stuck && stream.prefix().is_empty() | stream.skip_gap() {
            if !begins_message(stream.prefix()) {
                stream = Box::new(Stream::new(None));
            }
            self.dns_stream(&mut stream, context);
        }
        flow.keep_stream(data.side, stream);
    }

    fn dns_stream(&mut self, stream: &mut Stream, context: &Context) {
        let mut messages = dns::tcp_messages(stream.prefix());
        for message in messages.by_ref() {
            match message {
                Ok(message) => self.dns_message(message, Transport::Tcp, context),
                Err(_) => {
                    self.visibility
                        .message(Protocol::Dns, MessageResult::Malformed);
                    *stream = Stream::new(None);
                    return;
                }
            }
        }
        let consumed = messages.consumed();
        stream.consume(consumed);
    }

    fn dns_message(&mut self, octets: &[u8], transport: Transport, context: &Context) {
        let Ok(message) = dns::message(octets) else {
            return self
                .visibility
                .message(Protocol::Dns, MessageResult::Malformed);
        };
        let named = if message.is_response() {
            self.response(&message, transport, context)
        } else {
            self.query(&message, transport, context)
        };
        let result = match named {
            Some(true) => MessageResult::Named,
            Some(false) => MessageResult::Nameless,
            None => MessageResult::Malformed,
        };
        self.visibility.message(Protocol::Dns, result);
    }

    /// Whether a query held a name; `None` if its question cannot be read.
    fn query(
        &mut self,
        message: &Message<'_>,
        transport: Transport,
        context: &Context,
    ) -> Option<bool> {
        if is_conversation(context.src, context.dst) {
            self.asked(context.dst.address, context);
            self.may_pass_by(context);
        }
        let subnet = if message.additional_count() > 0 {
            message.client_subnet()
        } else {
            None
        };
        let mut any = false;
        let mut text = std::mem::take(&mut self.text);
        for question in message.questions() {
            let Ok(question) = question else { break };
            if question.name.write_to(&mut text).is_err() {
                continue;
            }
            let asked = (Source::DnsQuery, subnet);
            let Some(claim) = self.observe(&text, asked, transport, context) else {
                continue;
            };
            any = true;
            let Some(signature) = claim.0 else { continue };
            let Some(name) = Name::from_normalised(&text) else {
                continue;
            };
            let observation = Observation {
                ecs: subnet.map(Box::new),
                ..context.observation(Source::DnsQuery, transport, name, None)
            };
            let sighting = Sighting {
                observation,
                signature,
                via: None,
                reach: Reach::Asked,
            };
            let exchange = Exchange {
                client: context.src,
                server: context.dst,
                id: message.id(),
                name: text.as_str().into(),
            };
            let span = self.span.unwrap_or_else(|| tick_of(context.at));
            if let Some(sighting) = self.pending.ask(exchange, context.number, span, sighting) {
                self.visibility.questions_refused += 1;
                self.tell(context.number, context.at, What::Sighting(sighting));
            }
        }
        self.text = text;
        Some(any)
    }

    fn response(
        &mut self,
        message: &Message<'_>,
        transport: Transport,
        context: &Context,
    ) -> Option<bool> {
        if is_conversation(context.src, context.dst) {
            self.resolver(context.src.address, context);
        }
        let mut any = false;
        let mut text = std::mem::take(&mut self.text);
        let mut via: Option<(SignatureId, Name)> = None;
        let whole = message.for_each_answer_name(&mut text, |text| {
            let told = (Source::DnsAnswer, None);
            let Some(claim) = self.observe(text, told, transport, context) else {
                return;
            };
            any = true;
            if let (Some(signature), None) = (claim.0, &via) {
                via = Name::from_normalised(text).map(|it| (signature, it));
            }
        });
        if let Some(Ok(question)) = message.questions().next()
            && question.name.write_to(&mut text).is_ok()
            && let Some(name) = Name::from_normalised(&text)
        {
            if matches!(question.qtype, dns::TYPE_HTTPS | dns::TYPE_SVCB)
                && let Some(configs) = configs(message)
            {
                let offer = Box::new(Offer {
                    client: context.dst.address,
                    name: served(&name),
                    configs,
                });
                self.tell(context.number, context.at, What::Offer(offer));
            }
            let signature = self.catalogue.claim(name.as_str(), Service::Dns);
            match (signature, via) {
                (Some(signature), _) => {
                    self.answered(message, (name, signature, None), transport, context);
                }
                (None, Some((signature, target))) if leads_to(message, &name, &target) => {
                    self.answered(message, (name, signature, Some(target)), transport, context);
                }
                (None, _) => {}
            }
        }
        self.text = text;
        if whole.is_err() && !any {
            None
        } else {
            Some(any)
        }
    }

    /// An answer about a claimed name.
    fn answered(
        &mut self,
        message: &Message<'_>,
        (name, signature, via): (Name, SignatureId, Option<Name>),
        transport: Transport,
        context: &Context,
    ) {
        let reach = reach_of(message);
        let exchange = Exchange {
            client: context.dst,
            server: context.src,
            id: message.id(),
            name: name.as_str().into(),
        };
        let sighting = match self.pending.answer(&exchange, reach) {
            Answered::First(sighting) => Some(sighting),
            Answered::Repeated => None,
            Answered::Unasked => {
                let source = Source::DnsAnswer;
                let observation = context.observation(source, transport, name.clone(), None);
                Some(Sighting {
                    observation,
                    signature,
                    via,
                    reach,
                })
            }
        };
        if let Some(sighting) = sighting {
            self.tell(context.number, context.at, What::Sighting(sighting));
        }
        if reach == Reach::Refused {
            return;
        }
        for address in addresses(message).take(MAX_ADDRESSES) {
            let client = context.dst.address;
            let resolution = Resolution {
                client,
                name: name.clone(),
                signature,
                address,
            };
            self.tell(context.number, context.at, What::Resolution(resolution));
        }
    }

    /// Takes note of a name in DNS and, of a question, of the network it is asked for; gives the signature that claims it, or `None` for the root.
    fn observe(
        &mut self,
        text: &str,
        (source, subnet): (Source, Option<Subnet>),
        transport: Transport,
        context: &Context,
    ) -> Option<Claimed> {
        if text.is_empty() {
            return None;
        }
        if self.report == super::Report::AllNames {
            let name = Name::from_normalised(text)?;
            let observation = Observation {
                ecs: subnet.map(Box::new),
                ..context.observation(source, transport, name, None)
            };
            self.observed(&observation, context.number);
        } else {
            self.visibility.observations[source as usize] += 1;
        }
        Some(Claimed(self.catalogue.claim(text, Service::Dns)))
    }
}

/// Whether a segment begins with the length of a DNS message and its readable beginning.
fn begins_message(payload: &[u8]) -> bool {
    let Some((len, octets)) = payload.split_first_chunk::<2>() else {
        return false;
    };
    let len = usize::from(u16::from_be_bytes(*len));
    let octets = octets.get(..len.min(octets.len())).unwrap_or_default();
    len > octets.len().min(1)
        && dns::message(octets).is_ok_and(|it| {
            it.opcode() <= OPCODE_MAX && it.questions().next().is_none_or(|it| it.is_ok())
        })
}

/// The signature that claims a name, if one does.
struct Claimed(Option<SignatureId>);

fn reach_of(message: &Message<'_>) -> Reach {
    let refused = matches!(message.rcode(), RCODE_NXDOMAIN | RCODE_REFUSED);
    let mut sunk = addresses(message).peekable();
    let sunk = sunk.peek().is_some() && sunk.all(is_sinkhole);
    if refused || sunk {
        Reach::Refused
    } else {
        Reach::Asked
    }
}

/// Whether an address is one that block lists answer with: unspecified or loopback.
fn is_sinkhole(address: Address) -> bool {
    let ip = address.to_ip();
    ip.is_unspecified() || ip.is_loopback()
}

fn addresses<'m>(message: &Message<'m>) -> impl Iterator<Item = Address> + use<'m> {
    message
        .answers()
        .map_while(Result::ok)
        .filter_map(|it| match it.data {
            RecordData::A(octets) => Some(Address::from_v4(octets)),
            RecordData::Aaaa(octets) => Some(Address::from_v6(octets)),
            _ => None,
        })
}

/// The ECH configs that an answer about a service offers, of whatever name its chain leads to; `None`
/// if it does not tell: an error, an answer or a list that is not whole, more configs than anybody has,
/// or an answer that leads to a name which the client is yet to ask about (RFC 9460 section 2.4.2).
fn configs(message: &Message<'_>) -> Option<Vec<Arc<EchConfig>>> {
    if message.rcode() != dns::RCODE_NOERROR || message.is_truncated() {
        return None;
    }
    let mut configs = Vec::new();
    let (mut aliases, mut services) = (0_u32, 0_u32);
    for record in message.answers() {
        match record.ok()?.data {
            RecordData::Https { priority: 0, .. } | RecordData::Svcb { priority: 0, .. } => {
                aliases += 1;
            }
            RecordData::Https { ech, .. } | RecordData::Svcb { ech, .. } => {
                services += 1;
                let offered = ech.map_or(Ok(Vec::new()), tls::ech_configs).ok()?;
                configs.extend(offered.into_iter().map(Arc::new));
            }
            RecordData::Malformed(_) => return None,
            RecordData::A(_) | RecordData::Aaaa(_) | RecordData::Cname(_) | RecordData::Other => {}
        }
    }
    let is_told = configs.len() <= tls::MAX_CONFIGS && (aliases == 0 || services > 0);
    is_told.then_some(configs)
}

/// The name of a service behind the labels of its port and scheme (RFC 9460 sections 2.3 and 9.1).
fn served(name: &Name) -> Name {
    let labels = name.as_str().split_once('.').filter(|it| is_port(it.0));
    let served = labels.and_then(|(_, it)| it.strip_prefix("_https."));
    served
        .and_then(Name::from_normalised)
        .unwrap_or_else(|| name.clone())
}

fn is_port(label: &str) -> bool {
    let digits = label.strip_prefix('_').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit())
}

/// Whether the CNAME records of an answer lead from one name to another.
fn leads_to(message: &Message<'_>, from: &Name, to: &Name) -> bool {
    let mut at = from.clone();
    for record in message.answers().map_while(Result::ok).take(MAX_CHAIN) {
        if let RecordData::Cname(target) = record.data
            && record.owner.to_name().as_ref() == Some(&at)
            && let Some(target) = target.to_name()
        {
            if target == *to {
                return true;
            }
            at = target;
        }
    }
    false
}

/// Response code: the name does not exist (RFC 1035 section 4.1.1).
const RCODE_NXDOMAIN: u8 = 3;

/// Response code: refused by policy (RFC 1035 section 4.1.1).
const RCODE_REFUSED: u8 = 5;

/// Largest assigned operation code: DNS Stateful Operations (RFC 8490).
const OPCODE_MAX: u8 = 6;

/// Addresses of one answer that are remembered.
const MAX_ADDRESSES: usize = 32;

/// Records of one answer that are followed for a chain of CNAMEs.
const MAX_CHAIN: usize = 64;

/// Octets from the start of a connection within which its first segment is expected.
const MAX_STREAM_START: u32 = 1 << 20;

/// Segments behind a gap that a DNS stream waits with.
const MAX_WAITING: usize = 8;
