//! How many findings were open on which day, and by when none should be.
//!
//! A line that changes by day is made of the turns of each finding that counts. Under a directive a
//! finding is open from the day on which its verdict counts. A waiver takes it out of the line from
//! the day on which that was told; where nothing was told, as in capture files, from its first day.
//! The last value is always the number of open findings that stands in the report.

use std::collections::BTreeMap;

use phonehome_signatures::{Day, Directive, Step};

use super::courses::{Courses, Stands, Turn};
use super::{Endpoint, Stand, day_of};
use crate::export::Snapshot;
use crate::findings::profile::{Standing, standing_of};
use crate::findings::{Finding, Verdict};

/// Open findings by day.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::export) struct BurnDown {
    /// A point for each day on which something changed, and for the last day; at most
    /// [`MAX_POINTS`], of which the oldest are left out.
    pub(in crate::export) points: Vec<Point>,
    /// Open findings before the first point.
    pub(in crate::export) before: u64,
    /// From how many on which day to none on which day.
    pub(in crate::export) ideal: Option<(Point, Day)>,
    /// Every thirty days, as far as the line reaches; at most [`MAX_STATUSES`], the newest.
    pub(in crate::export) statuses: Vec<Point>,
    /// How the last days went.
    pub(in crate::export) pace: Pace,
}

/// A day of the line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::export) struct Point {
    pub(in crate::export) day: Day,
    /// Findings open at the end of the day.
    pub(in crate::export) open: u64,
    /// Findings opened or returned since the point before.
    pub(in crate::export) came: u64,
    /// Findings removed, absent or waived since the point before.
    pub(in crate::export) went: u64,
}

/// Where the line leads, going on as in the last [`PACE_DAYS`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::export) enum Pace {
    /// The line is too short to tell.
    #[default]
    TooShort,
    /// Nothing is open.
    Done,
    /// The line does not fall.
    Flat,
    /// It falls: from how many open findings, over how many days, and none on which day.
    Falls { from: u64, days: u64, none_on: Day },
}

