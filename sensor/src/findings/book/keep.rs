//! Giving records away to be kept, and taking them back.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::shown::{contacts, span};
use super::{Address, Book, Record, SignatureId, State, Timestamp, VendorId, View, Watch};
use crate::findings::devices::MAX_ASIDE;
use crate::findings::record::{Cover, MAX_NAMES, MAX_SIGNATURES, Tally, Used};
use crate::findings::saved::{
    Kept, Page, Restored, SavedAside, SavedDevice, SavedFinding, SavedHost, SavedName, SavedWatch,
    SavedWho,
};
use crate::findings::state::Course;
use crate::names::Name;

impl Book {
    /// The record of a host and a vendor as it is to be kept; `None` if there is none, or no pack has
    /// the vendor.
    #[must_use]
    pub fn saved(&self, host: Address, vendor: VendorId) -> Option<SavedFinding> {
        let record = self.records.get(&(host, vendor))?;
        let view = self.hosts.view(host);
        let (first_seen, last_seen) = span(record, View::All)?;
        let verdict = record.verdict(view);
        Some(SavedFinding {
            host,
            vendor: self.catalogue.vendor(vendor)?.id.clone(),
            verdict,
            state: record.course.state,
            state_since: record.course.since,
            first_seen,
            last_seen,
            products: self.products(record, view, verdict),
            sightings: contacts(record, view).iter().sum(),
            sent: record.sent,
            received: record.received,
            page: self.page(record),
        })
    }

    /// What is kept of a host.
    #[must_use]
    pub fn saved_host(&self, host: Address) -> SavedHost {
        let seen = self.hosts.seen(host);
        let (is_resolver, is_proxy) = self.hosts.roles_of(host);
        SavedHost {
            host,
            is_proven: self.hosts.is_proven(host),
            is_resolver,
            is_proxy,
            was_asked: self.hosts.was_asked(host),
            seen_secs: seen.at.as_secs(),
            slots: seen.slots,
            who: self
                .now()
                .and_then(|it| self.directory.who(host, it))
                .map(|it| SavedWho::of_identity(&it)),
        }
    }

    /// How much time was watched.
    #[must_use]
    pub fn saved_watch(&self) -> SavedWatch {
        SavedWatch {
            watched: self.watch.watched(),
            slot: self.spans.slot(),
        }
    }

    /// The hosts and vendors of all records.
    pub fn keys(&self) -> impl Iterator<Item = (Address, VendorId)> {
        self.records.keys().copied()
    }

    /// Goes on with what was kept; to be called before the first notice.
    pub fn restore(&mut self, kept: Kept) -> Restored {
        let mut restored = Restored::default();
        let slot = self.spans.slot();
        self.watch = Watch::new(kept.watch.watched, slot, self.spans.blind_after);
        for host in &kept.hosts {
            self.hosts.restore(host);
            if let Some(who) = &host.who {
                self.directory.restore(host.host, &who.identity());
            }
        }
        let catalogue = Arc::clone(&self.catalogue);
        let numbers = (0..).map(SignatureId);
        let ids: Ids<'_> = numbers
            .map_while(|it| Some((it, catalogue.signature(it)?)))
            .map(|(number, it)| ((it.vendor, it.id.as_str()), number))
            .collect();
        let is_same_slot = kept.watch.slot == slot;
        for saved in kept.findings {
            let Some((vendor, _)) = self.catalogue.vendor_by_id(&saved.vendor) else {
                restored.gone_vendors.insert(saved.vendor);
                continue;
            };
            let key = (saved.host, vendor);
            if self.records.len() >= self.limits.findings || self.records.contains_key(&key) {
                restored.refused += 1;
                continue;
            }
            let course = (saved.state, saved.state_since);
            let kept = SavedAside {
                page: saved.page,
                sent: saved.sent,
                received: saved.received,
            };
            let names = (vendor, saved.vendor.as_str());
            let mut record = record_of(kept, course, names, &ids, &mut restored);
            if !is_same_slot {
                // Slots of another length do not add up: the host has yet to be there.
                let slots = self.hosts.seen(key.0).slots;
                let sides = [&mut record.dns, &mut record.direct];
                for contact in sides.into_iter().filter_map(|it| it.contact.as_mut()) {
                    contact.slots = slots;
                }
            }
            self.records.insert(key, record);
            self.weak.push_back(key);
            self.touched.insert((key.1, key.0));
            restored.findings += 1;
        }
        restored
    }

