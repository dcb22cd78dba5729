//! What the flows of each kind send, and which names a sensor should read in them.

use std::collections::BTreeMap;

use super::bulk::{Bulk, RtpBulk, TcpBulk};
use super::domains::{Domains, Drawn};
use super::flow::{Flow, Step};
use super::frame::{ACK, Direction, Path, RST, SYN};
use super::hosts::Hosts;
use super::http;
use super::quic::KeyRefused;
use super::rng::Rng;
use super::tcp::Connection;
use super::tls;
use super::truth::{Expected, Source, Transport};

mod dns;
mod flood;
mod quic;

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
    /// A host asks for a flagged name and goes there, by TLS, QUIC or HTTP.
    Visit,
    /// A connection that nobody answers, with the first half of a TLS hello.
    HalfHello,
    /// The second Initial of two, whose first never comes.
    HalfInitial,
    /// A question for a name that nobody asked for before, and the answer that there is none.
    RandomName,
    /// A question for a flagged name, or a SYN to a flagged vendor, in the name of any address of
    /// the network.
    MadeUpHost,
    /// The first fragment of a datagram.
    Fragment,
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
    /// The name that all flows are to ask for, where it is not any.
    only_name: Option<&'static str>,
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
            only_name: None,
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
            FlowKind::Visit => self.visit()?,
            FlowKind::HalfHello => self.half_hello(),
            FlowKind::HalfInitial => self.half_initial()?,
            FlowKind::RandomName => self.random_name(),
            FlowKind::MadeUpHost => self.made_up_host(),
            FlowKind::Fragment => self.fragment(),
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

    fn name(&mut self) -> String {
        if let Some(name) = self.only_name {
            return name.to_owned();
        }
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
}
