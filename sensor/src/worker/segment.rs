//! TCP: connections, and the messages at the beginning of their directions.
//!
//! A message with a name begins at the beginning of a segment: at the start of the stream, or
//! behind a greeting, a proxy's answer, STARTTLS. So a segment that begins like one starts a new
//! stream at any time, and one that comes out of order waits for the start.

use super::{Context, Worker, is_conversation, short};
use crate::batch::Record;
use crate::decode::{Packet, TcpFlags, TcpHeader};
use crate::flow::shortfall::Word;
use crate::flow::stream::{Inserted, Stream};
use crate::flow::table::Class;
use crate::flow::{Flow, Side};
use crate::identity::client::{self, Server};
use crate::names::http::{self, Request};
use crate::names::proxy;
use crate::names::tls::{self, ClientHello};
use crate::names::{Malformed, Name, Parse, Parsed, Source, Transport};
use crate::time::Timestamp;
use crate::triage::may_begin_stream;
use crate::visibility::{MessageResult, Protocol, Unnamed};

use super::clients::Heard;
use super::desk::{Desk, Octets, Said};

/// A whole message that may hold a name.
#[derive(Debug)]
pub(super) enum Message {
    Hello(ClientHello),
    Request(Request),
    /// Names of a server's certificate.
    Certificate(Vec<Name>),
}

impl Worker {
    /// Works on a TCP packet; gives the place of its flow, if it has one.
    pub(super) fn segment(
        &mut self,
        record: &Record,
        packet: &Packet<'_>,
        tcp: TcpHeader,
        context: &Context,
    ) -> Option<u32> {
        let opens = tcp.flags.any(TcpFlags::SYN) && !tcp.flags.any(TcpFlags::ACK);
        let side = record.side;
        let known = match self.flows.find(&record.key, record.hash) {
            Some(place) => {
                // It was seen before this packet, and may tell whether the flow has begun.
                self.add_skipped(place, &record.pass.skipped);
                if opens && self.flows.flow(place).is_another(side, tcp.seq) {
                    let old = self.take_out(place);
                    self.desk.end(old, context.number, context.at);
                    None
                } else {
                    Some(place)
                }
            }
            // What triage counted before it is of no flow.
            None if tcp.flags.any(TcpFlags::SYN) || packet.payload_len > 0 => None,
            None => return None,
        };
        if !is_conversation(context.src, context.dst) {
            return None;
        }
        let place = known.unwrap_or_else(|| self.place_of(record, Class::Opening));
        let is_first_of_span = self.flows.tick(place) != short(self.tick);
        let flow = self.flows.flow_mut(place);
        let before = flow.judged_octets();
        flow.count(side, packet.payload_len);
        note_flags(flow, side, tcp, opens);
        let visibility = &mut self.desk.visibility;
        visibility.judged_octets += flow.judged_octets().saturating_sub(before);
        // Triage passes these whatever it has heard.
        if is_first_of_span || tcp.flags.any(TcpFlags::FIN | TcpFlags::RST) {
            visibility.missing_octets += weigh(flow, side, tcp, packet.payload_len);
        }
        if packet.payload_len > 0 {
            let seq = tcp
                .seq
                .wrapping_add(u32::from(tcp.flags.any(TcpFlags::SYN)));
            let header_len = proxy::header_len(packet.payload);
            // In the midst of a stream it is a part of that.
            let is_header = header_len > 0 && flow.start(side).is_none_or(|it| it == seq);
            let header_len = if is_header { header_len } else { 0 };
            let (header, payload) = packet.payload.split_at(header_len);
            let data = Data {
                side,
                seq: seq.wrapping_add(u32::try_from(header.len()).unwrap_or_default()),
                payload,
                cut: packet.payload.len() < packet.payload_len as usize,
            };
            if flow.is_dns() {
                self.desk.dns_segment(flow, &data, context);
            } else if header.is_empty() || !payload.is_empty() {
                self.desk.data(flow, &data, context);
            }
            if flow.client.is_some_and(|it| it != side) {
                self.desk.release(flow, context.number, context.at);
                self.desk.tell_hidden(flow, context.number, context.at);
            }
        }
        let class = match flow {
            _ if flow.is_over() => Class::Closing,
            _ if flow.seen.syn_ack || flow.seen.packets.iter().all(|it| *it > 0) => Class::Open,
            _ if flow.octets != [0; 2] => Class::OneSided,
            _ => Class::Opening,
        };
        self.flows.touch(place, class, short(self.tick));
        Some(place)
    }
}

