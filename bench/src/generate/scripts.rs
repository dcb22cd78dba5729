//! What the flows of each kind send, and which names a sensor should read in them.

use std::collections::BTreeMap;

use super::bulk::{Bulk, QuicBulk, RtpBulk, TcpBulk};
use super::dns;
use super::domains::{Domains, Drawn};
use super::flow::{Flow, Step};
use super::frame::{ACK, Direction, Path, RST, SYN};
use super::hosts::{self, Hosts};
use super::http;
use super::quic::{self, InitialHeader, InitialKeys, KeyRefused, Piece};
use super::rng::Rng;
use super::tcp::Connection;
use super::tls;
use super::truth::{Expected, Source, Transport};

/// The kinds of flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FlowKind {
    /// TLS over TCP.
    Tls,
    /// QUIC.
    Quic,
    /// HTTP/1.1 in the clear.
    Http,
    /// A DNS query and its response over UDP.
    Dns,
    /// The same over TCP.
    DnsTcp,
    /// A call.
    Rtp,
    /// A SYN that nobody answers.
    Unanswered,
    /// A SYN that is answered by a reset.
    Refused,
    /// A SYN of a flood, from a random source.
    Flood,
}

/// Writes the flows of a capture.
#[derive(Debug)]
pub(crate) struct Author {
    /// The source of chance, shared with the schedule.
    pub(crate) rng: Rng,
    /// What has been written: flows and what happened in them, by name.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    domains: Domains,
    hosts: Hosts,
    /// Whether connections carry bulk after their handshake.
    has_bulk: bool,
}

impl Author {
    /// An author that has written nothing.
    pub(crate) fn new(seed: u64, has_bulk: bool) -> Self {
        let mut rng = Rng::new(seed);
        Self {
            hosts: Hosts::new(&mut rng),
            rng,
            counts: BTreeMap::new(),
            domains: Domains::new(),
            has_bulk,
        }
    }

    /// Writes a flow.
    ///
    /// # Errors
    ///
    /// [`KeyRefused`], which `ring` gives no cause for.
    pub(crate) fn flow(&mut self, kind: FlowKind) -> Result<Flow, KeyRefused> {
        Ok(match kind {
            FlowKind::Tls => self.tls(),
            FlowKind::Quic => self.quic()?,
            FlowKind::Http => self.http(),
            FlowKind::Dns => self.dns(),
            FlowKind::DnsTcp => self.dns_over_tcp(),
            FlowKind::Rtp => self.rtp(),
            FlowKind::Unanswered => self.unanswered(),
            FlowKind::Refused => self.refused(),
            FlowKind::Flood => self.flood(),
        })
    }

    fn tls(&mut self) -> Flow {
        self.count("tls_flows");
        let name = self.name();
        let port = self.port(443, &[8443, 4433, 993]);
        let path = self.hosts.path(&name, port, &mut self.rng);
        let round_trip = self.round_trip();
        let mut connection = Connection::new(path, &mut self.rng);
        let mut steps = connection.open(round_trip);
        let post_quantum = self.rng.chance(POST_QUANTUM_PER_MILLE);
        let hello = tls::Hello {
            name: &name,
            post_quantum,
            transport_parameters: None,
        };
        let hello = tls::record(tls::HANDSHAKE, &tls::client_hello(&hello, &mut self.rng));
        self.opening_message(&mut connection, &hello, (Source::TlsSni, &name), &mut steps);

        let mut answer = tls::record(
            tls::HANDSHAKE,
            &tls::server_hello(post_quantum, false, &mut self.rng),
        );
        answer.extend_from_slice(&tls::CHANGE_CIPHER_SPEC);
        let certificate = self.rng.between(1_200, 2_600) as usize;
        answer.extend_from_slice(&tls::protected(certificate, &mut self.rng));
        exchange(
            &mut connection,
            Direction::Down,
            &answer,
            round_trip,
            &mut steps,
        );
        let mut request = tls::CHANGE_CIPHER_SPEC.to_vec();
        request.extend_from_slice(&tls::protected(53, &mut self.rng));
        let len = self.rng.between(120, 500) as usize;
        request.extend_from_slice(&tls::protected(len, &mut self.rng));
        exchange(
            &mut connection,
            Direction::Up,
            &request,
            round_trip / 8,
            &mut steps,
        );
        let len = self.bulk_len();
        self.ending(connection, (len, true), steps)
    }

