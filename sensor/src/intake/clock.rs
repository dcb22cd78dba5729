//! Packet time: made of the times of frames, it never goes back and never stands for long.
//!
//! Frames come nearly in order; one that is older than the newest by less than [`SLACK`] is merely
//! late. Beyond that the clock that stamps frames may have been set, or single frames may have wrong
//! times. Which of the two it is shows in what follows: after a clock was set, all frames go on in
//! order from the new time, while wrong times jump about. So odd times move nothing until enough of
//! them have come in order. Then packet time goes on from where it stood, with the new clock.
//!
//! A step forward is different in a file and on a wire. In a file it is a silence, however long. On
//! a wire silence is told in small steps, so that a leap can only be a clock that was set.

use std::time::Duration;

use crate::time::Timestamp;

/// Packet time of one capture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    now: Timestamp,
    /// Packet time less the time that frames have, in nanoseconds.
    offset: i64,
    /// Longest step forward that is believed at once, in nanoseconds.
    longest_step: i64,
    doubt: Option<Doubt>,
}

/// Steps forward that a source can make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Steps {
    /// Of any length: a silence of a day is one step.
    Any,
    /// Small ones: the source tells of silence while it lasts.
    Small,
}

/// Odd times that have come in order so far.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    newest: i64,
    times: u32,
    /// How far they have gone on, in nanoseconds; of one step at most [`STRIDE`] counts.
    progress: i64,
}

impl Clock {
    pub(super) const fn new(steps: Steps) -> Self {
        Self {
            now: Timestamp::MIN,
            offset: 0,
            longest_step: match steps {
                Steps::Any => i64::MAX,
                Steps::Small => nanos(LEAP),
            },
            doubt: None,
        }
    }

    /// Takes the time of a frame, or one up to which there was none. Whether packet time has moved.
    #[inline]
    pub(super) fn take(&mut self, at: Timestamp) -> bool {
        let at = at.as_nanos().saturating_add(self.offset);
        let step = at.saturating_sub(self.now.as_nanos());
        if step > 0 && step <= self.longest_step {
            self.now = Timestamp::from_nanos(at);
            self.doubt = None;
            return true;
        }
        if step <= 0 && step >= -nanos(SLACK) {
            return false;
        }
        self.odd(at, step)
    }

    /// Packet time.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// What the clock that stamps frames shows at this packet time.
    pub(super) const fn shown(&self) -> Timestamp {
        Timestamp::from_nanos(self.now.as_nanos().saturating_sub(self.offset))
    }

    #[cold]
    fn odd(&mut self, at: i64, step: i64) -> bool {
        if self.now == Timestamp::MIN {
            self.now = Timestamp::from_nanos(at);
            return true;
        }
        let doubt = match self.doubt {
            Some(it) if at >= it.newest.saturating_sub(nanos(SLACK)) => Doubt {
                newest: it.newest.max(at),
                times: it.times.saturating_add(1),
                progress: it
                    .progress
                    .saturating_add(at.saturating_sub(it.newest).clamp(0, nanos(STRIDE))),
            },
            _ => Doubt {
                newest: at,
                times: 1,
                progress: 0,
            },
        };
        let is_settled = if step > 0 {
            doubt.times >= LEAP_TIMES
        } else {
            doubt.progress >= nanos(SETTLED)
        };
        if is_settled {
            let ahead = self.now.as_nanos().saturating_sub(doubt.newest);
            self.offset = self.offset.saturating_add(ahead);
        }
        self.doubt = (!is_settled).then_some(doubt);
        false
    }
}

#[expect(clippy::cast_possible_truncation, reason = "some seconds")]
const fn nanos(duration: Duration) -> i64 {
    duration.as_nanos() as i64
}

/// How much older than the newest a frame may be that is merely late: interfaces are read in turn, and
/// capture files merged.
const SLACK: Duration = Duration::from_secs(2);

/// Longest step that a source with small steps makes. A live one gives the time ten times a second.
const LEAP: Duration = Duration::from_secs(10);

/// Times in order after which a leap is believed.
const LEAP_TIMES: u32 = 16;

/// How far older times must go on in order before the clock is taken to have been set back. Times that
/// jump about do not go on so long: that would be [`SETTLED`] / [`STRIDE`] in rising order by chance.
const SETTLED: Duration = Duration::from_secs(16);

/// Most that one step counts, so that a few times far apart settle nothing.
const STRIDE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000;

    fn secs(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(START + secs, 0)
    }

    fn millis(millis: i64) -> Timestamp {
        Timestamp::from_nanos((START * 1000 + millis) * 1_000_000)
    }

    fn started(steps: Steps) -> Clock {
        let mut clock = Clock::new(steps);
        assert!(clock.take(secs(0)));
        clock
    }

    #[test]
    fn a_late_frame_moves_nothing() {
        let mut clock = started(Steps::Any);
        assert!(clock.take(secs(2)));
        assert!(!clock.take(secs(1)));
        assert!(!clock.take(secs(2)));
        assert_eq!(clock.now(), secs(2));
    }

    #[test]
    fn a_clock_that_is_set_back_goes_on_after_a_while_and_never_goes_back() {
        for steps in [Steps::Any, Steps::Small] {
            let mut clock = started(steps);
            let mut before = clock.now();
            for tenth in 0..600 {
                clock.take(millis(-3_600_000 + tenth * 100));
                assert!(clock.now() >= before);
                before = clock.now();
            }
            let gone_on = clock.now().since(secs(0));
            assert!(gone_on >= Duration::from_secs(43), "{gone_on:?}");
            assert!(gone_on <= Duration::from_secs(60), "{gone_on:?}");
            assert_eq!(clock.shown(), millis(-3_600_000 + 59_900));
        }
    }

    #[test]
    fn a_clock_that_is_set_forward_on_a_wire_is_no_silence() {
        let mut clock = started(Steps::Small);
        for tenth in 0..600 {
            clock.take(millis(3_600_000 + tenth * 100));
        }
        let gone_on = clock.now().since(secs(0));
        assert!(gone_on >= Duration::from_secs(57), "{gone_on:?}");
        assert!(gone_on <= Duration::from_secs(60), "{gone_on:?}");
        assert_eq!(clock.shown(), millis(3_600_000 + 59_900));
    }

    #[test]
    fn a_silence_in_a_file_is_one_step() {
        let mut clock = started(Steps::Any);
        assert!(clock.take(secs(86_400)));
        assert_eq!(clock.now(), secs(86_400));
    }

    #[test]
    fn single_wrong_times_move_nothing() {
        let mut clock = started(Steps::Small);
        for second in 1..100 {
            clock.take(secs(second));
            clock.take(secs(if second % 2 == 0 {
                9_999_999
            } else {
                -9_999_999
            }));
            assert_eq!(clock.now(), secs(second));
            assert_eq!(clock.shown(), secs(second));
        }
    }

    #[test]
    fn times_in_no_order_at_all_do_not_make_time_run() {
        let mut clock = started(Steps::Any);
        let mut random = 1_u64;
        for _ in 0..100_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            clock.take(millis(((random >> 33) % 3_600_000) as i64));
        }
        assert!(clock.now() <= secs(3600), "{}", clock.now());
    }

    #[test]
    fn the_ends_of_time_do_no_harm() {
        for steps in [Steps::Any, Steps::Small] {
            let mut clock = Clock::new(steps);
            for at in [Timestamp::MAX, Timestamp::MIN, secs(0), Timestamp::MAX] {
                for _ in 0..40 {
                    clock.take(at);
                }
            }
        }
    }
}
