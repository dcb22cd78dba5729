//! How far an organisation is under the directives in force: what counts, what is waived, what does
//! not count and why.

use std::collections::BTreeMap;

use phonehome_signatures::{Countable, Day, Directive};

use super::Snapshot;
use crate::findings::profile::{Standing, standing};
use crate::findings::waivers::{Force, Waived};
use crate::findings::{Finding, State, Verdict};
use crate::time::Timestamp;

/// Findings of the vendors that a directive covers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Those that count, are open and not waived.
    pub open: u64,
    /// Those that count, and whose product is gone.
    pub removed: u64,
    /// Those that count, and whose host is not seen.
    pub absent: u64,
    /// Those that count, are open and waived.
    pub waived: u64,
    /// Those that do not count, by kind.
    pub other_kinds: BTreeMap<Countable, u64>,
    /// Those that do not count because their products or categories are left out.
    pub excluded: u64,
}

impl Tally {
    /// How many findings that count are in one of [`DIRECTIVE_STATES`].
    #[must_use]
    pub fn count(&self, state: &str) -> u64 {
        match state {
            "open" => self.open,
            "removed" => self.removed,
            "absent" => self.absent,
            "waived" => self.waived,
            _ => 0,
        }
    }
}

/// What a finding is shown to be: its state, unless a waiver lets it stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shown {
    /// Its state.
    Is(State),
    /// It is open, and a waiver that holds lets it stand.
    Waived,
}

impl Shown {
    /// The word for it in output and labels, one of [`STATES`].
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Is(state) => state.as_str(),
            Self::Waived => "waived",
        }
    }

    /// Whether it is open, and no waiver lets it stand.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Is(state) => state.is_open(),
            Self::Waived => false,
        }
    }
}

impl Snapshot {
    /// The day of the packets, UTC: that of the newest frame, or the one that silence has reached.
    #[must_use]
    pub fn today(&self) -> Day {
        let frames = self.captures.iter().filter_map(|it| it.last_frame);
        let clocks = self.pipeline.workers.iter().filter_map(|it| it.clock);
        day_of(frames.chain(clocks).max().unwrap_or_default())
    }

    /// The waiver for a finding, which holds or has run out.
    #[must_use]
    pub fn waived(&self, finding: &Finding) -> Option<Waived<'_>> {
        if self.waivers.is_empty() {
            return None;
        }
        let vendor = self.vendor_id(finding.vendor);
        self.waivers.find(vendor, finding.host, self.today())
    }

    /// What a finding is shown to be. One that is removed or absent needs no waiver.
    #[must_use]
    pub fn state(&self, finding: &Finding) -> Shown {
        let holds = |it: Waived<'_>| it.force == Force::Holds;
        if finding.state.is_open() && self.waived(finding).is_some_and(holds) {
            Shown::Waived
        } else {
            Shown::Is(finding.state)
        }
    }

    /// The directives in force under which a finding counts, waived or not, in order of their ids.
    #[must_use]
    pub fn directives_of(&self, finding: &Finding) -> Vec<&Directive> {
        let vendor = self.vendor_id(finding.vendor);
        let directives = self.directives.list().iter();
        directives
            .filter(|it| standing(it, vendor, finding) == Some(Standing::Counts))
            .collect()
    }

    /// How the findings stand under a directive.
    #[must_use]
    pub fn tally(&self, directive: &Directive) -> Tally {
        let mut tally = Tally::default();
        for finding in &self.findings {
            match standing(directive, self.vendor_id(finding.vendor), finding) {
                None => {}
                Some(Standing::Counts) => match self.state(finding) {
                    Shown::Is(State::Active | State::Quiet | State::Returned) => tally.open += 1,
                    Shown::Is(State::Removed) => tally.removed += 1,
                    Shown::Is(State::Absent) => tally.absent += 1,
                    Shown::Waived => tally.waived += 1,
                },
                Some(Standing::OtherKind(kind)) => {
                    *tally.other_kinds.entry(kind).or_default() += 1;
                }
                Some(Standing::Excluded) => tally.excluded += 1,
            }
        }
        tally
    }

    /// The findings that have a state: all but those of web sites alone.
    pub(super) fn stated(&self) -> impl Iterator<Item = (&Finding, Shown)> {
        let findings = self.findings.iter();
        findings
            .filter(|it| it.verdict != Verdict::None)
            .map(|it| (it.as_ref(), self.state(it)))
    }
}

