//! UDP outside port 53: QUIC hellos, and DNS on other ports where the message proves itself.

use super::desk::{Desk, Octets};
use super::{Context, Worker, short};
use crate::batch::Record;
use crate::decode::Packet;
use crate::flow::table::Class;
use crate::flow::{Flow, Side};
use crate::names::quic::{self, Outcome, Version};
use crate::names::{dns, dnscrypt};
use crate::visibility::{MessageResult, Protocol, Unnamed};

impl Worker {
    /// Works on a datagram between two hosts; gives the place of its flow.
    pub(super) fn datagram(
        &mut self,
        record: &Record,
        packet: &Packet<'_>,
        context: &Context,
    ) -> u32 {
        let place = self.place_of(record, Class::Datagrams);
        self.flows.touch(place, Class::Datagrams, short(self.tick));
        let flow = self.flows.flow_mut(place);
        flow.add_skipped(&record.pass.skipped);
        let side = record.side;
        flow.count(side, packet.payload_len);
        if flow.client.is_none() {
            flow.client = flow.guess_client(side);
        }
        if flow.client != Some(side) && flow.holds_back() {
            self.desk.release(flow, context.number, context.at);
            self.desk.tell_hidden(flow, context.number, context.at);
        }
        let version = match quic::initial_version(packet.payload) {
            None if !flow.settled => quic::coalesced_version(packet.payload),
            version => version,
        };
        if let Some(version) = version {
            if flow.named.is_ok() && flow.client == Some(side.other()) {
                return place;
            }
            self.gather(place, side, packet.payload);
            let cut = packet.payload.len() < packet.payload_len as usize;
            let flow = self.flows.flow_mut(place);
            self.desk
                .initial(flow, side, version, (packet.payload, cut), context);
            self.note_ids(place, side, packet.payload);
            return place;
        }
        if !flow.settled {
            flow.seen.looked_at = flow.seen.looked_at.saturating_add(1);
            if dnscrypt::is_response(packet.payload) {
                self.desk.hides_by_dnscrypt(flow, side, context);
                return place;
            }
            if dns::proves_itself(packet.payload) {
                flow.details_mut().dns = true;
                self.desk.dns_datagram(packet.payload, context);
                return place;
            }
            if flow.seen.looked_at >= LOOKS && flow.held_octets() == 0 {
                flow.settled = true;
                flow.blame(Unnamed::NotTls);
            }
        }
        place
    }
}

impl Desk {
    /// Reads a datagram that holds an Initial; `cut` if the frame was cut short in it.
    fn initial(
        &mut self,
        flow: &mut Flow,
        side: Side,
        version: Version,
        (datagram, cut): (&[u8], bool),
        context: &Context,
    ) {
        let mut scratch = std::mem::take(&mut self.octets);
        match flow.details_mut().initials.push(datagram, &mut scratch) {
            Outcome::Hello(hello) => {
                flow.client = Some(side);
                flow.settled = true;
                self.visibility.quic_initials[version as usize] += 1;
                let hello = (hello, Octets::Message(&scratch));
                self.hello(flow, hello, context);
            }
            Outcome::Incomplete => {
                flow.client = Some(side);
                flow.settled = false;
                self.visibility.quic_initials[version as usize] += 1;
            }
            Outcome::Malformed(_) => {
                flow.blame(Unnamed::NotTls);
                self.visibility
                    .message(Protocol::Quic, MessageResult::Malformed);
            }
            Outcome::GaveUp => {
                flow.blame(Unnamed::Dropped);
                self.visibility
                    .message(Protocol::Quic, MessageResult::GaveUp);
            }
            Outcome::NotInitial | Outcome::Undecryptable if cut => flow.blame(Unnamed::Truncated),
            Outcome::NotInitial | Outcome::Undecryptable => {}
        }
        self.octets = scratch;
    }
}

/// Datagrams of a flow that are looked at before it counts as nothing that holds a name.
const LOOKS: u8 = 6;
