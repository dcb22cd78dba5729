//! Sightings of home hosts, counted for metrics.

use std::collections::BTreeMap;

use phonehome_signatures::{Category, VendorId};

use super::ChangeKind;
use super::record::Octets;
use super::weight::Class;
use crate::detection::{Reach, Sighting};
use crate::names::Source;
use crate::time::Timestamp;

/// Sightings counted three ways; the sums of a vendor are equal. All counts only grow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// By what the traffic is for.
    pub by_category: BTreeMap<(VendorId, Category), u64>,
    /// By where the name was read.
    pub by_source: BTreeMap<(VendorId, Source), u64>,
    /// By how far the exchange got.
    pub by_reach: BTreeMap<(VendorId, Reach), u64>,
    /// Octets sent and received, by what the traffic is for.
    pub octets: BTreeMap<(VendorId, Category), [u64; 2]>,
    /// Newest sighting.
    pub last_seen: BTreeMap<VendorId, Timestamp>,
    /// Changes told of.
    pub changes: BTreeMap<(VendorId, ChangeKind), u64>,
}

impl Tally {
    pub(super) fn sighting(&mut self, sighting: &Sighting, class: Class) {
        let Class {
            vendor, category, ..
        } = class;
        let observation = &sighting.observation;
        *self.by_category.entry((vendor, category)).or_default() += 1;
        *self
            .by_source
            .entry((vendor, observation.source))
            .or_default() += 1;
        *self.by_reach.entry((vendor, sighting.reach)).or_default() += 1;
        let newest = self.last_seen.entry(vendor).or_insert(Timestamp::MIN);
        *newest = observation.at.max(*newest);
    }

    pub(super) fn octets(&mut self, class: Class, octets: Octets) {
        let sums = self
            .octets
            .entry((class.vendor, class.category))
            .or_default();
        *sums = [sums[0] + octets.sent, sums[1] + octets.received];
    }
}