/// Payload of a segment.
pub(super) struct Data<'a> {
    pub(super) side: Side,
    pub(super) seq: u32,
    pub(super) payload: &'a [u8],
    /// Whether the frame was cut short within the payload.
    pub(super) cut: bool,
}

impl Desk {
    /// Looks for a message with a name in a segment's payload and what is held of its direction.
    ///
    /// Afterwards the direction either waits for more, or is decided; the flow is settled when no
    /// direction waits.
    fn data(&mut self, flow: &mut Flow, data: &Data<'_>, context: &Context) {
        let side = data.side.index();
        let begins = may_begin_stream(data.payload);
        let waits = flow.waits(data.side);
        if begins || waits || !(flow.settled || flow.decided[side]) {
            self.look(flow, data, begins, context);
            flow.decided[side] = !flow.waits(data.side);
            flow.settled = !flow.waits(Side::Low) && !flow.waits(Side::High);
        }
    }

    fn look(&mut self, flow: &mut Flow, data: &Data<'_>, begins: bool, context: &Context) {
        if !begins
            && let Some(server) = Server::of_port(context.dst.port)
            && self.client_says(flow, server, data, context) == Heard::Spoken
        {
            return;
        }
        if let Some(mut stream) = flow.take_stream(data.side) {
            if begins && stream.base().is_none() {
                stream.start_at(data.seq);
            }
            let inserted = stream.insert(data.seq, data.payload);
            match whole_message(stream.prefix()) {
                Ok(Parse::Done(message)) => {
                    let message = (message, stream.prefix());
                    return self.message(flow, data.side, message, context);
                }
                Ok(Parse::Incomplete) if inserted == Inserted::Full => {
                    self.gave_up(flow, stream.prefix());
                }
                Ok(Parse::Incomplete) if !begins || stream.base() == Some(data.seq) => {
                    if data.cut {
                        return self.cut_short(flow, data.side, stream.prefix(), context);
                    }
                    if stream.base().is_none() && stream.pieces() > MAX_STRAYS {
                        return flow.blame(Unnamed::NotTls);
                    }
                    return flow.keep_stream(data.side, stream);
                }
                Ok(Parse::Incomplete) => match whole_message(data.payload) {
                    Ok(Parse::Done(message)) => {
                        let message = (message, data.payload);
                        return self.message(flow, data.side, message, context);
                    }
                    _ => return flow.keep_stream(data.side, stream),
                },
                Err(_) if begins => {}
                Err(_) => {
                    self.visibility
                        .message(protocol_of(stream.prefix()), MessageResult::Malformed);
                    return flow.blame(Unnamed::NotTls);
                }
            }
        }
        if begins {
            self.begin(flow, data, context);
        } else {
            wait_for_start(flow, data);
        }
    }

    /// A segment that begins like a message.
    fn begin(&mut self, flow: &mut Flow, data: &Data<'_>, context: &Context) {
        match whole_message(data.payload) {
            Ok(Parse::Done(message)) => {
                self.message(flow, data.side, (message, data.payload), context);
            }
            Ok(Parse::Incomplete) if data.cut => {
                self.cut_short(flow, data.side, data.payload, context);
            }
            Ok(Parse::Incomplete) => {
                let mut stream = Stream::new(Some(data.seq));
                stream.insert(data.seq, data.payload);
                flow.keep_stream(data.side, Box::new(stream));
            }
            Err(_) => {
                self.visibility
                    .message(protocol_of(data.payload), MessageResult::Malformed);
                flow.blame(Unnamed::NotTls);
            }
        }
    }

