//! What says who a device is: DHCP, mDNS, NBNS, LLMNR, clients of Kerberos and SMB, and vendors' local
//! protocols. Their names are never observations.

use phonehome_signatures::Payload;

use super::Context;
use super::desk::Desk;
use crate::decode::{Packet, TransportHeader};
use crate::detection::{Reach, Sighting, What};
use crate::discovery::{self, KASA_PORT};
use crate::identity::{Outcome, Source, Statement, dhcp, dhcp6, kerberos, multicast, nbns};
use crate::names::{self, Malformed, Name, Transport};

impl Desk {
    /// Reads a datagram from or to a port of a [`Source`].
    pub(super) fn identity(&mut self, payload: &[u8], context: &Context) {
        let (src, dst) = (context.src, context.dst);
        // An answer comes from the port of its protocol, and may go to any other.
        let source = Source::of_port(src.port).or_else(|| Source::of_port(dst.port));
        let Some(source) = source else {
            return;
        };
        self.says(source, statement(source, payload, context), context);
    }

    /// Takes note of what a message says of a device.
    pub(super) fn says(
        &mut self,
        source: Source,
        says: Result<Option<Statement>, Malformed>,
        context: &Context,
    ) {
        let outcome = match says {
            Ok(Some(statement)) => {
                let what = What::Identity(Box::new(statement));
                self.tell(context.number, context.at, what);
                Outcome::Told
            }
            Ok(None) => Outcome::Silent,
            Err(_) => Outcome::Malformed,
        };
        self.visibility.identity[source as usize][outcome as usize] += 1;
    }
}

impl Desk {
    /// Reads what a device of a vendor may say from a port of a [`Payload`]. The sender is the device;
    /// it may speak to a group.
    pub(super) fn discovery(&mut self, payload: Payload, packet: &Packet<'_>, context: &Context) {
        let transport = match packet.transport {
            TransportHeader::Udp { .. } => Transport::Udp,
            TransportHeader::Tcp(_) if context.src.port == KASA_PORT => Transport::Tcp,
            TransportHeader::Tcp(_) | TransportHeader::Other(_) => return,
        };
        if packet.payload.is_empty() || !context.src.address.is_unicast() {
            return;
        }
        let Some(signature) = self.catalogue.claim_payload(payload) else {
            return;
        };
        let Ok(Some(device)) = discovery::device(payload, packet.payload) else {
            return;
        };
        let Some(name) = Name::from_normalised(payload.as_str()) else {
            return;
        };
        let sighting = Sighting {
            observation: context.observation(names::Source::Discovery, transport, name, None),
            signature,
            via: None,
            reach: Reach::Connected,
        };
        let what = What::Discovery(Box::new((sighting, device)));
        self.tell(context.number, context.at, what);
    }
}

fn statement(
    source: Source,
    payload: &[u8],
    context: &Context,
) -> Result<Option<Statement>, Malformed> {
    let sender = context.src.address;
    match source {
        Source::Dhcp => dhcp::message(payload).map(|it| it.statement()),
        Source::Dhcp6 => dhcp6::message(payload).map(|it| it.statement()),
        Source::Mdns | Source::Llmnr => multicast::statement(source, payload, sender),
        Source::Nbns => nbns::statement(payload, sender),
        Source::Kerberos => kerberos::statement(payload, sender),
        // Streams only.
        Source::Smb => Ok(None),
    }
}