    fn http(&mut self) -> Flow {
        self.count("http_requests");
        let name = self.name();
        let port = self.port(80, &[8080, 8000]);
        let path = self.hosts.path(&name, port, &mut self.rng);
        let round_trip = self.round_trip();
        let mut connection = Connection::new(path, &mut self.rng);
        let mut steps = connection.open(round_trip);
        let request = http::request(&name, port, &mut self.rng);
        let expected = (Source::HttpHost, &*name);
        self.opening_message(&mut connection, &request, expected, &mut steps);
        let len = self.bulk_len();
        let answer = http::response(len);
        exchange(
            &mut connection,
            Direction::Down,
            &answer,
            round_trip,
            &mut steps,
        );
        self.ending(connection, (len, false), steps)
    }

    /// The client's first message: the one that names the server. It may arrive in pieces, out of
    /// order, or twice.
    fn opening_message(
        &mut self,
        connection: &mut Connection,
        message: &[u8],
        (source, name): (Source, &str),
        steps: &mut Vec<Step>,
    ) {
        let mut cuts = Vec::new();
        if self.rng.chance(30) {
            self.count("tcp_odd_cuts");
            cuts.push(self.rng.between(1, message.len() as u64) as usize);
        }
        let mut frames = connection.message(Direction::Up, message, &cuts);
        let expected = Expected::new(
            source,
            Transport::Tcp,
            (&connection.path, Direction::Up),
            name,
        );
        if frames.len() > 1 {
            self.count("tcp_split_messages");
            if self.rng.chance(30) {
                self.count("tcp_reordered_messages");
                frames.reverse();
            }
        }
        let repeated = self.rng.chance(20).then(|| frames[0].clone());
        let last = frames.len() - 1;
        for (index, frame) in frames.into_iter().enumerate() {
            let mut step = Step::new(if index == 0 { 100_000 } else { 15_000 }, frame);
            if index == last {
                step.expected.push(expected.clone());
            }
            steps.push(step);
        }
        if let Some(mut frame) = repeated {
            self.count("tcp_repeated_segments");
            bump_ip_id(&mut frame);
            steps.push(Step::new(200_000, frame));
        }
        let ack = connection.segment(Direction::Down, ACK, &[]);
        steps.push(Step::new(self.rng.between(1_000_000, 20_000_000), ack));
    }

    /// Goes on with `len` octets of bulk, in TLS records or not, or closes at once if there are none.
    fn ending(
        &mut self,
        mut connection: Connection,
        (len, in_records): (u64, bool),
        mut steps: Vec<Step>,
    ) -> Flow {
        if len > 0 {
            let duration = self.duration();
            let bulk = TcpBulk::new(connection, in_records, len, duration, &mut self.rng);
            Flow::new(steps, Some(Bulk::Tcp(Box::new(bulk))))
        } else {
            let round_trip = self.round_trip();
            steps.extend(connection.close(round_trip, &mut self.rng));
            Flow::new(steps, None)
        }
    }

