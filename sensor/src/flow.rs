//! Flows: both directions between two end points, and the first octets of each.

use crate::detection::Reach;
use crate::names::dns::DNS_PORT;
use crate::names::quic::Initials;
use crate::names::{Endpoint, Name, Observation, Source, Transport};
use crate::time::Timestamp;
use crate::visibility::Unnamed;
use phonehome_signatures::SignatureId;

pub mod key;
pub mod stream;
pub mod table;

pub use key::{FlowKey, Side};
use stream::Stream;

/// What is kept of a flow.
#[derive(Debug)]
pub struct Flow {
    /// The two end points.
    pub key: FlowKey,
    /// Number of the frame that opened it; no two flows share one.
    pub opened_by: u64,
    /// Capture time of its first packet.
    pub opened: Timestamp,
    /// The end that opened it, once that is known.
    pub client: Option<Side>,
    /// What has been seen of it.
    pub seen: Seen,
    /// Whether further packets can matter only if they begin like a message that holds a name.
    pub settled: bool,
    /// Whether what a direction begins with is known, by [`Side`].
    pub decided: [bool; 2],
    /// The slot generation that triage was last told is settled.
    pub told: Option<u32>,
    /// Payload octets by [`Side`], retransmissions included.
    pub octets: [u64; 2],
    /// Sequence number of the first payload octet by [`Side`], where the SYN was seen.
    pub start: [Option<u32>; 2],
    /// Messages in the making by [`Side`].
    pub streams: [Option<Box<Stream>>; 2],
    /// The QUIC hello in the making.
    pub initials: Initials,
    /// What named it, or why nothing has so far.
    pub named: Result<Source, Unnamed>,
    /// The newest claimed name: its signature, and the observation that is held back until it is
    /// known how far the exchange got. Apart, as few flows have one and all are moved about.
    pub claim: Option<Box<Claim>>,
    /// Whether the datagrams have proved to be DNS messages.
    pub dns: bool,
    /// Whether the names of the server's certificate have been told.
    pub certified: bool,
    /// The newest name, and where it was read, so that a repeated one is told once.
    pub last_name: Option<(Source, Name)>,
}

/// A claimed name of a flow.
#[derive(Debug)]
pub struct Claim {
    /// The signature.
    pub signature: SignatureId,
    /// Taken when the sighting is reported.
    pub held: Option<Observation>,
}

/// What has been seen of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Packets by [`Side`], triaged ones included.
    pub packets: [u32; 2],
    /// A SYN without ACK.
    pub syn: bool,
    /// A SYN with ACK.
    pub syn_ack: bool,
    /// A FIN, by [`Side`].
    pub fin: [bool; 2],
    /// A reset.
    pub rst: bool,
    /// Datagrams that were looked at for a name.
    pub looked_at: u8,
}

/// What was counted and not passed on, by [`Side`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Skipped {
    /// Packets.
    pub packets: [u32; 2],
    /// Octets of payload.
    pub octets: [u64; 2],
}

impl Flow {
    /// A flow of which nothing has been seen.
    #[must_use]
    pub fn new(key: FlowKey, opened: Timestamp, opened_by: u64) -> Self {
        Self {
            key,
            opened_by,
            opened,
            client: None,
            seen: Seen {
                packets: [0; 2],
                syn: false,
                syn_ack: false,
                fin: [false; 2],
                rst: false,
                looked_at: 0,
            },
            settled: false,
            decided: [false; 2],
            told: None,
            octets: [0; 2],
            start: [None; 2],
            streams: [None, None],
            initials: Initials::default(),
            named: Err(Unnamed::NoHello),
            claim: None,
            dns: false,
            certified: false,
            last_name: None,
        }
    }

    /// The side that opened the flow: the sender of the SYN or of the hello, else the end with the
    /// higher port, else the low one.
    #[must_use]
    pub fn client_side(&self) -> Side {
        self.client.unwrap_or({
            if self.key.low.port >= self.key.high.port {
                Side::Low
            } else {
                Side::High
            }
        })
    }

    /// The end that opened the flow and the other one.
    #[must_use]
    pub fn ends(&self) -> (Endpoint, Endpoint) {
        match self.client_side() {
            Side::Low => (self.key.low, self.key.high),
            Side::High => (self.key.high, self.key.low),
        }
    }

    /// Octets from the client and from the server.
    #[must_use]
    pub fn sent_received(&self) -> [u64; 2] {
        let client = self.client_side();
        [
            self.octets[client.index()],
            self.octets[client.other().index()],
        ]
    }

    /// How far the flow got so far.
    #[must_use]
    pub fn reach(&self) -> Reach {
        let [sent, received] = self.sent_received();
        let answered = self.seen.packets[self.client_side().other().index()] > 0;
        match (sent > 0, received > 0) {
            (true, true) => Reach::Transferred,
            (true, false) if self.key.transport == Transport::Udp && !answered => Reach::Attempted,
            (true, false) | (false, true) => Reach::Connected,
            (false, false) if self.seen.syn_ack => Reach::Connected,
            (false, false) => Reach::Attempted,
        }
    }

    /// Whether a SYN of that side with that sequence number is the beginning of another connection
    /// between the same end points.
    #[must_use]
    pub fn is_another(&self, side: Side, seq: u32) -> bool {
        let same = self.start[side.index()] == Some(seq.wrapping_add(1));
        // Where two threads or interfaces have one direction each, the answer may be there first.
        let is_late = self.seen.packets[side.index()] == 0;
        !same && !is_late && (self.seen.syn || self.seen.syn_ack || self.octets != [0; 2])
    }

    /// Whether the flow carries DNS, whose messages are counted instead of the connection.
    #[must_use]
    pub const fn is_dns(&self) -> bool {
        self.dns || self.key.low.port == DNS_PORT || self.key.high.port == DNS_PORT
    }

    /// The side that probably opened the flow, going by who spoke first and the ports.
    #[must_use]
    pub const fn guess_client(&self, speaker: Side) -> Option<Side> {
        let speaker_port = self.key.end(speaker).port;
        let other_port = self.key.end(speaker.other()).port;
        let is_server = speaker_port < 1024 && other_port >= 1024;
        Some(if is_server { speaker.other() } else { speaker })
    }

    /// Counts a packet of that side.
    pub const fn count(&mut self, side: Side, payload_octets: u32) {
        self.seen.packets[side.index()] = self.seen.packets[side.index()].saturating_add(1);
        self.octets[side.index()] += payload_octets as u64;
    }

    /// Adds what triage counted.
    pub fn add_skipped(&mut self, skipped: &Skipped) {
        for side in 0..2 {
            let packets = &mut self.seen.packets[side];
            *packets = packets.saturating_add(skipped.packets[side]);
            self.octets[side] += skipped.octets[side];
        }
    }

    /// Says why the flow has no name, unless it has one or a reason was given before.
    pub fn blame(&mut self, reason: Unnamed) {
        if self.named == Err(Unnamed::NoHello) {
            self.named = Err(reason);
        }
    }

    /// Whether both ends have said that they are done, or one has broken off.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.seen.rst || (self.seen.fin[0] && self.seen.fin[1])
    }

    /// Octets held for messages in the making.
    #[must_use]
    pub fn held_octets(&self) -> usize {
        let streams: usize = self
            .streams
            .iter()
            .flatten()
            .map(|it| it.held_octets())
            .sum();
        streams + self.initials.held_octets()
    }
}