    fn page(&self, record: &Record) -> Page {
        let id = |it: SignatureId| Some(self.catalogue.signature(it)?.id.clone());
        let tally = |it: &Tally| Some(it.of(id(it.signature)?));
        let name = |it: &Used| {
            Some(SavedName {
                name: it.name.as_str().to_owned(),
                signature: id(it.signature)?,
                dns: it.dns,
                direct: it.direct,
            })
        };
        Page {
            told: record.told,
            waived: record.cover == Cover::Waived,
            since: record.course.since_watched,
            dns: record.dns,
            direct: record.direct,
            all_track: record.all_track.clone(),
            direct_track: record.direct_track.clone(),
            sources: record.sources.to_vec(),
            tallies: record.tallies.iter().filter_map(tally).collect(),
            names: record.names.iter().filter_map(name).collect(),
            who: record.who.as_deref().map(SavedWho::of),
            device: record.device.as_deref().map(SavedDevice::of),
            aside: record
                .aside
                .iter()
                .map(|it| SavedAside {
                    page: self.page(it),
                    sent: it.sent,
                    received: it.received,
                })
                .collect(),
            public: record.public,
        }
    }
}

/// Numbers of signatures by vendor and id.
type Ids<'c> = HashMap<(VendorId, &'c str), SignatureId, RandomState>;

/// A record out of what was kept of it.
fn record_of(
    kept: SavedAside,
    course: (State, Timestamp),
    (vendor, pack): (VendorId, &str),
    ids: &Ids<'_>,
    restored: &mut Restored,
) -> Record {
    let mut id = |text: &str| {
        let found = ids.get(&(vendor, text)).copied();
        if found.is_none() {
            restored.gone_signatures.insert(format!("{pack}/{text}"));
        }
        found
    };
    let Page {
        told,
        waived,
        since,
        dns,
        direct,
        all_track,
        direct_track,
        sources,
        mut tallies,
        mut names,
        who,
        device,
        mut aside,
        public,
    } = kept.page;
    tallies.truncate(MAX_SIGNATURES);
    names.truncate(MAX_NAMES);
    aside.truncate(MAX_ASIDE);
    let mut record = Record::begun(Course {
        state: course.0,
        since: course.1,
        since_watched: since,
    });
    record.told = told;
    record.cover = if waived { Cover::Waived } else { Cover::Open };
    record.dns = dns;
    record.direct = direct;
    record.all_track = all_track.bounded();
    record.direct_track = direct_track.bounded();
    for (sum, count) in record.sources.iter_mut().zip(sources) {
        *sum = count;
    }
    record.sent = kept.sent;
    record.received = kept.received;
    record.who = who.map(|it| Box::new(it.who()));
    record.device = device.map(|it| Box::new(it.device()));
    record.public = public;
    for it in tallies {
        record.tallies.extend(id(&it.signature).map(|id| it.of(id)));
    }
    for it in names {
        let used = id(&it.signature).zip(Name::from_normalised(&it.name));
        record.names.extend(used.map(|(signature, name)| Used {
            name,
            signature,
            dns: it.dns,
            direct: it.direct,
        }));
    }
    for mut it in aside {
        // Nobody puts aside what has something put aside itself.
        it.page.aside = Vec::new();
        let aside = record_of(it, course, (vendor, pack), ids, restored);
        record.aside.push(aside);
    }
    record
}
