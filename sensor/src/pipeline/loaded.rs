//! The loaded catalogue, which a reload replaces while the pipeline runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use phonehome_signatures::Catalogue;

/// The catalogue that is in force.
///
/// A catalogue that replaces another must be its successor: a signature or vendor that both have
/// has the same number in both, for flows and findings keep numbers of the old one.
#[derive(Debug)]
pub struct Loaded(ArcSwap<Catalogue>);

/// One thread's view of the loaded catalogue.
#[derive(Debug)]
pub struct Follower {
    loaded: Arc<Loaded>,
    catalogue: Arc<Catalogue>,
}

impl Loaded {
    /// Puts a catalogue in force.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self(ArcSwap::new(catalogue))
    }

    /// Puts the successor of the catalogue in force. Each worker takes it up with its next batch, and
    /// the ledger before anything that was matched with it.
    pub fn replace(&self, successor: Arc<Catalogue>) {
        self.0.store(successor);
    }

    /// The catalogue in force.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.0.load_full()
    }
}

impl Follower {
    /// Starts with the catalogue in force.
    #[must_use]
    pub fn new(loaded: Arc<Loaded>) -> Self {
        let catalogue = loaded.catalogue();
        Self { loaded, catalogue }
    }

    /// The catalogue in force, if it is another than when this was last asked. Takes no lock.
    pub fn changed(&mut self) -> Option<&Arc<Catalogue>> {
        let newest = self.loaded.0.load();
        if Arc::ptr_eq(&newest, &self.catalogue) {
            return None;
        }
        self.catalogue = Arc::clone(&newest);
        Some(&self.catalogue)
    }

    /// The catalogue when [`Follower::changed`] was last asked, or at the start.
    #[must_use]
    pub const fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_follower_hears_once_of_a_replacement() {
        let loaded = Arc::new(Loaded::new(Arc::default()));
        let mut followers = [(); 2].map(|()| Follower::new(Arc::clone(&loaded)));
        let successor: Arc<Catalogue> = Arc::default();
        for it in &mut followers {
            assert!(it.changed().is_none());
        }
        loaded.replace(Arc::clone(&successor));
        for it in &mut followers {
            assert!(it.changed().is_some_and(|it| Arc::ptr_eq(it, &successor)));
            assert!(it.changed().is_none());
            assert!(Arc::ptr_eq(it.catalogue(), &successor));
        }
    }
}
