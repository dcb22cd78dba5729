//! Reads again, while the sensor runs, what can change without a new start.
//!
//! These are the packs, directives, waivers, home networks and the level of the log: the settings of
//! [`Change::OnReload`]. Everything is read and found right before anything is put in force, so that
//! a reload takes effect as a whole or not at all. The pipeline takes up what is new by itself:
//! workers with their next batch, the ledger before the next notice. Nothing waits, and no frame is
//! lost or counted twice.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use phonehome_signatures::Catalogue;

use super::ledger::Shared;
use crate::config::{Change, Config, Duties, KEYS, Layers};
use crate::export::Reload;
use crate::log::Dial;
use crate::pipeline::Loaded;
use crate::wall;

/// Reads settings and what they name again.
#[derive(Debug)]
pub struct Reloader {
    layers: Layers,
    /// The settings at the start.
    started: Config,
    loaded: Arc<Loaded>,
    shared: Arc<Shared>,
    dial: Dial,
    turn: Mutex<()>,
    newest: ArcSwap<Reload>,
}

/// What is to be put in force.
struct Read {
    config: Config,
    catalogue: Arc<Catalogue>,
    duties: Duties,
}

impl Reloader {
    /// For a sensor that has just been started with `started`, which `layers` gave.
    #[must_use]
    pub fn new(
        layers: Layers,
        started: Config,
        loaded: Arc<Loaded>,
        shared: Arc<Shared>,
        dial: Dial,
    ) -> Self {
        let at = wall::now();
        let newest = Reload {
            at,
            succeeded_at: at,
            errors: Vec::new(),
            waiting: Vec::new(),
        };
        Self {
            layers,
            started,
            loaded,
            shared,
            dial,
            turn: Mutex::new(()),
            newest: ArcSwap::from_pointee(newest),
        }
    }

    /// Reads everything again and puts it in force, or tells why all stays as it is. Says in the log
    /// what it did. One call waits for another.
    ///
    /// # Errors
    ///
    /// All that is wrong, a sentence each.
    pub fn reload(&self) -> Result<(), Vec<String>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let at = wall::now();
        match self.read() {
            Ok(read) => {
                let waiting = waiting(&self.started, &read.config);
                self.put(read);
                for sentence in &waiting {
                    tracing::warn!("{sentence}");
                }
                self.newest.store(Arc::new(Reload {
                    at,
                    succeeded_at: at,
                    errors: Vec::new(),
                    waiting,
                }));
                Ok(())
            }
            Err(mut errors) => {
                tracing::error!("nothing was reloaded; what was in force stays");
                for error in &errors {
                    tracing::error!("{error}");
                }
                let more = errors.len().saturating_sub(MAX_ERRORS);
                if more > 0 {
                    errors.truncate(MAX_ERRORS);
                    errors.push(format!("and {more} more"));
                }
                let before = self.newest.load();
                self.newest.store(Arc::new(Reload {
                    at,
                    succeeded_at: before.succeeded_at,
                    errors: errors.clone(),
                    waiting: before.waiting.clone(),
                }));
                Err(errors)
            }
        }
    }

    /// The newest reload; the start, if there was none.
    #[must_use]
    pub fn newest(&self) -> Arc<Reload> {
        self.newest.load_full()
    }

    /// The catalogue in force.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.loaded.catalogue()
    }

    fn read(&self) -> Result<Read, Vec<String>> {
        let effective = self.layers.load();
        let config = effective.map_err(|it| sentences(&it))?.config;
        let before = self.loaded.catalogue();
        let catalogue = match config.catalogue() {
            Ok(fresh) => fresh.succeed(&before).map_err(|it| sentences(&it)),
            Err(error) => Err(sentences(&error)),
        };
        let catalogue = catalogue.map(Arc::new);
        let against = catalogue.as_ref().unwrap_or(&before);
        let duties = config.duties(against).map_err(|it| sentences(&it));
        match (catalogue, duties) {
            (Ok(catalogue), Ok(duties)) => Ok(Read {
                config,
                catalogue,
                duties,
            }),
            (catalogue, duties) => {
                let errors = catalogue.err().into_iter().chain(duties.err());
                Err(errors.flatten().collect())
            }
        }
    }

    fn put(&self, read: Read) {
        let packs = read.catalogue.version();
        self.dial.set(read.config.log_level);
        self.shared.set_home(read.config.home());
        self.loaded.replace(read.catalogue);
        self.shared.set_directives(read.duties.directives);
        self.shared.set_waivers(read.duties.waivers);
        tracing::info!("reloaded; packs: {packs}");
        for note in &read.duties.notes {
            tracing::warn!("{note}");
        }
    }
}

/// What is said of the settings that are other than at the start, and cannot change before the next.
fn waiting(started: &Config, config: &Config) -> Vec<String> {
    let fixed = KEYS.iter().filter(|it| it.change == Change::AtStart);
    let others = fixed.filter_map(|key| {
        let (old, new) = (key.toml(started), key.toml(config));
        let words = |it: Option<String>| it.unwrap_or_else(|| "absent".to_owned());
        (old != new).then(|| {
            format!(
                "{} = {} takes effect at the next start; until then it is {}",
                key.name,
                words(new),
                words(old)
            )
        })
    });
    others.collect()
}

/// An error with what caused it; a sentence for each of its lines.
fn sentences(error: &dyn Error) -> Vec<String> {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(it) = cause {
        text.push_str(": ");
        text.push_str(&it.to_string());
        cause = it.source();
    }
    text.lines().map(str::to_owned).collect()
}

/// Errors of one reload that are kept to be shown; the log has all.
const MAX_ERRORS: usize = 50;
