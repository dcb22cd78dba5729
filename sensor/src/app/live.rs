//! Network interfaces as a source of frames.

pub use crate::capture::live::Settings;
use crate::capture::live::{Heard, Live, OpenError};
use crate::frame::Run;
use crate::pipeline::{InputState, Next, Pace, Source};

/// Interfaces that are listened on. Logs when one goes down or comes back.
pub struct LiveSource {
    live: Live,
    names: Vec<String>,
    heard: usize,
    /// Why an interface was down when it was last spoken of.
    spoken: Vec<Option<String>>,
}

impl LiveSource {
    /// Opens interfaces.
    ///
    /// # Errors
    ///
    /// When there is no such interface, or it may not be listened on.
    pub fn open(interfaces: &[String], settings: Settings) -> Result<Self, OpenError> {
        Ok(Self {
            live: Live::open(interfaces, settings)?,
            names: interfaces.to_vec(),
            heard: 0,
            spoken: vec![None; interfaces.len()],
        })
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
        let states = self.live.states();
        for ((name, spoken), state) in self.names.iter().zip(&mut self.spoken).zip(&states) {
            if *spoken != state.down {
                match &state.down {
                    Some(why) => tracing::warn!("interface {name}: {why}"),
                    None => tracing::info!("interface {name}: is up again"),
                }
                spoken.clone_from(&state.down);
            }
        }
        states
            .into_iter()
            .map(|it| InputState {
                link: it.link,
                down: it.down,
                lost_by_driver: it.lost_by_driver,
                lost_by_ring: it.lost_by_ring,
            })
            .collect()
    }
}
