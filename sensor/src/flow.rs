//! Flows: both directions between two end points, and the first octets of each.

use std::num::NonZeroU32;

use crate::detection::{Reach, Veil};
use crate::names::dns::DNS_PORT;
use crate::names::quic::Initials;
use crate::names::{Endpoint, Name, Observation, Source, Transport};
use crate::time::Timestamp;
use crate::visibility::{EncryptedDns, Unnamed};
use phonehome_signatures::SignatureId;

mod index;
pub mod key;
pub mod shortfall;
pub mod stream;
pub mod table;

pub use key::{FlowKey, Side};
use shortfall::Shortfall;
use stream::Stream;

/// What is kept of a flow.
///
/// As small as can be, as most flows of a flood are a single packet; what few flows have stands
/// apart in [`Details`].
#[derive(Debug)]
pub struct Flow {
    /// The two end points.
    pub key: FlowKey,
    /// What named it, or why nothing has so far.
    pub named: Result<Source, Unnamed>,
    /// Number of the frame that opened it; no two flows share one.
    pub opened_by: u64,
    /// Capture time of its first packet.
    pub opened: Timestamp,
    /// Payload octets by [`Side`], retransmissions included.
    pub octets: [u64; 2],
    /// What has been seen of it.
    pub seen: Seen,
    /// Sequence numbers of the first payload octets by [`Side`]; see [`Seen::start`].
    start: [u32; 2],
    /// The slot generation that triage was last told is settled.
    pub told: Option<NonZeroU32>,
    /// The end that opened it, once that is known.
    pub client: Option<Side>,
    /// Whether further packets can matter only if they begin like a message that holds a name.
    pub settled: bool,
    /// Whether what a direction begins with is known, by [`Side`].
    pub decided: [bool; 2],
    details: Option<Box<Details>>,
}

/// What is kept of a flow whose packets held more than headers.
#[derive(Debug, Default)]
pub struct Details {
    /// Messages in the making by [`Side`].
    pub streams: [Option<Box<Stream>>; 2],
    /// The QUIC hello in the making.
    pub initials: Initials,
    /// The newest claimed name: its signature, and the observation that is held back until it is
    /// known how far the exchange got.
    pub claim: Option<Box<Claim>>,
    /// The newest name, and where it was read, so that a repeated one is told once.
    pub last_name: Option<(Source, Name)>,
    /// What its ends say was sent and nobody saw, where there is something of the kind.
    pub shortfall: Option<Box<Shortfall>>,
    /// Part of hellos with an outer ECH extension in its naming.
    pub veil: Veil,
    /// Whether the datagrams have proved to be DNS messages.
    pub dns: bool,
    /// What hides its questions in DNS, if it is known to carry such.
    pub encrypted_dns: Option<Hidden>,
    /// Whether the names of the server's certificate have been told.
    pub certified: bool,
    /// Whether the flow waits in the queue of those whose messages may be given up.
    pub is_queued: bool,
    /// [`Flow::held_octets`] when it was last looked at.
    pub held: u32,
}

/// A claimed name of a flow.
#[derive(Debug)]
pub struct Claim {
    /// The signature.
    pub signature: SignatureId,
    /// Taken when the sighting is reported.
    pub held: Option<Observation>,
    /// Octets that were told while the flow was open, by [`Side`].
    pub told: [u64; 2],
    /// Whether the flow is on the list of those that have something to tell at the next tick.
    pub is_due: bool,
}

