//! The visibility ledger: what could be named, and what could not and why.
//!
//! Each worker keeps a [`Visibility`] of its own; they are added up for display. Two sums hold at
//! any time: connections = named + unnamed, and frames received = processed + dropped + held.

use std::ops::AddAssign;

use crate::names::{Source, Transport};

/// Why a connection has no name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Unnamed {
    /// No hello and no request was seen.
    NoHello,
    /// The frame that held the name was cut short.
    Truncated,
    /// The hello was encrypted; only the public name of the provider is readable.
    RealEch,
    /// Encrypted DNS: the questions inside cannot be read.
    EncryptedDns,
    /// The first octets are of no protocol that carries a name.
    NotTls,
    /// Octets that were needed never came, or a bound was reached.
    Dropped,
    /// A tunnel that is not read.
    UnknownTunnel,
}

impl Unnamed {
    /// All reasons, in the order in which they are listed everywhere.
    pub const ALL: [Self; 7] = [
        Self::NoHello,
        Self::Truncated,
        Self::RealEch,
        Self::EncryptedDns,
        Self::NotTls,
        Self::Dropped,
        Self::UnknownTunnel,
    ];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoHello => "no-hello",
            Self::Truncated => "truncated",
            Self::RealEch => "real-ech",
            Self::EncryptedDns => "encrypted-dns",
            Self::NotTls => "not-tls",
            Self::Dropped => "dropped",
            Self::UnknownTunnel => "unknown-tunnel",
        }
    }
}

/// A way of asking in DNS that hides the question.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum EncryptedDns {
    /// DNS over HTTPS (RFC 8484), known by the name or address of a public resolver alone.
    Doh,
    /// DNS over TLS (RFC 7858).
    Dot,
    /// DNS over QUIC (RFC 9250).
    Doq,
    /// DNSCrypt, version 2.
    Dnscrypt,
}

impl EncryptedDns {
    /// All ways, in the order in which they are listed everywhere.
    pub const ALL: [Self; 4] = [Self::Doh, Self::Dot, Self::Doq, Self::Dnscrypt];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Doh => "doh",
            Self::Dot => "dot",
            Self::Doq => "doq",
            Self::Dnscrypt => "dnscrypt",
        }
    }
}

/// A protocol whose messages are read for a name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Protocol {
    /// DNS messages.
    Dns,
    /// TLS hellos over TCP.
    Tls,
    /// QUIC hellos.
    Quic,
    /// HTTP/1 requests.
    Http,
}

impl Protocol {
    /// All protocols.
    pub const ALL: [Self; 4] = [Self::Dns, Self::Tls, Self::Quic, Self::Http];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Quic => "quic",
            Self::Http => "http",
        }
    }
}

/// What became of a message that was read for a name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum MessageResult {
    /// It held a name.
    Named,
    /// It was whole and held none.
    Nameless,
    /// It broke a rule of its protocol.
    Malformed,
    /// It was never whole within the bounds.
    GaveUp,
}

impl MessageResult {
    /// All results.
    pub const ALL: [Self; 4] = [Self::Named, Self::Nameless, Self::Malformed, Self::GaveUp];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Nameless => "nameless",
            Self::Malformed => "malformed",
            Self::GaveUp => "gave-up",
        }
    }
}

