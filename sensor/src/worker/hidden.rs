//! Questions in DNS that cannot be read: flows that hide them, and by what they are known.
//!
//! DNS over TLS and over QUIC have a port of their own, and a hello on it proves them; so does their
//! ALPN on any port. DNS over HTTPS is known by the name or the address of a public resolver alone:
//! nothing else tells it from a web page. DNSCrypt is proved by the resolver's response. On the port
//! of DNS over TLS, a connection whose beginning was not seen counts too, if payload went both ways.
//! A flow may be named and hide questions all the same.

use super::Context;
use super::desk::Desk;
use crate::detection::{HiddenQuestions, Reach, What};
use crate::flow::{Flow, Hidden, Side};
use crate::names::Transport;
use crate::names::tls::ClientHello;
use crate::time::Timestamp;
use crate::visibility::{EncryptedDns, Unnamed};

impl Desk {
    /// Looks whether a hello that was just read is one to an encrypted resolver.
    pub(super) fn hello_may_hide(
        &mut self,
        flow: &mut Flow,
        hello: &ClientHello,
        context: &Context,
    ) {
        let server = context.dst;
        let resolvers = self.catalogue.resolvers();
        let kind = if hello.is_dns || server.port == ENCRYPTED_DNS_PORT {
            by_port(flow.key.transport)
        } else {
            let name = hello.server_name.as_ref();
            let is_public = name.is_some_and(|it| resolvers.has_name(it.as_str()))
                || resolvers.has_address(server.address.to_ip());
            if !is_public {
                return;
            }
            EncryptedDns::Doh
        };
        self.hides(flow, kind);
    }

    /// Takes note that a side of a flow has sent a DNSCrypt response.
    pub(super) fn hides_by_dnscrypt(&mut self, flow: &mut Flow, side: Side, context: &Context) {
        flow.client = Some(side.other());
        flow.settled = true;
        self.hides(flow, EncryptedDns::Dnscrypt);
        self.tell_hidden(flow, context.number, context.at);
    }

    /// Looks at the end of a flow whether its port says that it hid questions.
    pub(super) fn port_may_hide(&mut self, flow: &mut Flow) {
        let (_, server) = flow.ends();
        let is_unread = match flow.named {
            Ok(_) | Err(Unnamed::NotTls | Unnamed::RealEch | Unnamed::EncryptedDns) => false,
            Err(
                Unnamed::NoHello | Unnamed::Truncated | Unnamed::Dropped | Unnamed::UnknownTunnel,
            ) => true,
        };
        if is_unread && server.port == ENCRYPTED_DNS_PORT && flow.reach() == Reach::Transferred {
            flow.named = Err(Unnamed::EncryptedDns);
            self.hides(flow, by_port(flow.key.transport));
        }
    }

    /// Tells of a flow that hides questions, unless that was told.
    pub(super) fn tell_hidden(&mut self, flow: &mut Flow, number: u64, at: Timestamp) {
        if !flow.hides_untold() {
            return;
        }
        let client = flow.ends().0.address;
        let is_answered = flow.is_answered();
        if let Some(hidden) = &mut flow.details_mut().encrypted_dns {
            hidden.told = true;
            let what = HiddenQuestions {
                client,
                kind: hidden.kind,
                is_answered,
            };
            self.tell(number, at, What::HiddenQuestions(what));
        }
    }

    /// Counts a flow that hides questions, once; one without a name has none for that reason.
    fn hides(&mut self, flow: &mut Flow, kind: EncryptedDns) {
        let hidden = &mut flow.details_mut().encrypted_dns;
        if hidden.is_some() {
            return;
        }
        *hidden = Some(Hidden { kind, told: false });
        flow.blame(Unnamed::EncryptedDns);
        self.visibility.encrypted_dns[kind as usize] += 1;
    }
}

/// What a flow on [`ENCRYPTED_DNS_PORT`] carries.
const fn by_port(transport: Transport) -> EncryptedDns {
    match transport {
        Transport::Tcp => EncryptedDns::Dot,
        Transport::Udp => EncryptedDns::Doq,
    }
}

/// The port of DNS over TLS (RFC 7858 section 3.1) and over QUIC (RFC 9250 section 4.1.1).
const ENCRYPTED_DNS_PORT: u16 = 853;