    fn quic(&mut self) -> Result<Flow, KeyRefused> {
        self.count("quic_connections");
        let name = self.name();
        let port = self.port(443, &[4433, 8443]);
        let path = self.hosts.path(&name, port, &mut self.rng);
        let version = if self.rng.chance(30) {
            self.count("quic_version_2");
            quic::Version::V2
        } else {
            quic::Version::V1
        };
        let ids = quic::Ids::draw(&mut self.rng);
        let keys = InitialKeys::client(version, &ids.original)?;
        let post_quantum = self.rng.chance(POST_QUANTUM_PER_MILLE);
        let parameters = ids.transport_parameters();
        let hello = tls::Hello {
            name: &name,
            post_quantum,
            transport_parameters: Some(&parameters),
        };
        let hello = tls::client_hello(&hello, &mut self.rng);
        let round_trip = self.round_trip();

        let mut datagrams = Vec::new();
        for (number, frames) in self.crypto_packets(&hello).iter().enumerate() {
            let header = InitialHeader {
                version,
                dst: &ids.original,
                src: &ids.client,
                number: number as u16,
            };
            datagrams.push(keys.seal(&header, frames, quic::DATAGRAM)?);
        }
        if datagrams.len() > 1 {
            self.count("quic_split");
            if self.rng.chance(125) {
                self.count("quic_swapped");
                datagrams.reverse();
            }
        }
        let up = (&path, Direction::Up);
        let mut steps: Vec<Step> = datagrams
            .iter()
            .map(|it| self.datagram(up, 30_000, it))
            .collect();
        if let Some(last) = steps.last_mut() {
            last.expected
                .push(Expected::new(Source::QuicSni, Transport::Udp, up, &name));
        }

        let answer = InitialHeader {
            version,
            dst: &ids.client,
            src: &ids.server,
            number: 0,
        };
        let mut frames = quic::ACK_OF_FIRST.to_vec();
        let message = tls::server_hello(post_quantum, true, &mut self.rng);
        let piece = Piece {
            offset: 0,
            octets: &message,
        };
        quic::crypto(piece, &mut frames);
        let keys = InitialKeys::server(version, &ids.original)?;
        let initial = keys.seal(&answer, &frames, quic::DATAGRAM)?;
        let down = (&path, Direction::Down);
        steps.push(self.datagram(down, round_trip, &initial));
        let to_client = (&ids.client[..], &ids.server[..]);
        let certificate = quic::handshake(version, to_client, quic::DATAGRAM, &mut self.rng);
        steps.push(self.datagram(down, 20_000, &certificate));
        let to_server = (&ids.server[..], &ids.client[..]);
        let finished = quic::handshake(version, to_server, 110, &mut self.rng);
        steps.push(self.datagram(up, round_trip / 8, &finished));

        let bulk = self.has_bulk.then(|| {
            let left = self.bulk_len();
            let packets = left / quic::DATAGRAM as u64 * 3 / 2 + 1;
            let gap = self.duration() / packets;
            Bulk::Quic(QuicBulk {
                path,
                ids,
                left,
                gap,
                sent: self.rng.word(),
            })
        });
        Ok(Flow::new(steps, bulk))
    }

    /// The frames of the Initials that carry a hello: one packet, or two when it is too long, and
    /// then half of the time in shuffled pieces between PINGs and padding.
    fn crypto_packets(&mut self, hello: &[u8]) -> Vec<Vec<u8>> {
        let whole = Piece {
            offset: 0,
            octets: hello,
        };
        let is_split = hello.len() + quic::CRYPTO_OVERHEAD > quic::INITIAL_ROOM;
        let mut pieces = vec![whole];
        let scrambled = self.rng.chance(if is_split { 500 } else { 100 });
        if scrambled {
            self.count("quic_scrambled");
            for _ in 0..self.rng.between(3, 9) {
                let piece = pieces.swap_remove(self.rng.index(pieces.len()));
                let at = self.rng.index(piece.octets.len());
                let (front, back) = cut(piece, at);
                pieces.extend([front, back].into_iter().filter(|it| !it.octets.is_empty()));
            }
            self.rng.shuffle(&mut pieces);
        }
        let mut packets = vec![Vec::new()];
        let mut pieces = pieces.into_iter();
        let mut next = pieces.next();
        while let Some(piece) = next {
            let Some(frames) = packets.last_mut() else {
                break;
            };
            let room = quic::INITIAL_ROOM.saturating_sub(frames.len() + quic::CRYPTO_OVERHEAD);
            if room == 0 {
                packets.push(Vec::new());
                continue;
            }
            let (front, back) = cut(piece, room);
            quic::crypto(front, frames);
            if scrambled && frames.len() + 40 < quic::INITIAL_ROOM {
                let padding = self.rng.index(8);
                frames.push(quic::PING);
                frames.extend_from_slice(&[0; 8][..padding]);
            }
            next = if back.octets.is_empty() {
                pieces.next()
            } else {
                Some(back)
            };
        }
        packets
    }

