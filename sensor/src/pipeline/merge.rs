//! Notices of several workers, put into the order of the frames that caused them.

use std::collections::VecDeque;

use crate::worker::Told;

/// What has come from each worker and waits for the others.
///
/// A worker's notices come in order, and its watermark says up to which frame there will be no
/// more of them. What no worker can come before any more is given in order; the rest waits. As every
/// worker hears of progress at least every few thousand frames, little waits, but for what a tick
/// ends: at most all flows, each a notice of 128 octets, until the slowest worker has come to it.
#[derive(Debug)]
pub(super) struct Merge {
    lanes: Vec<Lane>,
}

#[derive(Debug, Default)]
struct Lane {
    told: VecDeque<Told>,
    watermark: u64,
}

impl Merge {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            lanes: (0..workers).map(|_| Lane::default()).collect(),
        }
    }

    /// Takes what a worker told.
    pub(super) fn push(&mut self, worker: usize, told: Vec<Told>) {
        if let Some(lane) = self.lanes.get_mut(worker) {
            lane.told.extend(told);
        }
    }

    /// Takes a worker's word that it will tell of no frame below `watermark` any more.
    pub(super) fn advance(&mut self, worker: usize, watermark: u64) {
        if let Some(lane) = self.lanes.get_mut(worker) {
            lane.watermark = lane.watermark.max(watermark);
        }
    }

    /// Takes out the next notice in order, if no worker can come with an earlier one.
    pub(super) fn pop(&mut self) -> Option<Told> {
        // A worker that has told something comes with nothing earlier.
        let silent = self.lanes.iter().filter(|it| it.told.is_empty());
        let settled = silent.map(|it| it.watermark).min().unwrap_or(u64::MAX);
        let place = |it: &Told| (it.notice.number, it.since);
        let (next, lane) = self
            .lanes
            .iter()
            .enumerate()
            .filter_map(|(lane, it)| Some((place(it.told.front()?), lane)))
            .min()?;
        if next.0 >= settled {
            return None;
        }
        let lane = self.lanes.get_mut(lane)?;
        let told = lane.told.pop_front();
        if lane.told.is_empty() && lane.told.capacity() > KEPT {
            lane.told = VecDeque::new();
        }
        told
    }
}

/// Room for notices that a lane keeps when it is empty.
const KEPT: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::{Notice, What};
    use crate::host::Address;
    use crate::time::Timestamp;

    fn told(number: u64, since: u64) -> Told {
        let what = What::Resolver(Address::from_v4([10, 0, 0, 1]));
        Told {
            since,
            notice: Notice {
                number,
                at: Timestamp::default(),
                what,
            },
        }
    }

    fn drain(merge: &mut Merge) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| merge.pop())
            .map(|it| (it.notice.number, it.since))
            .collect()
    }

    #[test]
    fn a_notice_is_no_larger_than_the_bounds_say() {
        assert!(size_of::<Told>() <= 128, "{} octets", size_of::<Told>());
    }

    #[test]
    fn notices_come_in_the_order_of_their_frames() {
        let mut merge = Merge::new(2);
        merge.push(0, vec![told(1, u64::MAX), told(5, 2), told(5, u64::MAX)]);
        merge.push(1, vec![told(3, u64::MAX), told(5, 1)]);
        merge.advance(0, 6);
        merge.advance(1, 6);
        assert_eq!(
            drain(&mut merge),
            [(1, u64::MAX), (3, u64::MAX), (5, 1), (5, 2), (5, u64::MAX)]
        );
    }

    #[test]
    fn a_notice_waits_until_no_worker_can_come_with_an_earlier_one() {
        let mut merge = Merge::new(2);
        merge.push(0, vec![told(4, 0)]);
        merge.advance(0, 5);
        assert_eq!(drain(&mut merge), []);
        merge.advance(1, 4);
        assert_eq!(drain(&mut merge), []);
        merge.push(1, vec![told(4, 1), told(5, 1)]);
        assert_eq!(drain(&mut merge), [(4, 0), (4, 1)]);
        merge.push(0, vec![told(6, 0)]);
        assert_eq!(drain(&mut merge), [(5, 1)]);
    }

    #[test]
    fn what_one_tick_ends_is_given_as_it_comes_if_nobody_else_can_tell() {
        let mut merge = Merge::new(1);
        for piece in 0..3 {
            merge.push(0, vec![told(9, 2 * piece), told(9, 2 * piece + 1)]);
            assert_eq!(drain(&mut merge).len(), 2);
        }
    }
}
