//! Devices in the book: what they say of themselves, and servers known by their ports.

use phonehome_signatures::Payload;

use super::Book;
use crate::detection::{Connection, Reach, Sighting};
use crate::discovery::Device;
use crate::names::{Name, Observation, Source, Transport};

impl Book {
    /// Takes note of what a device says of itself.
    pub(super) fn describe(&mut self, sighting: &Sighting, device: &Device) {
        let observation = &sighting.observation;
        if let Some(class) = self.class(sighting.signature)
            && let Some(record) = self
                .records
                .get_mut(&(observation.client().address, class.vendor))
        {
            let record = record.of_time(observation.at);
            if record.device.as_deref() != Some(device) && *device != Device::default() {
                record.device = Some(Box::new(device.clone()));
            }
        }
    }

    /// The sighting that a connection to a management server is: the server is the host.
    pub(super) fn served(&mut self, connection: &Connection) -> Option<Sighting> {
        let (client, server) = (connection.client, connection.server);
        if !self.is_home(client.address) || !self.is_home(server.address) {
            return None;
        }
        let is_one = match connection.transport {
            Transport::Udp => {
                self.servers
                    .called(client.address, server.address, server.port);
                false
            }
            Transport::Tcp if connection.reach < Reach::Connected => false,
            Transport::Tcp => self
                .servers
                .answered(client.address, server.address, server.port),
        };
        let signature = self.catalogue.claim_payload(Payload::Ksc)?;
        let name = Name::from_normalised(Payload::Ksc.as_str())?;
        is_one.then_some(Sighting {
            observation: Observation {
                at: connection.opened,
                source: Source::Discovery,
                transport: connection.transport,
                src: server,
                dst: client,
                name,
                vlan: None,
                ech: None,
                traits: None,
                ecs: None,
            },
            signature,
            via: None,
            reach: connection.reach,
        })
    }
}

/// Hosts with ports of a management server that are remembered, 100 octets each.
pub(super) const MAX_SERVERS: usize = 4_096;
