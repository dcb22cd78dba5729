//! Network interfaces as sources of frames.

use std::io::Write;

use crate::capture::live::{Heard, Live, OpenError, Opened};
use crate::capture::settings::Settings;
use crate::export::Looking;
use crate::frame::{Card, Run};
use crate::pipeline::{InputState, Next, Pace, Source};

/// Interfaces that are listened on by one thread. The first of several says on standard error when
/// one goes down or comes back, and what is wrong with its settings.
pub struct LiveSource {
    live: Live,
    names: Vec<String>,
    heard: usize,
    speaks: bool,
    /// Why an interface was down when it was last spoken of, and what its card did.
    spoken: Vec<(Option<String>, Option<Card>)>,
}

/// Interfaces that have been opened.
#[derive(Debug)]
pub struct Listening {
    /// One for each capturing thread.
    pub sources: Vec<LiveSource>,
    /// What is left out by choice, for display.
    pub looking: Looking,
}

impl LiveSource {
    /// Opens interfaces, and says what an operator should know of it.
    ///
    /// # Errors
    ///
    /// When there is no such interface, or it may not be listened on; when the filter is wrong; or
    /// when a prefilter that is required cannot be had.
    pub fn open(interfaces: &[String], settings: &Settings) -> Result<Listening, OpenError> {
        let Opened {
            captures,
            left_out,
            warnings,
        } = Live::open(interfaces, settings)?;
        if let Some(filter) = &settings.filter {
            tell(&format!(
                "the filter {filter:?} is in force; what it leaves out is not looked at"
            ));
        }
        for warning in &warnings {
            tell(warning);
        }
        let sources = captures.into_iter().enumerate().map(|(number, live)| Self {
            live,
            names: interfaces.to_vec(),
            heard: 0,
            speaks: number == 0,
            spoken: vec![(None, None); interfaces.len()],
        });
        Ok(Listening {
            sources: sources.collect(),
            looking: Looking {
                filter: settings.filter.clone(),
                left_out: left_out.iter().map(|it| it.as_str()).collect(),
            },
        })
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
                tell(&match &state.down {
                    Some(why) => format!("interface {name}: {why}"),
                    None => format!("interface {name}: is up again"),
                });
                down.clone_from(&state.down);
            }
            if *card != state.card {
                let lines = state.card.iter().flat_map(|it| it.advice(name));
                for line in lines {
                    tell(&line);
                }
                *card = state.card;
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
                Next::Frames
            }
            Heard::Silence(at) => Next::Idle(at),
        }
    }

    fn pace(&self) -> Pace {
        Pace::Live
    }

    fn input(&self) -> usize {
        self.heard
    }

    fn inputs(&mut self) -> Vec<InputState> {
        if self.speaks {
            self.speak();
        }
        let states = self.live.states().into_iter();
        states
            .map(|it| InputState {
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

fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "phonehome: {text}");
}