    /// Takes note of a message; `prefix` begins with it.
    fn message(
        &mut self,
        flow: &mut Flow,
        side: Side,
        (message, prefix): (Message, &[u8]),
        context: &Context,
    ) {
        let client = match &message {
            Message::Hello(_) | Message::Request(_) => side,
            Message::Certificate(_) => side.other(),
        };
        flow.client = flow.client.or(Some(client));
        match message {
            Message::Certificate(names) => self.certificate(flow, names, context),
            Message::Hello(hello) => self.hello(flow, (hello, Octets::Records(prefix)), context),
            Message::Request(request) => self.request(flow, request, context),
        }
    }

    /// Names of a certificate: what the client asked for, if it has said so, counts before them.
    fn certificate(&mut self, flow: &mut Flow, names: Vec<Name>, context: &Context) {
        if std::mem::replace(&mut flow.details_mut().certified, true) {
            return;
        }
        let is_named = flow.named.is_ok();
        for (number, name) in names.into_iter().enumerate() {
            if number == 0 && !is_named {
                self.name_flow(flow, (Source::TlsCert, name), Said::default(), context);
            } else {
                let observation = context.observation(Source::TlsCert, Transport::Tcp, name, None);
                self.observed(&observation, context.number);
            }
        }
    }

    fn request(&mut self, flow: &mut Flow, request: Request, context: &Context) {
        if request.connect.is_some() || request.absolute.is_some() {
            self.proxy(context.dst.address, context);
        }
        let named = request.connect.is_some() || request.host.is_some();
        let named = named || request.absolute.is_some();
        let result = if named {
            MessageResult::Named
        } else {
            MessageResult::Nameless
        };
        self.visibility.message(Protocol::Http, result);
        if let Some(name) = request.connect {
            let named = (Source::HttpConnect, name);
            return self.name_flow(flow, named, Said::default(), context);
        }
        let absolute = request
            .absolute
            .filter(|it| request.host.as_ref() != Some(it));
        for name in request.host.into_iter().chain(absolute) {
            self.name_flow(flow, (Source::HttpHost, name), Said::default(), context);
        }
    }

    /// The frame that held the rest of a message was cut short: takes what can be read.
    fn cut_short(&mut self, flow: &mut Flow, side: Side, prefix: &[u8], context: &Context) {
        flow.blame(Unnamed::Truncated);
        if let Some(request) = http::host_of_partial(prefix) {
            self.message(flow, side, (Message::Request(request), prefix), context);
        } else {
            self.visibility
                .message(protocol_of(prefix), MessageResult::GaveUp);
        }
    }

    fn gave_up(&mut self, flow: &mut Flow, prefix: &[u8]) {
        self.visibility
            .message(protocol_of(prefix), MessageResult::GaveUp);
        flow.blame(Unnamed::Dropped);
    }

    /// Gives up a flow's messages in the making, for want of room.
    pub(super) fn give_up(&mut self, flow: &mut Flow, number: u64, at: Timestamp) {
        self.last_words(flow, number, at);
        flow.drop_messages();
        flow.decided = [true; 2];
        flow.settled = true;
    }

