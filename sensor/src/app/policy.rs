//! Directives and waivers in force. They decide what counts, not what is found, so they can be
//! replaced while the sensor runs, and hold from the next snapshot on.

use std::sync::Arc;

use arc_swap::ArcSwap;
use phonehome_signatures::Directives;

use crate::export::Snapshot;
use crate::findings::waivers::Waivers;

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

    /// The same snapshot under what is in force.
    pub(super) fn applied_to(&self, snapshot: Snapshot) -> Snapshot {
        Snapshot {
            directives: self.directives.load_full(),
            waivers: self.waivers.load_full(),
            ..snapshot
        }
    }
}

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
