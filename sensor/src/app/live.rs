//! Network interfaces as sources of frames.

use std::sync::Arc;

use crate::capture::live::{Heard, Live, OpenError, Opened};
use crate::capture::settings::Settings;
use crate::export::Looking;
use crate::frame::{Card, Run};
use crate::pipeline::{InputState, Next, Pace, Source};
use pairing::Pairing;

mod pairing;
mod selfcheck;

/// Interfaces that are listened on by one thread. The first of several logs when one goes down or
/// comes back, and what is wrong with its settings.
pub struct LiveSource {
    live: Live,
    names: Vec<String>,
    heard: usize,
    /// Which of the threads this is; the first speaks for all.
    ring: usize,
    /// Absent where there is one ring an interface.
    pairing: Option<Arc<Pairing>>,
    pairing_told: bool,
    /// Why an interface was down when it was last spoken of, and what its card did.
    spoken: Vec<(Option<String>, Option<Card>)>,
    refused: Option<Refused>,
}

/// Interfaces that have been opened.
#[derive(Debug)]
pub struct Listening {
    /// One for each capturing thread.
    pub sources: Vec<LiveSource>,
    /// What is left out by choice, for display.
    pub looking: Looking,
}

/// An interface could be opened again, and may not be.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "interface {0} is there, but CAP_NET_RAW, which opens it, was given up at the start; start the \
     sensor anew, as its service does by itself, or keep that right with --rights.keep-net-raw"
)]
pub struct Refused(String);

impl LiveSource {
    /// Opens interfaces for a pipeline with that many workers, and says what an operator should know
    /// of it.
    ///
    /// # Errors
    ///
    /// When there is no such interface, or it may not be listened on; when the filter is wrong; when
    /// a prefilter that is required cannot be had; or when the sensor would tear flows apart.
    pub fn open(
        interfaces: &[String],
        settings: &Settings,
        workers: usize,
    ) -> Result<Listening, OpenError> {
        let checked = selfcheck::both_directions_reach_one_worker(workers);
        let checked = checked.map_err(OpenError::SelfCheck)?;
        tracing::info!("both directions of {checked} made-up flows reach one of {workers} workers");
        let Opened {
            captures,
            left_out,
            warnings,
        } = Live::open(interfaces, settings)?;
        if let Some(filter) = &settings.filter {
            tracing::info!(
                "the filter {filter:?} is in force; what it leaves out is not looked at"
            );
        }
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let pairing = (captures.len() > 1).then(Arc::<Pairing>::default);
        let sources = captures.into_iter().enumerate().map(|(ring, live)| Self {
            live,
            names: interfaces.to_vec(),
            heard: 0,
            ring,
            pairing: pairing.clone(),
            pairing_told: false,
            spoken: vec![(None, None); interfaces.len()],
            refused: None,
        });
        Ok(Listening {
            sources: sources.collect(),
            looking: Looking {
                filter: settings.filter.clone(),
                left_out: left_out.iter().map(|it| it.as_str()).collect(),
            },
        })
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// [`Refused`] if it ended by itself because an interface may not be opened again.
    pub fn finish(self) -> Result<(), Refused> {
        self.refused.map_or(Ok(()), Err)
    }

    /// Says what has changed about the interfaces since this was last called.
    fn speak(&mut self) {
        for ((name, spoken), state) in self
            .names
            .iter()
            .zip(&mut self.spoken)
            .zip(self.live.states())
        {
            let (down, card) = spoken;
            if *down != state.down {
                match &state.down {
                    Some(why) => tracing::warn!("interface {name}: {why}"),
                    None => tracing::info!("interface {name}: is up again"),
                }
                down.clone_from(&state.down);
            }
            if *card != state.card {
                let lines = state.card.iter().flat_map(|it| it.advice(name));
                for line in lines {
                    tracing::warn!("{line}");
                }
                *card = state.card;
            }
        }
        if let Some(pairing) = &self.pairing
            && !self.pairing_told
            && pairing.is_over()
        {
            self.pairing_told = true;
            for (number, name) in self.names.iter().enumerate() {
                let [one_ring, two_rings, one_way] = pairing.counts(number);
                tracing::info!(
                    "interface {name}: of its first connections {one_ring} came both ways out of one \
                     ring, {two_rings} out of two, {one_way} were heard one way only"
                );
            }
        }
    }
}

impl std::fmt::Debug for LiveSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveSource")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Source for LiveSource {
    fn next_run(&mut self, run: &mut Run) -> Next {
        match self.live.next_run(run) {
            Heard::Frames(interface) => {
                self.heard = interface;
                if let Some(pairing) = &self.pairing {
                    pairing.take(run, interface, self.ring);
                }
                Next::Frames
            }
            Heard::Silence(at) => Next::Idle(at),
            Heard::Refused(number) => {
                let name = self.names.get(number).cloned();
                self.refused = Some(Refused(name.unwrap_or_default()));
                Next::End
            }
        }
    }

    fn pace(&self) -> Pace {
        Pace::Live
    }

    fn input(&self) -> usize {
        self.heard
    }

    fn inputs(&mut self) -> Vec<InputState> {
        if self.ring == 0 {
            self.speak();
        }
        let pairing = self.pairing.as_ref().filter(|_| self.ring == 0);
        let states = self.live.states().into_iter().enumerate();
        states
            .map(|(number, it)| InputState {
                rings: pairing.map(|it| it.counts(number)),
                link: it.link,
                down: it.down,
                lost_by_driver: it.lost_by_driver,
                lost_by_ring: it.lost_by_ring,
                cut_off: it.cut_off.map(|it| [it.frames, it.octets]),
                card: it.card,
            })
            .collect()
    }
}
