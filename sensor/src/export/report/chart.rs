//! Drawings of a burn-down: a chart with axes and milestones, and a small line for a table.
//!
//! What a line is shows by its form: open findings are a solid line in steps, the way to none by the
//! day of completion is dashed, milestones are dotted and numbered as in the table beside.

use phonehome_signatures::{Day, Directive};

use super::burn_down::{BurnDown, day, number};
use super::svg::{Anchor, Svg};
use crate::export::human_count;

/// How large a chart is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Size {
    /// For a page.
    Wide,
    /// For a telephone.
    Narrow,
}

/// The days and counts that a chart shows, and where they are on it.
struct Scale {
    first: i64,
    last: i64,
    most: u64,
    size: (f64, f64),
}

impl Scale {
    fn x(&self, day: i64) -> f64 {
        let width = self.size.0 - LEFT - RIGHT;
        LEFT + width * part(day - self.first, self.last - self.first)
    }

    fn y(&self, count: u64) -> f64 {
        let height = self.size.1 - TOP - BOTTOM;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let most = i64::try_from(self.most).unwrap_or(i64::MAX);
        TOP + height * (1.0 - part(count, most))
    }

    fn bottom(&self) -> f64 {
        self.size.1 - BOTTOM
    }
}

/// Draws open findings by day; `None` where the line is of a single day and no milestone is near.
/// `id` is unique on the page.
pub(super) fn chart(
    line: &BurnDown,
    directive: Option<&Directive>,
    size: Size,
    id: &str,
) -> Option<String> {
    let (first, today) = line.span()?;
    let near = near_milestones(directive, first, today);
    let scale = scale(line, &near, first, today, size)?;
    let open = line.open_on(today);
    let title = "Open findings by day";
    let said = format!(
        "From {first} to {today}: {} at most, {} on the last day.",
        human_count(most(line)),
        human_count(open)
    );
    let mut svg = Svg::new(scale.size, class(size), id, title, &said);
    axes(&mut svg, &scale, size);
    if let Some((from, none_on)) = line.ideal {
        svg.line(
            "ideal",
            (scale.x(number(from.day)), scale.y(from.open)),
            (scale.x(number(none_on)), scale.bottom()),
        );
    }
    milestones(&mut svg, &scale, &near);
    let points: Vec<(f64, f64)> = std::iter::once((scale.x(scale.first), scale.y(line.before)))
        .chain(
            line.points
                .iter()
                .map(|it| (scale.x(number(it.day)), scale.y(it.open))),
        )
        .collect();
    svg.steps("open", &points);
    if let Some(end) = points.last() {
        svg.dot("end", *end, 3.5);
        let is_late = end.0 > scale.size.0 - RIGHT - 60.0;
        let (x, anchor) = if is_late {
            (end.0 - 6.0, Anchor::End)
        } else {
            (end.0 + 7.0, Anchor::Start)
        };
        let y = (end.1 - 8.0).max(TOP + 10.0);
        svg.words(
            "value",
            (x, y),
            anchor,
            &format!("{} open", human_count(open)),
        );
    }
    Some(svg.finish())
}

/// Draws the line alone, small; `None` where it is of a single day.
pub(super) fn spark(line: &BurnDown, id: &str) -> Option<String> {
    let (first, today) = line.span().filter(|it| it.0 < it.1)?;
    let said = format!("{} on {today}", human_count(line.open_on(today)));
    let mut svg = Svg::new((160.0, 36.0), "spark", id, "Open findings by day", &said);
    let (from, to, most) = (number(first), number(today), most(line).max(1));
    let at = |day: i64, count: u64| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        (
            2.0 + 154.0 * part(day - from, to - from),
            32.0 - 28.0 * part(count, most),
        )
    };
    let points = line.points.iter().map(|it| at(number(it.day), it.open));
    let points: Vec<(f64, f64)> = std::iter::once(at(from, line.before))
        .chain(points)
        .collect();
    svg.line("axis", (2.0, 33.5), (156.0, 33.5));
    svg.steps("open", &points);
    if let Some(end) = points.last() {
        svg.dot("end", *end, 2.5);
    }
    Some(svg.finish())
}