    /// Takes what can be read of messages that never became whole.
    pub(super) fn last_words(&mut self, flow: &mut Flow, number: u64, at: Timestamp) {
        for side in [Side::Low, Side::High] {
            let Some(stream) = flow.take_stream(side) else {
                continue;
            };
            if flow.is_dns() || stream.prefix().is_empty() {
                if !flow.is_dns() {
                    flow.blame(Unnamed::Dropped);
                }
                continue;
            }
            let (src, dst) = (flow.key.end(side), flow.key.end(side.other()));
            if Server::of_port(dst.port).is_some_and(|it| client::may_begin(it, stream.prefix())) {
                continue;
            }
            let context = Context {
                number,
                at,
                vlan: None,
                src,
                dst,
            };
            match http::host_of_partial(stream.prefix()) {
                Some(request) => {
                    let message = (Message::Request(request), stream.prefix());
                    self.message(flow, side, message, &context);
                }
                None => self.gave_up(flow, stream.prefix()),
            }
        }
        if flow
            .details()
            .is_some_and(|it| it.initials.held_octets() > 0)
        {
            self.visibility
                .message(Protocol::Quic, MessageResult::GaveUp);
            flow.blame(Unnamed::Dropped);
        }
    }
}

/// Holds what a segment says against what was seen; gives the octets that are found missing.
fn weigh(flow: &mut Flow, side: Side, tcp: TcpHeader, payload_len: u32) -> u64 {
    if tcp.flags.any(TcpFlags::SYN) {
        return 0;
    }
    flow.weigh(Word {
        side,
        next: tcp.seq.wrapping_add(payload_len),
        expects: tcp.flags.any(TcpFlags::ACK).then_some(tcp.ack),
        closes: tcp.flags.any(TcpFlags::FIN | TcpFlags::RST),
    })
}

fn note_flags(flow: &mut Flow, side: Side, tcp: TcpHeader, opens: bool) {
    if tcp.flags.any(TcpFlags::SYN) {
        let start = tcp.seq.wrapping_add(1);
        if flow.start(side).is_some_and(|it| it != start) {
            // The answer to a SYN that was not seen, between the same end points.
            flow.forget_start(side.other());
        }
        flow.set_start(side, start);
        flow.client = Some(if opens { side } else { side.other() });
        flow.seen.syn |= opens;
        flow.seen.syn_ack |= !opens;
    }
    flow.seen.fin[side.index()] |= tcp.flags.any(TcpFlags::FIN);
    flow.seen.rst |= tcp.flags.any(TcpFlags::RST);
}

/// Keeps a segment that came before the start of its stream, unless the stream starts with nothing
/// that holds a name.
fn wait_for_start(flow: &mut Flow, data: &Data<'_>) {
    let start = flow.start(data.side);
    if start == Some(data.seq) {
        return flow.blame(Unnamed::NotTls);
    }
    if start.is_some_and(|it| data.seq.wrapping_sub(it).cast_signed() < 0) {
        return;
    }
    let mut stream = Stream::new(start);
    stream.insert(data.seq, data.payload);
    flow.keep_stream(data.side, Box::new(stream));
}

/// Reads the message that a stream begins with.
fn whole_message(prefix: &[u8]) -> Parsed<Message> {
    if prefix.is_empty() {
        Ok(Parse::Incomplete)
    } else if tls::may_begin_client_hello(prefix) {
        tls::client_hello(prefix).map(|it| map(it, Message::Hello))
    } else if http::may_begin_request(prefix) {
        http::request(prefix).map(|it| map(it, Message::Request))
    } else if tls::may_begin_server_hello(prefix) {
        tls::server_names(prefix).map(|it| map(it, Message::Certificate))
    } else {
        Err(Malformed::at("first octet"))
    }
}

fn map<T, U>(parse: Parse<T>, wrap: impl FnOnce(T) -> U) -> Parse<U> {
    match parse {
        Parse::Done(value) => Parse::Done(wrap(value)),
        Parse::Incomplete => Parse::Incomplete,
    }
}

fn protocol_of(prefix: &[u8]) -> Protocol {
    if tls::may_begin_client_hello(prefix) || tls::may_begin_server_hello(prefix) {
        Protocol::Tls
    } else {
        Protocol::Http
    }
}

/// Segments of a stream with unknown start that wait for one that begins like a message.
const MAX_STRAYS: usize = 4;