fn day_of(at: Timestamp) -> Day {
    Day::of_seconds(at.as_nanos().div_euclid(1_000_000_000))
}

/// States that a finding can be in.
pub const STATES: [&str; 6] = ["active", "quiet", "removed", "absent", "returned", "waived"];

/// States of findings that count under a directive.
pub const DIRECTIVE_STATES: [&str; 4] = ["open", "removed", "absent", "waived"];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::export::sample;

    /// The sample, with an engine inside another company's product on a further host.
    fn with_engine() -> Snapshot {
        let mut snapshot = sample::snapshot();
        let mut findings = snapshot.findings.iter();
        let active = findings.find(|it| it.verdict == Verdict::InstalledActive);
        let mut engine = Finding::clone(active.unwrap());
        engine.verdict = Verdict::Embedded;
        engine.host = sample::address("10.1.2.11");
        snapshot.findings.push(engine.into());
        snapshot
    }

    fn tally_of(id: &str) -> Tally {
        let snapshot = with_engine();
        snapshot.tally(snapshot.directives.by_id(id).unwrap())
    }

    #[test]
    fn one_engine_inside_another_product_makes_the_difference_between_two_directives() {
        let bod = tally_of("us-bod-17-01");
        assert_eq!((bod.open, bod.waived), (1, 1));
        assert_eq!(
            bod.other_kinds,
            [(Countable::Contact, 1), (Countable::Embedded, 1)].into()
        );
        let ndaa = tally_of("us-ndaa-1634");
        assert_eq!((ndaa.open, ndaa.waived), (2, 1));
        assert_eq!(ndaa.other_kinds, [(Countable::Contact, 1)].into());
    }

    #[test]
    fn a_finding_is_waived_by_the_day_of_the_packets() {
        let mut snapshot = sample::snapshot();
        assert_eq!(snapshot.today().to_string(), "2017-10-02");
        let bod = snapshot.directives.by_id("us-bod-17-01").unwrap().clone();
        snapshot.captures[0].last_frame = Some(sample::at(60 * 86_400));
        let tally = snapshot.tally(&bod);
        assert_eq!((tally.open, tally.waived), (2, 0));
    }

    #[test]
    fn a_silent_wire_lets_waivers_run_out_all_the_same() {
        let mut snapshot = sample::snapshot();
        snapshot.pipeline.workers[1].clock = Some(sample::at(60 * 86_400));
        assert_eq!(snapshot.today().to_string(), "2017-12-01");
    }

    #[test]
    fn the_directives_that_count_a_finding_are_those_whose_tally_has_it() {
        let snapshot = sample::snapshot();
        for directive in snapshot.directives.list() {
            let tally = snapshot.tally(directive);
            let findings = snapshot.findings.iter();
            let counted = findings.filter(|it| snapshot.directives_of(it).contains(&directive));
            let in_tally = DIRECTIVE_STATES
                .map(|it| tally.count(it))
                .iter()
                .sum::<u64>();
            assert_eq!(counted.count() as u64, in_tally);
        }
    }

    #[test]
    fn the_words_of_directives_are_those_of_verdicts() {
        let verdicts = [
            (Verdict::Contact, Countable::Contact),
            (Verdict::Embedded, Countable::Embedded),
            (Verdict::Likely, Countable::Likely),
            (Verdict::Installed, Countable::Installed),
            (Verdict::InstalledActive, Countable::InstalledActive),
            (Verdict::Manager, Countable::Manager),
        ];
        for (verdict, kind) in verdicts {
            assert_eq!(verdict.as_str(), kind.as_str());
        }
    }

    #[test]
    fn states_have_their_words() {
        let states = State::ALL.map(Shown::Is);
        let words = states.into_iter().chain([Shown::Waived]);
        assert_eq!(words.map(Shown::as_str).collect::<Vec<_>>(), STATES);
    }

    #[test]
    fn what_is_removed_or_absent_is_not_open_and_needs_no_waiver() {
        let mut snapshot = sample::snapshot();
        let bod = snapshot.directives.by_id("us-bod-17-01").unwrap().clone();
        for (state, removed, absent) in [(State::Removed, 2, 0), (State::Absent, 0, 2)] {
            for finding in &mut snapshot.findings {
                Arc::make_mut(finding).state = state;
            }
            let tally = snapshot.tally(&bod);
            assert_eq!((tally.open, tally.waived), (0, 0));
            assert_eq!((tally.removed, tally.absent), (removed, absent));
        }
    }
}
