//! To whom the ledger tells events.
//!
//! Who reads capture files wants every event, and the reading waits until it is written. A running
//! sensor waits for nobody: its events go to [`Outputs`], and which ones, its settings say.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use phonehome_signatures::Catalogue;

use crate::detection::Sighting;
use crate::export::events::repeats::{Due, Repeats};
use crate::export::events::{Event, Shape, What};
use crate::export::output::Outputs;
use crate::identity::Directory;
use crate::time::Timestamp;

/// What is known that events are told with.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// What the ids of signatures belong to.
    pub(super) catalogue: &'a Catalogue,
    /// Who has which address.
    pub(super) directory: &'a Directory,
}

/// Who is told of events.
#[derive(Default)]
pub(super) enum Telling {
    /// Nobody.
    #[default]
    Nobody,
    /// Somebody who wants all, and is waited for.
    File(ToFile),
    /// The outputs of a running sensor.
    Outputs(Box<ToOutputs>),
}

/// A file that takes every event.
pub(super) struct ToFile {
    out: Box<dyn Write>,
    line: Vec<u8>,
    failed: Option<io::Error>,
}

/// Outputs, and what they are told.
pub(super) struct ToOutputs {
    outputs: Outputs,
    /// What keeps sightings from being told too often; `None` if they are not told at all.
    repeats: Option<Repeats>,
    due: Vec<Due>,
    evicted: Arc<AtomicU64>,
}

impl Telling {
    /// Writes every event, in the shape of EVE.
    pub(super) fn writing(out: Box<dyn Write>) -> Self {
        Self::File(ToFile {
            out,
            line: Vec::new(),
            failed: None,
        })
    }

    /// Tells outputs of changes, and with `repeats` of sightings too. `evicted` is how many of those
    /// were told before their time because there was no room.
    pub(super) fn outputs(
        outputs: Outputs,
        repeats: Option<Repeats>,
        evicted: Arc<AtomicU64>,
    ) -> Self {
        Self::Outputs(Box::new(ToOutputs {
            outputs,
            repeats,
            due: Vec::new(),
            evicted,
        }))
    }

    /// Whether anybody is told.
    pub(super) const fn is_heard(&self) -> bool {
        !matches!(self, Self::Nobody)
    }

    /// Tells of a sighting that became known at `now`.
    pub(super) fn sighting(&mut self, known: Known<'_>, now: Timestamp, sighting: &Sighting) {
        match self {
            Self::Nobody => {}
            Self::File(file) => known.event_of(sighting, 1, |it| file.write(it)),
            Self::Outputs(told) => told.sighting(known, now, sighting),
        }
    }

    /// Tells of something else.
    pub(super) fn event(&mut self, event: &Event<'_>) {
        match self {
            Self::Nobody => {}
            Self::File(file) => file.write(event),
            Self::Outputs(told) => told.outputs.tell(event),
        }
    }

    /// Tells what was held back until `now`.
    pub(super) fn tick(&mut self, known: Known<'_>, now: Timestamp) {
        if let Self::Outputs(told) = self {
            told.tick(known, now);
        }
    }

    /// Ends it: what was held back is told.
    ///
    /// # Errors
    ///
    /// The first error of writing to somebody who is waited for.
    pub(super) fn finish(&mut self, known: Known<'_>) -> io::Result<()> {
        match std::mem::take(self) {
            Self::Nobody => Ok(()),
            Self::File(file) => file.finish(),
            Self::Outputs(mut told) => {
                told.finish(known);
                Ok(())
            }
        }
    }
}

impl ToFile {
    fn write(&mut self, event: &Event<'_>) {
        if self.failed.is_some() {
            return;
        }
        self.line.clear();
        let written = Shape::Eve
            .write(&mut self.line, event)
            .and_then(|()| self.out.write_all(&self.line));
        self.failed = written.err();
    }

    fn finish(mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}

impl ToOutputs {
    fn sighting(&mut self, known: Known<'_>, now: Timestamp, sighting: &Sighting) {
        if let Some(repeats) = &mut self.repeats {
            repeats.tick(now, &mut self.due);
            repeats.take(now, sighting, &mut self.due);
            self.evicted.store(repeats.evicted(), Ordering::Relaxed);
        }
        self.tell_due(known);
    }

    fn tick(&mut self, known: Known<'_>, now: Timestamp) {
        if let Some(repeats) = &mut self.repeats {
            repeats.tick(now, &mut self.due);
        }
        self.tell_due(known);
    }

    fn finish(&mut self, known: Known<'_>) {
        if let Some(repeats) = &mut self.repeats {
            repeats.finish(&mut self.due);
        }
        self.tell_due(known);
    }

    fn tell_due(&mut self, known: Known<'_>) {
        for (sighting, stands_for) in self.due.drain(..) {
            known.event_of(&sighting, stands_for, |it| self.outputs.tell(it));
        }
    }
}

impl Known<'_> {
    /// Gives the event of a sighting to `tell`.
    fn event_of(self, sighting: &Sighting, stands_for: u64, tell: impl FnOnce(&Event<'_>)) {
        let (host, at) = (
            sighting.observation.client().address,
            sighting.observation.at,
        );
        // It may have been held back while the address went to another device.
        let who = self.directory.who(host, at).filter(|it| it.since <= at);
        tell(&Event {
            catalogue: self.catalogue,
            sensor: None,
            who: who.as_ref(),
            what: What::Sighting {
                sighting,
                started: at,
                stands_for,
            },
        });
    }
}