    fn dns(&mut self) -> Flow {
        let port = self.port(53, &[5300, 5400]);
        let path = self.hosts.path_to_resolver(port, &mut self.rng);
        let exchange = self.dns_exchange(&path, Transport::Udp);
        let mut query = self.datagram((&path, Direction::Up), 0, &exchange.query);
        query.expected = exchange.asked;
        let gap = self.rng.between(300_000, 30_000_000);
        let mut response = self.datagram((&path, Direction::Down), gap, &exchange.response);
        response.expected = exchange.answered;
        Flow::new(vec![query, response], None)
    }

    fn dns_over_tcp(&mut self) -> Flow {
        self.count("dns_over_tcp");
        let path = self.hosts.path_to_resolver(53, &mut self.rng);
        let exchange = self.dns_exchange(&path, Transport::Tcp);
        let round_trip = self.round_trip();
        let mut connection = Connection::new(path, &mut self.rng);
        let mut steps = connection.open(round_trip);
        for (direction, message, expected) in [
            (Direction::Up, exchange.query, exchange.asked),
            (Direction::Down, exchange.response, exchange.answered),
        ] {
            let frame = connection.segment(direction, ACK, &dns::framed(&message));
            let mut step = Step::new(round_trip, frame);
            step.expected = expected;
            steps.push(step);
        }
        steps.extend(connection.close(round_trip, &mut self.rng));
        Flow::new(steps, None)
    }

    fn dns_exchange(&mut self, path: &Path, transport: Transport) -> DnsExchange {
        self.count("dns_pairs");
        let name = self.name();
        let kind = match self.rng.below(100) {
            0..15 => dns::TYPE_HTTPS,
            15..40 => dns::TYPE_AAAA,
            _ => dns::TYPE_A,
        };
        let question = dns::Question {
            id: self.rng.word(),
            name: &name,
            kind,
            edns: self.rng.chance(600),
        };
        let mut aliases: Vec<String> = Vec::new();
        if self.rng.chance(300) {
            for _ in 0..=self.rng.below(10) / 9 {
                self.count("dns_aliases");
                let (edge, cluster) = (self.rng.below(900), self.rng.below(60));
                aliases.push(format!("e{edge}.c{cluster}.cdn.example.net"));
            }
        }
        let targets: Vec<&str> = aliases.iter().map(String::as_str).collect();
        let answer = match self.rng.below(100) {
            0..4 => dns::Answer::NoName,
            4..8 => dns::Answer::NoData,
            _ => dns::Answer::Found {
                aliases: &targets,
                address: hosts::server(&name, kind == dns::TYPE_AAAA),
            },
        };
        let expected = |source, direction, name: &str| {
            Expected::new(source, transport, (path, direction), name)
        };
        let answered = match answer {
            dns::Answer::Found { aliases, .. } => [&*name]
                .iter()
                .chain(aliases)
                .map(|it| expected(Source::DnsAnswer, Direction::Down, it))
                .collect(),
            dns::Answer::NoData | dns::Answer::NoName => Vec::new(),
        };
        DnsExchange {
            query: dns::query(&question),
            asked: vec![expected(Source::DnsQuery, Direction::Up, &name)],
            response: dns::response(&question, &answer),
            answered,
        }
    }

    fn rtp(&mut self) -> Flow {
        self.count("rtp_calls");
        let name = self.name();
        let port = 16_384 + 2 * self.rng.below(8_000) as u16;
        let path = self.hosts.path(&name, port, &mut self.rng);
        let left = self.rng.between(100, 500);
        Flow::new(
            Vec::new(),
            Some(Bulk::Rtp(RtpBulk {
                path,
                left,
                gap: self.rng.between(5_000_000, 15_000_000),
                source: self.rng.bits() as u32,
                sent: 0,
            })),
        )
    }

