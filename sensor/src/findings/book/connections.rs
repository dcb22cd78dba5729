//! Connections in the book: what they carried, and those that no name tells of.

use phonehome_signatures::{Service, SignatureId};

use super::{Book, Moment};
use crate::detection::{Connection, Notice, Progress, Reach, Sighting};
use crate::findings::Cause;
use crate::findings::record::{Mark, Octets, Over};
use crate::findings::verdict::Manner;
use crate::names::{Endpoint, Observation, Source};
use crate::resolved::Grade;

impl Book {
    pub(super) fn connection(
        &mut self,
        notice: &Notice,
        connection: &Connection,
        correlated: &mut Option<Sighting>,
    ) {
        let (host, server) = (connection.client.address, connection.server.address);
        let is_ours = self.is_home(host);
        match connection.reach {
            Reach::Asked | Reach::Refused | Reach::Attempted => {
                // Of the packets of a flood, most are done with here.
                if !is_ours {
                    return;
                }
                self.hosts.heard(host, &self.watch);
            }
            Reach::Connected => {
                for it in [host, server] {
                    if self.is_home(it) {
                        self.hosts.heard(it, &self.watch);
                    }
                }
            }
            Reach::Transferred => {
                for it in [host, server] {
                    if self.is_home(it) {
                        self.hosts.proven(it, &self.watch);
                    }
                }
            }
        }
        if !is_ours {
            return;
        }
        if let Some(sighting) = self.served(connection) {
            self.sighting(notice, &sighting, Manner::Named);
            *correlated = Some(sighting);
        }
        match (connection.signature, connection.named) {
            (Some(signature), named) => {
                let [sent, received] = connection.told;
                let octets = Octets {
                    sent: connection.sent.saturating_sub(sent),
                    received: connection.received.saturating_sub(received),
                    both_ways: connection.reach == Reach::Transferred,
                    began: connection.opened,
                };
                self.octets(notice, connection.client, signature, octets, || Cause {
                    client: connection.client,
                    server: connection.server,
                    transport: Some(connection.transport),
                    signature,
                    name: None,
                    source: named.ok(),
                    reach: connection.reach,
                    vlan: None,
                });
            }
            // A name of its own that no signature claims: the address is shared.
            (None, Ok(_)) => {}
            (None, Err(_)) => {
                if let Some((sighting, manner)) = self.correlate(connection) {
                    self.unnamed(notice, connection, &sighting, manner);
                    *correlated = Some(sighting);
                }
            }
        }
    }

    /// Takes octets of a connection that goes on.
    pub(super) fn progress(&mut self, notice: &Notice, progress: &Progress) {
        if self.is_home(progress.client.address) {
            self.hosts.heard(progress.client.address, &self.watch);
        }
        let octets = Octets {
            sent: progress.sent,
            received: progress.received,
            both_ways: progress.reach == Reach::Transferred,
            began: notice.at,
        };
        let signature = progress.signature;
        self.octets(notice, progress.client, signature, octets, || Cause {
            client: progress.client,
            server: progress.server,
            transport: Some(progress.transport),
            signature,
            name: None,
            source: progress.source,
            reach: progress.reach,
            vlan: None,
        });
    }

    /// The sighting that a connection without a name is, by what its server's address was answered
    /// for.
    fn correlate(&self, connection: &Connection) -> Option<(Sighting, Manner)> {
        let host = connection.client.address;
        if !self.is_home(host) {
            return None;
        }
        let address = connection.server.address;
        let answered = self.resolved.lookup(host, address, connection.opened)?;
        let claim = self.catalogue.claim(answered.name.as_str(), Service::Dns);
        let manner = match answered.grade {
            Grade::SomeClient => Manner::Elsewhere,
            // The signature claims not the name, but where its CNAME chain led.
            Grade::ThisClient if claim.is_none() => Manner::Via,
            Grade::ThisClient => Manner::Named,
        };
        let sighting = Sighting {
            observation: Observation {
                at: connection.opened,
                source: Source::DnsCorrelated,
                transport: connection.transport,
                src: connection.client,
                dst: connection.server,
                name: answered.name,
                vlan: None,
                ech: None,
                traits: None,
                ecs: None,
            },
            signature: answered.signature,
            via: None,
            reach: connection.reach,
        };
        Some((sighting, manner))
    }

    fn unnamed(
        &mut self,
        notice: &Notice,
        connection: &Connection,
        sighting: &Sighting,
        manner: Manner,
    ) {
        self.sighting(notice, sighting, manner);
        let signature = sighting.signature;
        let Some(class) = self.class(signature) else {
            return;
        };
        let mark = Mark {
            class,
            manner,
            seen: self.present(connection.client.address),
        };
        let key = (connection.client.address, class.vendor);
        if let Some(record) = self.records.get_mut(&key) {
            let octets = Octets {
                sent: connection.sent,
                received: connection.received,
                both_ways: false,
                began: connection.opened,
            };
            let mut over = Over::default();
            record
                .of_time(octets.began)
                .octets(notice.at, signature, mark, octets, &mut over);
            self.counts += over;
            self.tally.octets(class, octets);
        }
    }

    fn octets(
        &mut self,
        notice: &Notice,
        client: Endpoint,
        signature: SignatureId,
        octets: Octets,
        cause: impl Fn() -> Cause,
    ) {
        let host = client.address;
        if !self.is_home(host) {
            return;
        }
        let Some(class) = self.known_class(signature) else {
            return;
        };
        let mark = Mark {
            class,
            manner: Manner::Named,
            seen: self.present(host),
        };
        let Some(record) = self.record((host, class.vendor), notice.at) else {
            return;
        };
        let mut over = Over::default();
        let is_of_earlier = record.is_of_earlier(octets.began);
        let record = record.of_time(octets.began);
        let effect = record.octets(notice.at, signature, mark, octets, &mut over);
        self.counts += over;
        self.tally.octets(class, octets);
        if is_of_earlier {
            return;
        }
        let moment = Moment {
            notice,
            host,
            class,
        };
        self.heed(&moment, effect, cause);
    }
}