impl BurnDown {
    pub(super) fn new(
        snapshot: &Snapshot,
        courses: &Courses,
        directive: Option<&Directive>,
        endpoints: &[Endpoint<'_>],
    ) -> Self {
        let today = number(snapshot.today());
        let mut days: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        for endpoint in endpoints {
            let turns = courses.of(endpoint.finding);
            for (day, came) in turns_of(endpoint, &turns, directive, today) {
                let (opened, closed) = days.entry(day.min(today)).or_default();
                *(if came { opened } else { closed }) += 1;
            }
        }
        let mut line = Self::line(&days, today);
        line.statuses = statuses(&line, directive, today);
        line.ideal = ideal(&line, directive);
        line.pace = pace(&line, today);
        line
    }

    fn line(days: &BTreeMap<i64, (u64, u64)>, today: i64) -> Self {
        let mut open = 0_u64;
        let mut points: Vec<Point> = Vec::with_capacity(days.len() + 1);
        for (number, (came, went)) in days {
            open = (open + came).saturating_sub(*went);
            points.push(Point {
                day: day(*number),
                open,
                came: *came,
                went: *went,
            });
        }
        if points.last().is_some_and(|it| it.day < day(today)) {
            points.push(Point {
                day: day(today),
                open,
                came: 0,
                went: 0,
            });
        }
        let left_out = points.len().saturating_sub(MAX_POINTS);
        let before = left_out.checked_sub(1).map_or(0, |it| points[it].open);
        points.drain(..left_out);
        Self {
            points,
            before,
            ..Self::default()
        }
    }

    /// Open findings at the end of a day.
    pub(in crate::export) fn open_on(&self, day: Day) -> u64 {
        let after = self.points.partition_point(|it| it.day <= day);
        match after.checked_sub(1) {
            Some(it) => self.points[it].open,
            None => self.before,
        }
    }

    /// The first and the last day of the line; `None` without one.
    pub(in crate::export) fn span(&self) -> Option<(Day, Day)> {
        Some((self.points.first()?.day, self.points.last()?.day))
    }

    /// What came and went after one day and until another.
    fn between(&self, after: Day, until: Day) -> (u64, u64) {
        let points = self.points.iter();
        let inside = points.filter(|it| after < it.day && it.day <= until);
        inside.fold((0, 0), |sum, it| (sum.0 + it.came, sum.1 + it.went))
    }
}

/// The days on which a finding came into the line (`true`) or left it.
fn turns_of(
    endpoint: &Endpoint<'_>,
    turns: &[Turn],
    directive: Option<&Directive>,
    today: i64,
) -> Vec<(i64, bool)> {
    let finding = endpoint.finding;
    let was_waived = turns.iter().any(|it| it.stands == Stands::Waived);
    let is_waived = endpoint.stand == Stand::Waived;
    if is_waived && !was_waived {
        return Vec::new();
    }
    let mut moves = Vec::new();
    let mut is_open = false;
    for turn in turns {
        let opens = turn.stands == Stands::Open && counts(directive, finding, turn.verdict);
        if opens != is_open {
            moves.push((number(day_of(turn.at)), opens));
            is_open = opens;
        }
    }
    // What is not told as a turn, such as the end of a waiver, holds from today on.
    if is_open != endpoint.stand.is_open() {
        moves.push((today, !is_open));
    }
    moves
}

/// Whether a finding counts with a verdict that it had.
fn counts(directive: Option<&Directive>, finding: &Finding, verdict: Verdict) -> bool {
    directive.is_none_or(|it| standing_of(it, finding, verdict) == Standing::Counts)
}

/// A status every thirty days: from the day on which removal begins, else from the day of issue;
/// in an inventory from the first day of the line.
fn statuses(line: &BurnDown, directive: Option<&Directive>, today: i64) -> Vec<Point> {
    let Some((first, _)) = line.span() else {
        return Vec::new();
    };
    let base = match directive {
        Some(it) => it.day_for(Step::Begin).unwrap_or(it.date),
        None => first,
    };
    let (base, first) = (number(base), number(first));
    let newest = base + (today - base).div_euclid(STATUS_DAYS) * STATUS_DAYS;
    let mut days: Vec<i64> = (0..MAX_STATUSES)
        .map(|it| newest - it * STATUS_DAYS)
        .take_while(|it| *it >= first.max(base))
        .collect();
    days.reverse();
    let rows = days.into_iter().map(|it| {
        let (came, went) = line.between(day(it - STATUS_DAYS), day(it));
        Point {
            day: day(it),
            open: line.open_on(day(it)),
            came,
            went,
        }
    });
    rows.collect()
}

/// From the most that were open, on the day on which they first were, to none on the day for
/// completion.
fn ideal(line: &BurnDown, directive: Option<&Directive>) -> Option<(Point, Day)> {
    let complete = directive?.day_for(Step::Complete)?;
    let before = line.points.iter().filter(|it| it.day < complete);
    let most = before.rev().max_by_key(|it| it.open)?;
    (most.open > 0).then_some((*most, complete))
}

fn pace(line: &BurnDown, today: i64) -> Pace {
    let Some((first, _)) = line.span() else {
        return Pace::TooShort;
    };
    let open = line.open_on(day(today));
    let days = (today - number(first)).min(PACE_DAYS);
    if days < LEAST_PACE_DAYS {
        return Pace::TooShort;
    }
    if open == 0 {
        return Pace::Done;
    }
    let from = line.open_on(day(today - days));
    let Some(fall) = from.checked_sub(open).filter(|it| *it > 0) else {
        return Pace::Flat;
    };
    let days = days.unsigned_abs();
    let left = open.saturating_mul(days).div_ceil(fall);
    let none_on = today.saturating_add(i64::try_from(left).unwrap_or(i64::MAX));
    Pace::Falls {
        from,
        days,
        none_on: day(none_on),
    }
}

/// Days since 1970.
pub(super) fn number(day: Day) -> i64 {
    day.start_seconds().div_euclid(86_400)
}

/// The day with a number.
pub(super) fn day(number: i64) -> Day {
    Day::of_seconds(number.saturating_mul(86_400))
}

/// Points of a line at most: nearly three years in which something changed every day.
pub(in crate::export) const MAX_POINTS: usize = 1_000;

/// Statuses at most: three years.
const MAX_STATUSES: i64 = 36;

/// Days between two statuses, as BOD 17-01 asks for them.
const STATUS_DAYS: i64 = 30;

/// Days that the pace is taken from.
const PACE_DAYS: i64 = 30;

/// Days that a pace takes at least.
const LEAST_PACE_DAYS: i64 = 7;

#[cfg(test)]
mod tests;
