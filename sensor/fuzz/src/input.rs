//! Takes an input apart: what stands at its front controls, the rest is what is read.

/// An input that is taken from its front. What is not there any more is zero.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    pub(crate) fn u8(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        *first
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from(self.u16()) | u32::from(self.u16()) << 16
    }

    /// The next `len` octets, or those that there are.
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (front, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        front
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Cuts octets into pieces of the lengths that `lens` says, one octet a length, over and over; of one
/// octet at the least, and at most `most` pieces. Each piece comes with its place.
pub(crate) fn pieces<'a>(octets: &'a [u8], lens: &[u8], most: usize) -> Vec<(usize, &'a [u8])> {
    let mut lens = lens.iter().cycle();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        let len = lens.next().map_or(octets.len(), |it| usize::from(*it) + 1);
        let end = octets.len().min(at + len);
        let end = if pieces.len() + 1 == most {
            octets.len()
        } else {
            end
        };
        pieces.push((at, &octets[at..end]));
        at = end;
    }
    pieces
}

/// Puts things into another order, as `swaps` says: one octet a thing to put to the front.
pub(crate) fn shuffle<T>(things: &mut [T], swaps: &[u8]) {
    if things.is_empty() {
        return;
    }
    for (place, swap) in swaps.iter().enumerate() {
        let len = things.len();
        things.swap(place % len, usize::from(*swap) % len);
    }
}
