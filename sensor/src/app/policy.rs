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

    /// The same snapshot under what is in force.
    pub(super) fn applied_to(&self, snapshot: Snapshot) -> Snapshot {
        Snapshot {
            directives: self.directives.load_full(),
            waivers: self.waivers.load_full(),
            ..snapshot
        }
    }
}
