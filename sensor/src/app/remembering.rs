//! A source whose capture remembers frames, for evidence.

use crate::frame::Run;
use crate::pipeline::memory::Memory;
use crate::pipeline::{InputState, Next, Pace, Source};

/// A source, and by what its capture remembers.
pub(super) struct Remembering<'s> {
    source: &'s mut (dyn Source + Send),
    memory: Option<Memory>,
}

impl<'s> Remembering<'s> {
    pub(super) fn new(source: &'s mut (dyn Source + Send), memory: Option<Memory>) -> Self {
        Self { source, memory }
    }
}

impl Source for Remembering<'_> {
    fn next_run(&mut self, run: &mut Run) -> Next {
        self.source.next_run(run)
    }

    fn pace(&self) -> Pace {
        self.source.pace()
    }

    fn input(&self) -> usize {
        self.source.input()
    }

    fn inputs(&mut self) -> Vec<InputState> {
        self.source.inputs()
    }

    fn memory(&mut self) -> Option<Memory> {
        self.memory.take()
    }

    fn number_of(&self, input: usize) -> usize {
        self.source.number_of(input)
    }
}