/// Counts of what could and could not be named. All counts only grow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Visibility {
    /// Connections opened by any host, by [`Transport`].
    pub connections: [u64; 2],
    /// Those that something named, by [`Transport`] and [`Source`].
    pub named: [[u64; Source::ALL.len()]; 2],
    /// Those that nothing named, by [`Transport`] and [`Unnamed`].
    pub unnamed: [[u64; 7]; 2],
    /// Messages read for a name, by [`Protocol`] and [`MessageResult`].
    pub messages: [[u64; 4]; 4],
    /// Observations made, by [`Source`].
    pub observations: [u64; Source::ALL.len()],
    /// Client hellos by [`Transport`] and [`crate::names::tls::Ech`].
    pub hellos: [[u64; 4]; 2],
    /// Flows to resolvers whose questions cannot be read, by [`EncryptedDns`]; named ones among them.
    pub encrypted_dns: [u64; 4],
    /// QUIC Initials of clients: version 1, version 2, a draft, another version.
    pub quic_initials: [u64; 4],
    /// Flows ended by [`Transport`], seen in one direction and in both.
    pub flows_ended: [[u64; 2]; 2],
    /// TCP flows ended whose acknowledgments could be held against what was seen.
    pub judged_flows: u64,
    /// Octets seen of those flows and their like that are open, what came twice included.
    pub judged_octets: u64,
    /// Octets of the same flows that were acknowledged and never seen.
    pub missing_octets: u64,
    /// Flows first seen, by [`Transport`].
    pub flows_started: [u64; 2],
    /// Flows dropped because the table was full, by [`Transport`].
    pub flows_evicted: [u64; 2],
    /// Flows whose messages in the making were given up for want of room, by [`Transport`].
    pub unfinished_evicted: [u64; 2],
    /// Messages read for an identity, by source and outcome in the order of
    /// [`crate::identity`].
    pub identity: [[u64; 3]; 7],
    /// Claimed questions that were told of at once, as too many waited for their answers.
    pub questions_refused: u64,
}

impl Visibility {
    /// Counts a connection by what named it or why nothing did.
    pub fn connection(&mut self, transport: Transport, named: Result<Source, Unnamed>) {
        let transport = transport as usize;
        self.connections[transport] += 1;
        match named {
            Ok(source) => self.named[transport][source as usize] += 1,
            Err(reason) => self.unnamed[transport][reason as usize] += 1,
        }
    }

    /// Flows that were seen and have not ended, by [`Transport`].
    #[must_use]
    pub fn flows_open(&self) -> [u64; 2] {
        [0, 1].map(|it| {
            let ended: u64 = self.flows_ended[it].iter().sum();
            self.flows_started[it].saturating_sub(ended)
        })
    }

    /// The same without an estimate of loss: where flows are cut off on purpose, what is cut off looks
    /// like loss.
    #[must_use]
    pub fn without_loss(self) -> Self {
        Self {
            judged_flows: 0,
            judged_octets: 0,
            missing_octets: 0,
            ..self
        }
    }

    /// Counts a message by what became of it.
    pub fn message(&mut self, protocol: Protocol, result: MessageResult) {
        self.messages[protocol as usize][result as usize] += 1;
    }
}

impl AddAssign<&Self> for Visibility {
    fn add_assign(&mut self, other: &Self) {
        add(&mut self.connections, &other.connections);
        add(self.named.as_flattened_mut(), other.named.as_flattened());
        add(
            self.unnamed.as_flattened_mut(),
            other.unnamed.as_flattened(),
        );
        add(
            self.messages.as_flattened_mut(),
            other.messages.as_flattened(),
        );
        add(&mut self.observations, &other.observations);
        add(self.hellos.as_flattened_mut(), other.hellos.as_flattened());
        add(&mut self.encrypted_dns, &other.encrypted_dns);
        add(&mut self.quic_initials, &other.quic_initials);
        add(
            self.flows_ended.as_flattened_mut(),
            other.flows_ended.as_flattened(),
        );
        self.judged_flows += other.judged_flows;
        self.judged_octets += other.judged_octets;
        self.missing_octets += other.missing_octets;
        add(&mut self.flows_started, &other.flows_started);
        add(&mut self.flows_evicted, &other.flows_evicted);
        add(&mut self.unfinished_evicted, &other.unfinished_evicted);
        add(
            self.identity.as_flattened_mut(),
            other.identity.as_flattened(),
        );
        self.questions_refused += other.questions_refused;
    }
}

fn add(sums: &mut [u64], counts: &[u64]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_named_plus_unnamed() {
        let mut one = Visibility::default();
        one.connection(Transport::Tcp, Ok(Source::TlsSni));
        one.connection(Transport::Tcp, Err(Unnamed::NoHello));
        let mut other = Visibility::default();
        other.connection(Transport::Udp, Ok(Source::QuicSni));
        one += &other;
        assert_eq!(one.connections, [2, 1]);
        let named: u64 = one.named.as_flattened().iter().sum();
        let unnamed: u64 = one.unnamed.as_flattened().iter().sum();
        assert_eq!((named, unnamed), (2, 1));
    }
}
