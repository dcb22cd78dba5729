//! From observations to sightings: what a worker tells the ledger.
//!
//! A worker matches each observation against the catalogue and reports a [`Notice`] for what
//! concerns findings. Notices carry the number of the frame that caused them, so that the ledger
//! takes those of several workers in one order, which does not depend on their number.

use std::sync::Arc;

use serde::Serialize;

use phonehome_signatures::SignatureId;

use crate::discovery::Device;
use crate::host::Address;
use crate::identity::Statement;
use crate::names::tls::{EchConfig, Outer};
use crate::names::{Endpoint, Name, Observation, Source, Transport};
use crate::time::Timestamp;
use crate::visibility::{EncryptedDns, Unnamed};

/// How far an exchange got. The order is that of getting farther.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// The name was asked for in DNS, and that is all that is known.
    Asked,
    /// The answer said no: NXDOMAIN, REFUSED, or a sinkhole address.
    Refused,
    /// A connection was tried and not answered, or reset at once.
    Attempted,
    /// The connection stood, but nothing came back after the name.
    Connected,
    /// Payload went both ways.
    Transferred,
}

impl Reach {
    /// All values, from least to farthest.
    pub const ALL: [Self; 5] = [
        Self::Asked,
        Self::Refused,
        Self::Attempted,
        Self::Connected,
        Self::Transferred,
    ];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Refused => "refused",
            Self::Attempted => "attempted",
            Self::Connected => "connected",
            Self::Transferred => "transferred",
        }
    }
}

/// An observation that a signature claims.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sighting {
    /// What was observed; its name is what the host used, not a CNAME target.
    pub observation: Observation,
    /// The signature that claims it.
    pub signature: SignatureId,
    /// The CNAME target that the signature matched, where the name itself matched none.
    pub via: Option<Name>,
    /// How far the exchange had got when it was settled.
    pub reach: Reach,
}

/// An address that DNS gave a client for a name that a signature claims.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resolution {
    /// Who asked.
    pub client: Address,
    /// The name that was asked for.
    pub name: Name,
    /// The signature that claims the name, or a CNAME target of it.
    pub signature: SignatureId,
    /// An address of the answer.
    pub address: Address,
}

/// A connection that ended, or went idle, or was still open when the capture ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Connection {
    /// First packet seen.
    pub opened: Timestamp,
    /// What carried it.
    pub transport: Transport,
    /// The end that opened it.
    pub client: Endpoint,
    /// The other end.
    pub server: Endpoint,
    /// How far it got; at least [`Reach::Attempted`].
    pub reach: Reach,
    /// Transport payload octets from the client, retransmissions included.
    pub sent: u64,
    /// Transport payload octets from the server, retransmissions included.
    pub received: u64,
    /// What named it, or why nothing did.
    pub named: Result<Source, Unnamed>,
    /// Whether that name may be only the public one of an encrypted hello.
    pub veil: Veil,
    /// The signature that claimed its name.
    pub signature: Option<SignatureId>,
    /// Octets sent and received that [`Progress`] has told of already, and are among the above.
    pub told: [u64; 2],
}

/// Octets of a connection with a claimed name that is still open, since they were last told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Progress {
    /// What carries it.
    pub transport: Transport,
    /// The end that opened it.
    pub client: Endpoint,
    /// The other end.
    pub server: Endpoint,
    /// How far it has got.
    pub reach: Reach,
    /// Transport payload octets from the client, retransmissions included.
    pub sent: u64,
    /// Transport payload octets from the server, retransmissions included.
    pub received: u64,
    /// What named it.
    pub source: Option<Source>,
    /// The signature that claims its name.
    pub signature: SignatureId,
}

/// Part of hellos with an outer ECH extension in the naming of a connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Veil {
    /// There was none with a name.
    #[default]
    None,
    /// There was one, but another message named the connection before.
    Beside,
    /// One named the connection. Whether that is its name, and what it counts as, is not for the
    /// worker to say; see [`crate::ech`].
    Names,
}

/// A hello with a name and an outer ECH extension, by which the name may be only a public one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Veiled {
    /// The name, by the packet that completed it.
    pub observation: Observation,
    /// What is in clear of the extension.
    pub outer: Outer,
    /// The signature that claims the flow by this name, and did not by another message before.
    pub signature: Option<SignatureId>,
    /// Whether the observation is to be told.
    pub telling: Telling,
}

/// Whether an observation is to be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Telling {
    /// The flow had the same name before: it is counted only.
    Before,
    /// Only findings are asked for.
    Silent,
    /// All names are asked for.
    Reported,
}

/// What an HTTPS or SVCB answer offers for Encrypted Client Hello.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    /// Who asked.
    pub client: Address,
    /// The name that was asked about.
    pub name: Name,
    /// The configs, none where the name has no such record or it has no `ech`.
    pub configs: Vec<Arc<EchConfig>>,
}

/// A host asks in DNS so that the questions cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HiddenQuestions {
    /// Who asks.
    pub client: Address,
    /// What hides them.
    pub kind: EncryptedDns,
    /// Whether the resolver was seen to answer; anyone can ask in the name of any host.
    pub is_answered: bool,
}

/// A host asked a public resolver in clear.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PublicQuestions {
    /// Who asked.
    pub client: Address,
    /// The public resolver.
    pub resolver: Address,
    /// Questions since they were last told.
    pub count: u32,
}

/// Something a worker found that concerns findings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    /// Number of the frame that caused it, counted from zero over the whole input.
    pub number: u64,
    /// Capture time at which it became known.
    pub at: Timestamp,
    /// What it is.
    pub what: What,
}

/// The kinds of [`Notice`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    /// Any name; only where all names are asked for.
    Observation(Observation),
    /// A claimed name.
    Sighting(Sighting),
    /// A hello that is yet to be judged; the ledger never sees it.
    Veiled(Box<Veiled>),
    /// What hellos are judged by; the ledger never sees it.
    Offer(Box<Offer>),
    /// A claimed name has an address.
    Resolution(Resolution),
    /// A connection is over.
    Connection(Connection),
    /// A connection with a claimed name goes on.
    Progress(Progress),
    /// A device of a vendor shows on the local network, with what it says of itself.
    Discovery(Box<(Sighting, Device)>),
    /// A device says who it is, or a server says which address it has.
    Identity(Box<Statement>),
    /// A host was asked in DNS. Roles are told at least once: by each worker that learns of them.
    Asked(Address),
    /// A host answered DNS queries of another host.
    Resolver(Address),
    /// A host took an HTTP CONNECT or an absolute URI from another host.
    Proxy(Address),
    /// A host asks in DNS so that the questions cannot be read; told once a flow.
    HiddenQuestions(HiddenQuestions),
    /// A host asked a public resolver; told at ticks, by each worker that saw such questions.
    PublicQuestions(PublicQuestions),
}
