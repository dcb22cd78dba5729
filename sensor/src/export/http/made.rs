//! Answers that are made of snapshots, once for all who ask at the same time.
//!
//! Making an answer can take long where there are many findings. So it is done beside the event loop,
//! one of a kind at a time, and the answer serves everybody for a moment: a tenth of a second, in
//! which the ledger would not publish anything else, or four times as long as it took to make. So
//! however many ask, making one kind of answer takes a fifth of a processor at most. What nobody has
//! asked for lately is forgotten.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as Turn;

use super::answer::Answer;

/// Answers by what they answer.
#[derive(Debug)]
pub(super) struct Made<K> {
    fresh: Duration,
    kinds: Mutex<BTreeMap<K, Slot>>,
}

type Slot = Arc<Turn<Option<Ready>>>;

/// An answer that was made.
#[derive(Debug)]
struct Ready {
    answer: Answer,
    at: Instant,
    took: Duration,
}

impl<K: Ord> Made<K> {
    /// None yet; each will do for `fresh` at least.
    pub(super) fn new(fresh: Duration) -> Self {
        Self {
            fresh,
            kinds: Mutex::default(),
        }
    }

    /// The answer of a kind; makes it if there is none that is fresh.
    pub(super) async fn answer(
        &self,
        kind: K,
        make: impl FnOnce() -> Answer + Send + 'static,
    ) -> Answer {
        let slot = {
            let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(kinds.entry(kind).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(ready) = slot.as_ref().filter(|it| it.is_fresh(self.fresh)) {
            return ready.answer.clone();
        }
        let begun = Instant::now();
        let Ok(answer) = tokio::task::spawn_blocking(make).await else {
            return Answer::text(500, "the answer could not be made\n");
        };
        *slot = Some(Ready {
            answer: answer.clone(),
            at: Instant::now(),
            took: begun.elapsed(),
        });
        answer
    }

    /// Forgets what is too old to be of use.
    pub(super) fn tidy(&self) {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.retain(|_, slot| match slot.try_lock() {
            Ok(slot) => slot.as_ref().is_some_and(|it| it.is_fresh(self.fresh)),
            // Somebody is at it.
            Err(_) => true,
        });
    }
}

impl Ready {
    fn is_fresh(&self, fresh: Duration) -> bool {
        !fresh.is_zero() && self.at.elapsed() < fresh.max(self.took * 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn who_asks_at_the_same_time_shares_an_answer_and_what_is_old_is_made_anew() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let made: Arc<Made<u8>> = Arc::new(Made::new(Duration::from_millis(200)));
        let count = Arc::new(AtomicU32::new(0));
        let ask = || {
            let (made, count) = (Arc::clone(&made), Arc::clone(&count));
            async move {
                let make = move || {
                    count.fetch_add(1, Ordering::Relaxed);
                    Answer::text(200, "x")
                };
                made.answer(1, make).await.len()
            }
        };
        runtime.block_on(async {
            let all: Vec<_> = (0..50).map(|_| tokio::spawn(ask())).collect();
            for it in all {
                assert_eq!(it.await.unwrap(), 1);
            }
        });
        assert_eq!(count.load(Ordering::Relaxed), 1);
        std::thread::sleep(Duration::from_millis(210));
        made.tidy();
        assert!(made.kinds.lock().unwrap().is_empty());
        runtime.block_on(ask());
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