/// A bar of parts of a whole, of which the first is filled and the others are outlined.
pub(super) fn bar(parts: [u64; 2], whole: u64, id: &str, said: &str) -> String {
    let mut svg = Svg::new((120.0, 14.0), "bar", id, "Share", said);
    let mut at = 0.5;
    for (class, count) in ["filled", "outlined"].into_iter().zip(parts) {
        let whole = i64::try_from(whole.max(1)).unwrap_or(i64::MAX);
        let width = 119.0 * part(i64::try_from(count).unwrap_or(i64::MAX), whole);
        if width > 0.0 {
            svg.rect(class, (at, 1.5), (width, 11.0));
        }
        at += width;
    }
    svg.finish()
}

/// The milestones that are drawn, with the number that each has among all of the directive.
fn near_milestones(directive: Option<&Directive>, first: Day, today: Day) -> Vec<(usize, Day)> {
    let milestones = directive.map_or(&[][..], |it| &it.milestones);
    let numbered = milestones.iter().enumerate();
    numbered
        .map(|(place, it)| (place + 1, it.date))
        .filter(|(_, date)| {
            first.days_after(*date) <= NEAR_BEFORE && date.days_after(today) <= NEAR_AFTER
        })
        .collect()
}

fn scale(
    line: &BurnDown,
    near: &[(usize, Day)],
    first: Day,
    today: Day,
    size: Size,
) -> Option<Scale> {
    let days = near.iter().map(|it| number(it.1));
    let from = days.clone().fold(number(first), i64::min);
    let mut to = days.fold(number(today), i64::max);
    if let Some((_, none_on)) = line.ideal
        && none_on.days_after(today) <= NEAR_AFTER
    {
        to = to.max(number(none_on));
    }
    (from < to).then_some(Scale {
        first: from,
        last: to,
        most: most(line).max(1),
        size: match size {
            Size::Wide => (760.0, 270.0),
            Size::Narrow => (360.0, 250.0),
        },
    })
}

fn most(line: &BurnDown) -> u64 {
    let open = line.points.iter().map(|it| it.open);
    open.chain([line.before]).max().unwrap_or(0)
}

const fn class(size: Size) -> &'static str {
    match size {
        Size::Wide => "chart wide",
        Size::Narrow => "chart narrow",
    }
}

fn axes(svg: &mut Svg, scale: &Scale, size: Size) {
    let right = scale.size.0 - RIGHT;
    let step = step_of(scale.most);
    let counts = (0..).map(|it: u64| it.saturating_mul(step));
    for count in counts.take_while(|it| *it <= scale.most) {
        let y = scale.y(count);
        let class = if count == 0 { "axis" } else { "grid" };
        svg.line(class, (LEFT, y), (right, y));
        svg.words(
            "tick",
            (LEFT - 6.0, y + 4.0),
            Anchor::End,
            &human_count(count),
        );
    }
    let bottom = scale.bottom();
    for (at, words) in ticks(scale.first, scale.last, size) {
        let x = scale.x(at);
        svg.line("axis", (x, bottom), (x, bottom + 4.0));
        let anchor = if x < LEFT + 24.0 {
            Anchor::Start
        } else if x > right - 24.0 {
            Anchor::End
        } else {
            Anchor::Middle
        };
        svg.words("tick", (x, bottom + 18.0), anchor, &words);
    }
}

fn milestones(svg: &mut Svg, scale: &Scale, near: &[(usize, Day)]) {
    let mut last: Option<(f64, f64)> = None;
    for (place, date) in near {
        let x = scale.x(number(*date));
        let row = match last {
            Some((before, row)) if x - before < 18.0 && row < 2.0 => row + 1.0,
            _ => 0.0,
        };
        last = Some((x, row));
        let y = 10.0 + row * 13.0;
        svg.line("milestone", (x, y + 7.0), (x, scale.bottom()));
        svg.dot("badge", (x, y), 7.5);
        svg.words("number", (x, y + 4.0), Anchor::Middle, &place.to_string());
    }
}