    fn unanswered(&mut self) -> Flow {
        self.count("tcp_unanswered");
        let name = self.name();
        let path = self.hosts.path(&name, 443, &mut self.rng);
        let mut connection = Connection::new(path, &mut self.rng);
        let seq = connection.advance(Direction::Up, 1);
        let steps = [0, 1_000_000_000, 2_000_000_000].map(|gap| {
            let mut frame = Vec::new();
            connection.write(Direction::Up, seq, SYN, &[], &mut frame);
            Step::new(gap, frame)
        });
        Flow::new(steps.into(), None)
    }

    fn refused(&mut self) -> Flow {
        self.count("tcp_refused");
        let name = self.name();
        let path = self.hosts.path(&name, 443, &mut self.rng);
        let round_trip = self.round_trip();
        let mut connection = Connection::new(path, &mut self.rng);
        let syn = connection.segment(Direction::Up, SYN, &[]);
        let reset = connection.segment(Direction::Down, RST | ACK, &[]);
        Flow::new(vec![Step::new(0, syn), Step::new(round_trip, reset)], None)
    }

    fn flood(&mut self) -> Flow {
        self.count("tcp_flood");
        let mut connection = Connection::new(hosts::random_source(&mut self.rng), &mut self.rng);
        let syn = connection.segment(Direction::Up, SYN, &[]);
        Flow::new(vec![Step::new(0, syn)], None)
    }

    fn name(&mut self) -> String {
        let Drawn { name, flagged } = self.domains.pick(&mut self.rng);
        let name = name.to_owned();
        if flagged {
            self.count("flagged_flows");
        }
        name
    }

    /// The port of a service: one flow in twenty is on an odd one.
    fn port(&mut self, usual: u16, odd: &[u16]) -> u16 {
        if self.rng.chance(50) {
            self.count("odd_ports");
            *self.rng.pick(odd)
        } else {
            usual
        }
    }

    fn datagram(
        &mut self,
        (path, direction): (&Path, Direction),
        gap: u64,
        payload: &[u8],
    ) -> Step {
        let mut frame = Vec::new();
        path.udp(direction, self.rng.word(), payload, &mut frame);
        Step::new(gap, frame)
    }

    /// Octets of bulk that a connection carries; zero in floods.
    fn bulk_len(&mut self) -> u64 {
        if self.has_bulk {
            self.rng.heavy_tail(LEAST_BULK)
        } else {
            0
        }
    }

    fn round_trip(&mut self) -> u64 {
        self.rng.between(5_000_000, 60_000_000)
    }

