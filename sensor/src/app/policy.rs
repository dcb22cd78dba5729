//! Directives and waivers in force. They decide what counts, not what is found, so they can be
//! replaced while the sensor runs, and hold from the next snapshot on.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use phonehome_signatures::{Catalogue, Day, Directives, VendorId};

use crate::export::Snapshot;
use crate::findings::waivers::{Force, Waivers};
use crate::findings::{Book, Change};
use crate::time::Timestamp;

/// The directives and waivers in force, shared by all who make snapshots.
#[derive(Debug, Default)]
pub(super) struct Policy {
    directives: ArcSwap<Directives>,
    waivers: ArcSwap<Waivers>,
}

impl Policy {
    pub(super) fn set_directives(&self, directives: Directives) {
        self.directives.store(Arc::new(directives));
    }

    pub(super) fn set_waivers(&self, waivers: Waivers) {
        self.waivers.store(Arc::new(waivers));
    }

    pub(super) fn directives(&self) -> Arc<Directives> {
        self.directives.load_full()
    }

    fn waivers(&self) -> Guard<Arc<Waivers>> {
        self.waivers.load()
    }

    /// The same snapshot under what is in force.
    pub(super) fn applied_to(&self, snapshot: Snapshot) -> Snapshot {
        Snapshot {
            directives: self.directives.load_full(),
            waivers: self.waivers.load_full(),
            ..snapshot
        }
    }
}

/// Tells when waivers begin to cover findings, and when they end.
#[derive(Debug, Default)]
pub(super) struct Covers {
    waivers: Arc<Waivers>,
    /// The end of the day for which they were looked at.
    until: Option<Timestamp>,
}

impl Covers {
    /// Appends the changes that waivers make: to all findings when a day has ended or there are other
    /// waivers, else to those that `changes` are of.
    pub(super) fn look(
        &mut self,
        policy: &Policy,
        catalogue: &Catalogue,
        book: &mut Book,
        changes: &mut Vec<Change>,
    ) {
        let waivers = policy.waivers();
        let is_other = !Arc::ptr_eq(&waivers, &self.waivers);
        if waivers.is_empty() && self.waivers.is_empty() {
            return;
        }
        let Some(now) = book.now() else { return };
        let is_over = self.until.is_none_or(|it| it <= now);
        if !is_other && !is_over && changes.is_empty() {
            return;
        }
        let today = Day::of_seconds(now.as_nanos().div_euclid(NANOS_A_SECOND));
        let tomorrow = today.start_seconds().saturating_add(SECONDS_A_DAY);
        self.until = Some(Timestamp::from_secs_nanos(tomorrow, 0));
        self.waivers = Arc::clone(&waivers);
        let is_waived = |host, vendor: VendorId| {
            let id = catalogue.vendor(vendor).map(|it| it.id.as_str());
            let waived = id.and_then(|it| waivers.find(it, host, today));
            waived.is_some_and(|it| it.force == Force::Holds)
        };
        if is_other || is_over {
            book.cover_all(is_waived, changes);
        } else {
            let keys: Vec<_> = changes.iter().map(|it| (it.host, it.vendor)).collect();
            book.cover(keys, is_waived, changes);
        }
    }
}

const NANOS_A_SECOND: i64 = 1_000_000_000;
const SECONDS_A_DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use phonehome_signatures::Catalogue;

    use super::*;
    use crate::app::ledger::Ledger;
    use crate::app::snapshot::Input;

    use crate::findings::Limits;
    use crate::host::HomeNetworks;
    use crate::pipeline::{Loaded, Sizes};

    #[test]
    fn new_directives_are_in_force_from_the_next_snapshot_on() {
        let catalogue = Arc::new(Catalogue::builtin().unwrap());
        let input = Input::files(&[PathBuf::from("a.pcap")], Sizes::default());
        let loaded = Arc::new(Loaded::new(catalogue));
        let mut ledger = Ledger::new(loaded, HomeNetworks::default(), Limits::default(), input);
        let shared = ledger.share();
        let ids = || {
            let snapshot = shared.snapshot();
            let list = snapshot.directives.list().iter();
            list.map(|it| it.id.clone()).collect::<Vec<_>>()
        };
        assert!(ids().is_empty());
        let builtin = Directives::builtin().unwrap();
        ledger.set_directives(builtin.choose(&["us-bod-17-01"]).unwrap());
        assert_eq!(ids(), ["us-bod-17-01"]);
        shared.set_directives(builtin.choose(&["us-ndaa-889"]).unwrap());
        assert_eq!(ids(), ["us-ndaa-889"]);
        assert_eq!(ledger.snapshot().directives.list().len(), 1);
    }
}