/// A step between marks of an axis of counts: 1, 2 or 5 and zeros, so that there are six marks at
/// most.
fn step_of(most: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = unit.saturating_mul(factor);
            if most / step <= 5 {
                return step;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// Days to be marked, with their words.
fn ticks(first: i64, last: i64, size: Size) -> Vec<(i64, String)> {
    let most = match size {
        Size::Wide => 9,
        Size::Narrow => 4,
    };
    let span = last - first;
    if span <= 7 * most {
        let step = match (span + most - 1) / most {
            ..=1 => 1,
            2 => 2,
            _ => 7,
        };
        let marks = (0..=span / step).map(|it| first + it * step);
        return marks.map(|it| (it, day_words(day(it)))).collect();
    }
    let months = (span / 30).max(1);
    let every = [1, 2, 3, 6, 12, 24, 60]
        .into_iter()
        .find(|it| months / it < most)
        .unwrap_or(120);
    let starts = (first..=last).filter_map(|it| {
        let (year, month, date) = parts(day(it));
        let is_marked = date == 1 && (year * 12 + month - 1) % every == 0;
        is_marked.then(|| (it, month_words(year, month)))
    });
    let marks: Vec<(i64, String)> = starts.collect();
    if marks.is_empty() {
        return vec![(first, day_words(day(first))), (last, day_words(day(last)))];
    }
    marks
}

/// `2 Oct`.
fn day_words(day: Day) -> String {
    let (_, month, date) = parts(day);
    format!("{date} {}", month_name(month))
}

/// `Oct 17`.
fn month_words(year: i64, month: i64) -> String {
    format!("{} {:02}", month_name(month), year.rem_euclid(100))
}

fn month_name(month: i64) -> &'static str {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let place = usize::try_from(month - 1).unwrap_or(0);
    NAMES.get(place).copied().unwrap_or("")
}

/// Year, month and day of the month.
fn parts(day: Day) -> (i64, i64, i64) {
    let text = day.to_string();
    let mut numbers = text.rsplitn(3, '-').map(|it| it.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let (date, month, year) = (next(), next(), next());
    (year, month, date)
}

/// A part of a whole, between zero and one.
#[expect(
    clippy::cast_precision_loss,
    reason = "a place on a drawing; days and counts are far below 2^53"
)]
fn part(part: i64, whole: i64) -> f64 {
    if whole <= 0 {
        return 0.0;
    }
    (part as f64 / whole as f64).clamp(0.0, 1.0)
}

/// Space around the field of a chart, for words.
const LEFT: f64 = 44.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 30.0;

/// Days before the first and after the last of the line within which a milestone is drawn.
const NEAR_BEFORE: i32 = 92;
const NEAR_AFTER: i32 = 366;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_counts_are_round_and_few() {
        let steps: Vec<u64> = [1, 5, 6, 11, 26, 51, 260, 9_999, u64::MAX]
            .into_iter()
            .map(step_of)
            .collect();
        assert_eq!(steps[..8], [1, 1, 2, 2, 5, 10, 50, 2_000]);
        assert!(u64::MAX / steps[8] <= 5);
    }

    #[test]
    fn marks_of_days_are_few_at_any_span() {
        let from = number("2017-09-13".parse().unwrap());
        for span in [1, 2, 6, 7, 30, 60, 90, 120, 400, 1_000, 3_000] {
            for (size, most) in [(Size::Wide, 10), (Size::Narrow, 6)] {
                let marks = ticks(from, from + span, size);
                assert!(
                    !marks.is_empty() && marks.len() <= most,
                    "{span}: {marks:?}"
                );
            }
        }
        assert_eq!(day_words("2017-10-02".parse().unwrap()), "2 Oct");
        assert_eq!(month_words(2018, 1), "Jan 18");
    }
}