    /// How long a flow takes for its bulk: with the arrivals of the mixed capture this keeps about
    /// 4,000 flows open.
    fn duration(&mut self) -> u64 {
        self.rng.between(300_000_000, 4_000_000_000)
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

/// A query, its response, and the names in them.
struct DnsExchange {
    query: Vec<u8>,
    asked: Vec<Expected>,
    response: Vec<u8>,
    answered: Vec<Expected>,
}

/// Sends a message, and an acknowledgment of it.
fn exchange(
    connection: &mut Connection,
    direction: Direction,
    message: &[u8],
    gap: u64,
    steps: &mut Vec<Step>,
) {
    for (index, frame) in connection
        .message(direction, message, &[])
        .into_iter()
        .enumerate()
    {
        steps.push(Step::new(if index == 0 { gap } else { 15_000 }, frame));
    }
    let ack = connection.segment(direction.reversed(), ACK, &[]);
    steps.push(Step::new(100_000, ack));
}

fn cut(piece: Piece<'_>, at: usize) -> (Piece<'_>, Piece<'_>) {
    let at = at.min(piece.octets.len());
    let (front, back) = piece.octets.split_at(at);
    (
        Piece {
            offset: piece.offset,
            octets: front,
        },
        Piece {
            offset: piece.offset + at,
            octets: back,
        },
    )
}

/// Gives a repeated segment an IPv4 id of its own, as a host that sends it again does; a mirror
/// port's duplicate would be the same octets.
fn bump_ip_id(frame: &mut [u8]) {
    let ip = if frame[12..14] == [0x81, 0] { 18 } else { 14 };
    if frame[ip] != 0x45 {
        return;
    }
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let id = word(ip + 4).wrapping_add(0x1000);
    frame[ip + 4..ip + 6].copy_from_slice(&id.to_be_bytes());
    frame[ip + 10..ip + 12].fill(0);
    let checksum = !super::frame::fold(super::frame::sum(&frame[ip..ip + 20]));
    frame[ip + 10..ip + 12].copy_from_slice(&checksum.to_be_bytes());
}

/// Share of hellos with a post-quantum key share.
const POST_QUANTUM_PER_MILLE: u64 = 600;

/// Least bulk of a connection in octets; see [`Rng::heavy_tail`] for the mean.
const LEAST_BULK: u64 = 4_650;

#[cfg(test)]
mod tests {
    use super::*;

    /// The CRYPTO stream that frames of PADDING, PING and CRYPTO make.
    fn stream(packets: &[Vec<u8>], len: usize) -> Vec<u8> {
        let mut stream = vec![None; len];
        for mut rest in packets.iter().map(Vec::as_slice) {
            while let Some((kind, after)) = rest.split_first() {
                rest = after;
                if *kind == 0x06 {
                    let offset = varint(&mut rest);
                    let count = varint(&mut rest);
                    for (index, octet) in rest[..count].iter().enumerate() {
                        assert_eq!(stream[offset + index].replace(*octet), None, "sent twice");
                    }
                    rest = &rest[count..];
                } else {
                    assert!(matches!(kind, 0x00 | 0x01), "frame {kind}");
                }
            }
        }
        stream.into_iter().map(Option::unwrap).collect()
    }

    fn varint(rest: &mut &[u8]) -> usize {
        let (value, len) = match rest[0] >> 6 {
            0 => (usize::from(rest[0]), 1),
            1 => (
                usize::from(u16::from_be_bytes([rest[0] & 0x3f, rest[1]])),
                2,
            ),
            _ => panic!("a long integer"),
        };
        *rest = &rest[len..];
        value
    }

    #[test]
    fn the_pieces_of_a_quic_hello_make_it_whole() {
        let mut author = Author::new(1, false);
        for len in [1, 300, 1200, 1206, 1700, 2000] {
            for _ in 0..50 {
                let mut hello = vec![0; len];
                author.rng.fill(&mut hello);
                let packets = author.crypto_packets(&hello);
                assert_eq!(stream(&packets, len), hello);
                assert!(packets.iter().all(|it| it.len() <= quic::INITIAL_ROOM));
            }
        }
        assert!(author.counts["quic_scrambled"] > 0);
    }

    #[test]
    fn a_repeated_segment_differs_in_its_id_alone() {
        let mut author = Author::new(1, false);
        let path = author.hosts.path_to_resolver(53, &mut author.rng);
        let mut connection = Connection::new(path, &mut author.rng);
        let frame = connection.segment(Direction::Up, ACK, b"x");
        let mut again = frame.clone();
        bump_ip_id(&mut again);
        let ip = if frame[12..14] == [0x81, 0] { 18 } else { 14 };
        let is_v4 = frame[ip] == 0x45;
        assert_eq!(frame != again, is_v4);
        assert_eq!(frame[ip + 12..], again[ip + 12..]);
        if is_v4 {
            assert_eq!(
                super::super::frame::fold(super::super::frame::sum(&again[ip..ip + 20])),
                0xffff
            );
        }
    }

    #[test]
    fn a_negative_answer_names_nothing() {
        let mut author = Author::new(2, false);
        let path = author.hosts.path_to_resolver(53, &mut author.rng);
        for _ in 0..200 {
            let exchange = author.dns_exchange(&path, Transport::Udp);
            let answers = u16::from_be_bytes([exchange.response[6], exchange.response[7]]);
            assert_eq!(usize::from(answers), exchange.answered.len());
            assert_eq!(exchange.asked.len(), 1);
        }
    }
}
