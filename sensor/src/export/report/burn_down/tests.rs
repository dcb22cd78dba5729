//! Tests of the line and what follows from it.

use super::*;

/// A line of days since 2017-10-01 with what came and went on them, and the last day.
fn line(days: &[(i64, u64, u64)], last: i64) -> BurnDown {
    let days = days
        .iter()
        .map(|(at, came, went)| (FIRST + at, (*came, *went)));
    BurnDown::line(&days.collect(), FIRST + last)
}

#[test]
fn the_line_goes_on_to_the_last_day() {
    let line = line(&[(0, 3, 0), (5, 1, 2)], 9);
    let open: Vec<(i64, u64)> = line
        .points
        .iter()
        .map(|it| (number(it.day) - FIRST, it.open))
        .collect();
    assert_eq!(open, [(0, 3), (5, 2), (9, 2)]);
    let on = |it: i64| line.open_on(day(FIRST + it));
    assert_eq!([on(-1), on(0), on(4), on(5), on(9)], [0, 3, 3, 2, 2]);
}

#[test]
fn the_oldest_points_make_room_and_the_count_goes_on() {
    let days: Vec<(i64, u64, u64)> = (0..1_500).map(|it| (it, 1, 0)).collect();
    let line = line(&days, 1_499);
    assert_eq!(line.points.len(), MAX_POINTS);
    assert_eq!(line.before, 500);
    assert_eq!(line.open_on(day(FIRST + 1_499)), 1_500);
    assert_eq!(line.open_on(day(FIRST)), 500);
}

#[test]
fn the_pace_is_that_of_thirty_days() {
    let falling = line(&[(0, 30, 0), (40, 0, 10)], 60);
    let falls = Pace::Falls {
        from: 30,
        days: 30,
        none_on: day(FIRST + 60 + 60),
    };
    assert_eq!(pace(&falling, FIRST + 60), falls);
    let rising = line(&[(0, 3, 0), (40, 1, 0)], 60);
    assert_eq!(pace(&rising, FIRST + 60), Pace::Flat);
    let short = line(&[(0, 3, 0)], 6);
    assert_eq!(pace(&short, FIRST + 6), Pace::TooShort);
    let done = line(&[(0, 3, 0), (5, 0, 3)], 9);
    assert_eq!(pace(&done, FIRST + 9), Pace::Done);
}

#[test]
fn a_status_is_due_every_thirty_days_from_the_day_on_which_removal_begins() {
    let directives = phonehome_signatures::Directives::builtin().unwrap();
    let bod = directives.by_id("us-bod-17-01");
    let begin = number("2017-12-12".parse().unwrap()) - FIRST;
    let days = [(0, 9, 0), (begin + 1, 0, 2), (begin + 31, 1, 3)];
    let line = line(&days, begin + 70);
    let rows: Vec<(String, u64, u64, u64)> = statuses(&line, bod, FIRST + begin + 70)
        .iter()
        .map(|it| (it.day.to_string(), it.open, it.came, it.went))
        .collect();
    let expected = [
        ("2017-12-12", 9, 0, 0),
        ("2018-01-11", 7, 0, 2),
        ("2018-02-10", 5, 1, 3),
    ];
    assert_eq!(rows, expected.map(|it| (it.0.to_owned(), it.1, it.2, it.3)));
}

#[test]
fn the_way_to_none_leads_from_the_most_to_the_day_for_completion() {
    let directives = phonehome_signatures::Directives::builtin().unwrap();
    let line = line(&[(0, 5, 0), (10, 7, 0), (20, 0, 6)], 60);
    let ndaa = ideal(&line, directives.by_id("us-ndaa-1634")).unwrap();
    assert_eq!((number(ndaa.0.day) - FIRST, ndaa.0.open), (10, 12));
    assert_eq!(ndaa.1.to_string(), "2018-10-01");
    assert_eq!(ideal(&line, directives.by_id("us-bod-17-01")), None);
    assert_eq!(ideal(&line, None), None);
}

/// Number of 2017-10-01.
const FIRST: i64 = 17_440;
