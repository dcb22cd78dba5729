//! The part of the table that says what counts under the directives in force.

use std::fmt::Write;

use phonehome_signatures::{Countable, Day, Directive, Step};

use super::{Paint, Style, paragraph};
use crate::export::directives::Tally;
use crate::export::{Snapshot, human_count};
use crate::findings::Finding;
use crate::findings::waivers::Force;

/// Writes a paragraph for each directive in force; nothing if there is none.
pub(super) fn write(text: &mut String, snapshot: &Snapshot, style: Style) {
    if snapshot.directives.list().is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", style.paint(Paint::Bold, "DIRECTIVES"));
    for (line, missing) in lines(snapshot) {
        paragraph(text, "  ", "    ", &line);
        if let Some(line) = missing {
            paragraph(text, "    ", "    ", &line);
        }
    }
}

/// A sentence for each directive in force, and one about vendors that no pack is loaded for.
pub(in crate::export) fn lines(
    snapshot: &Snapshot,
) -> impl Iterator<Item = (String, Option<String>)> {
    snapshot.directives.list().iter().map(|directive| {
        let line = sentence(directive, &snapshot.tally(directive), snapshot.today());
        let missing: Vec<&str> = directive
            .vendors
            .iter()
            .map(String::as_str)
            .filter(|it| snapshot.catalogue.vendor_by_id(it).is_none())
            .collect();
        let missing =
            (!missing.is_empty()).then(|| format!("no pack is loaded for {}", missing.join(", ")));
        (line, missing)
    })
}

/// What is said of the waiver for a finding, if there is one.
pub(in crate::export) fn waiver(snapshot: &Snapshot, finding: &Finding) -> Option<String> {
    let waived = snapshot.waived(finding)?;
    let waiver = waived.waiver;
    let (until, reason, by) = (waiver.until, &waiver.reason, &waiver.by);
    Some(match waived.force {
        Force::Holds => format!("waived until {until}: {reason} ({by})"),
        Force::RanOut => format!("open again, the waiver ran out on {until}: {reason} ({by})"),
    })
}

/// `under BOD 17-01: 3 open findings count, 1 more waived; not counted: 1 embedded; …`
fn sentence(directive: &Directive, tally: &Tally, today: Day) -> String {
    let mut line = match tally.open {
        1 => format!("under {}: 1 open finding counts", directive.name),
        open => format!(
            "under {}: {} open findings count",
            directive.name,
            human_count(open)
        ),
    };
    if tally.waived > 0 {
        let _ = write!(line, ", {} more waived", human_count(tally.waived));
    }
    if tally.removed > 0 {
        let _ = write!(line, ", {} removed", human_count(tally.removed));
    }
    if tally.absent > 0 {
        let _ = write!(line, ", {} absent", human_count(tally.absent));
    }
    let kinds = tally.other_kinds.iter();
    let mut left: Vec<String> = kinds
        .map(|(kind, count)| format!("{} {}", human_count(*count), kind_words(*kind)))
        .collect();
    if tally.excluded > 0 {
        left.push(format!(
            "{} of products left out",
            human_count(tally.excluded)
        ));
    }
    if !left.is_empty() {
        let _ = write!(line, "; not counted: {}", left.join(", "));
    }
    let _ = match directive.day_for(Step::Complete) {
        None => write!(line, "; it sets no day for completion"),
        Some(day) => match day.days_after(today) {
            0 => write!(line, "; complete by {day}, today"),
            1 => write!(line, "; complete by {day}, tomorrow"),
            left @ 2.. => write!(line, "; complete by {day}, in {left} days"),
            _ if tally.open == 0 => write!(line, "; complete by {day}, nothing is open"),
            -1 => write!(line, "; complete by {day}, overdue by 1 day"),
            late => write!(
                line,
                "; complete by {day}, overdue by {} days",
                -i64::from(late)
            ),
        },
    };
    line
}

/// A kind of finding that does not count, in plain words.
pub(in crate::export) const fn kind_words(kind: Countable) -> &'static str {
    match kind {
        Countable::Contact => "in contact only",
        Countable::Likely => "likely",
        Countable::Installed => "installed",
        Countable::InstalledActive => "installed and active",
        Countable::Manager => "manager",
        Countable::Embedded => "embedded",
        Countable::Download => "download only",
        Countable::Browsing => "of web sites only",
        Countable::Embeds => "of parts in other pages only",
    }
}

#[cfg(test)]
mod tests {
    use phonehome_signatures::Directives;

    use super::*;

    fn of(id: &str, open: u64, today: &str) -> String {
        let directives = Directives::builtin().unwrap();
        let tally = Tally {
            open,
            removed: 0,
            absent: 0,
            waived: 1,
            other_kinds: [(Countable::Embedded, 1)].into(),
            excluded: 0,
        };
        sentence(
            directives.by_id(id).unwrap(),
            &tally,
            today.parse().unwrap(),
        )
    }

    #[test]
    fn a_sentence_says_what_counts_and_by_when() {
        assert_eq!(
            of("us-bod-17-01", 3, "2017-10-02"),
            "under BOD 17-01: 3 open findings count, 1 more waived; not counted: 1 embedded; it sets no day for \
             completion"
        );
        let ends = [
            (
                "2018-09-01",
                1,
                "1 open finding counts, 1 more waived; not counted: 1 embedded; complete by 2018-10-01, in 30 days",
            ),
            ("2018-09-30", 2, "complete by 2018-10-01, tomorrow"),
            ("2018-10-01", 2, "complete by 2018-10-01, today"),
            ("2018-10-02", 2, "complete by 2018-10-01, overdue by 1 day"),
            (
                "2018-12-31",
                2,
                "complete by 2018-10-01, overdue by 91 days",
            ),
            ("2018-12-31", 0, "complete by 2018-10-01, nothing is open"),
        ];
        for (today, open, end) in ends {
            let line = of("us-ndaa-1634", open, today);
            assert!(line.ends_with(end), "{line}");
        }
    }
}