/// Questions in DNS that a flow hides.
#[derive(Clone, Copy, Debug)]
pub struct Hidden {
    /// What hides them.
    pub kind: EncryptedDns,
    /// Whether it was told that the client hides its questions.
    pub told: bool,
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
    /// A SYN of either kind, by [`Side`]: it tells where the payload starts.
    pub start: [bool; 2],
    /// A FIN, by [`Side`].
    pub fin: [bool; 2],
    /// A reset.
    pub rst: bool,
    /// Datagrams that were looked at for a name; of a connection, messages that a client's host may be
    /// named in.
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
            named: Err(Unnamed::NoHello),
            opened_by,
            opened,
            octets: [0; 2],
            seen: Seen::default(),
            start: [0; 2],
            told: None,
            client: None,
            settled: false,
            decided: [false; 2],
            details: None,
        }
    }

    /// Takes note of where the payload of a side starts.
    pub const fn set_start(&mut self, side: Side, seq: u32) {
        self.start[side.index()] = seq;
        self.seen.start[side.index()] = true;
    }

    /// Takes it that nothing is known of where the payload of a side starts.
    pub const fn forget_start(&mut self, side: Side) {
        self.seen.start[side.index()] = false;
    }

    /// Sequence number of the first payload octet of a side, where its SYN was seen.
    #[must_use]
    pub const fn start(&self, side: Side) -> Option<u32> {
        if self.seen.start[side.index()] {
            Some(self.start[side.index()])
        } else {
            None
        }
    }

    /// What its payload has left, if there is something.
    #[must_use]
    pub fn details(&self) -> Option<&Details> {
        self.details.as_deref()
    }

    /// What its payload has left, made if there is nothing yet.
    pub fn details_mut(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }

    /// Takes the message in the making of a side.
    pub fn take_stream(&mut self, side: Side) -> Option<Box<Stream>> {
        self.details.as_mut()?.streams[side.index()].take()
    }

    /// Keeps the message in the making of a side.
    pub fn keep_stream(&mut self, side: Side, stream: Box<Stream>) {
        self.details_mut().streams[side.index()] = Some(stream);
    }

    /// Whether a side has a message in the making.
    #[must_use]
    pub fn waits(&self, side: Side) -> bool {
        self.details()
            .is_some_and(|it| it.streams[side.index()].is_some())
    }

    /// Drops the messages in the making.
    pub fn drop_messages(&mut self) {
        if let Some(details) = &mut self.details {
            details.streams = [None, None];
            details.initials = Initials::default();
        }
    }

    /// The newest claimed name.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        self.details()?.claim.as_deref()
    }

    /// The newest claimed name.
    pub fn claim_mut(&mut self) -> Option<&mut Claim> {
        self.details.as_mut()?.claim.as_deref_mut()
    }

    /// Whether something waits to be told until it is known how far the exchange got.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        self.claim().is_some_and(|it| it.held.is_some()) || self.hides_untold()
    }

    /// Whether it hides questions in DNS, and that was not told yet.
    #[must_use]
    pub fn hides_untold(&self) -> bool {
        let hidden = self.details().and_then(|it| it.encrypted_dns);
        hidden.is_some_and(|it| !it.told)
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
        self.by_client(self.octets)
    }

    /// What is by [`Side`], as that of the client and that of the server.
    #[must_use]
    pub fn by_client(&self, by_side: [u64; 2]) -> [u64; 2] {
        let client = self.client_side();
        [by_side[client.index()], by_side[client.other().index()]]
    }

    /// Whether the server, as far as it is known who that is, has sent something.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.seen.packets[self.client_side().other().index()] > 0
    }

    /// How far the flow got so far.
    #[must_use]
    pub fn reach(&self) -> Reach {
        let [sent, received] = self.sent_received();
        match (sent > 0, received > 0) {
            (true, true) => Reach::Transferred,
            (true, false) if self.key.transport == Transport::Udp && !self.is_answered() => {
                Reach::Attempted
            }
            (true, false) | (false, true) => Reach::Connected,
            (false, false) if self.seen.syn_ack => Reach::Connected,
            (false, false) => Reach::Attempted,
        }
    }

    /// Whether a SYN of that side with that sequence number is the beginning of another connection
    /// between the same end points.
    #[must_use]
    pub fn is_another(&self, side: Side, seq: u32) -> bool {
        let same = self.start(side) == Some(seq.wrapping_add(1));
        // Where two threads or interfaces have one direction each, the answer may be there first.
        let is_late = self.seen.packets[side.index()] == 0;
        !same && !is_late && (self.seen.syn || self.seen.syn_ack || self.octets != [0; 2])
    }

    /// Whether the flow carries DNS, whose messages are counted instead of the connection.
    #[must_use]
    pub fn is_dns(&self) -> bool {
        self.key.low.port == DNS_PORT
            || self.key.high.port == DNS_PORT
            || self.details().is_some_and(|it| it.dns)
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

    /// Octets of memory that messages in the making take, about.
    #[must_use]
    pub fn held_octets(&self) -> usize {
        let Some(details) = self.details() else {
            return 0;
        };
        let streams: usize = details
            .streams
            .iter()
            .flatten()
            .map(|it| it.memory_octets())
            .sum();
        streams + details.initials.held_octets()
    }
}
