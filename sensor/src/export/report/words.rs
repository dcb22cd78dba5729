//! What a report says in plain words.

use phonehome_signatures::{Authority, Confidence, Day, Directive, Milestone, Step};

use super::burn_down::Pace;
use super::{Endpoint, Origin, Part, Report, Stand};
use crate::export::table::unseen::{hiding_sentence, source_words};
use crate::export::{Snapshot, human_count, human_share, iso_seconds};
use crate::names::Source;

impl Part<'_> {
    /// What the part is called.
    pub(in crate::export) fn title(&self) -> String {
        match self.directive {
            Some(it) => it.name.clone(),
            None => "All that was found".to_owned(),
        }
    }

    /// What stands in the part, a sentence each: the answer first.
    pub(in crate::export) fn summary(&self, report: &Report<'_>) -> Vec<String> {
        let mut lines = vec![self.answer(report)];
        lines.extend(self.states());
        if !self.left_out.is_empty() {
            let kinds = self.left_out.iter();
            let kinds: Vec<String> = kinds
                .map(|(words, count)| format!("{} {words}", human_count(*count)))
                .collect();
            lines.push(format!("Not counted: {}.", kinds.join(", ")));
        }
        if !self.without_pack.is_empty() {
            lines.push(format!(
                "Nothing can be said of {}: no signature pack is loaded for what the directive covers \
                 there.",
                self.without_pack.join(", ")
            ));
        }
        if let Some(directive) = self.directive {
            lines.push(self.due(directive, report.today));
        }
        lines.push(seen(report));
        lines
    }

    /// On how many hosts something is that counts.
    fn answer(&self, report: &Report<'_>) -> String {
        let hosts = self.counts.open_hosts;
        let of = match report.snapshot.hosts_seen {
            0 => String::new(),
            all => format!(" of {} seen", counted(all, "host")),
        };
        let under = match self.directive {
            Some(it) => format!("under {}", it.name),
            None => "of a flagged vendor".to_owned(),
        };
        let open = self.counts.open();
        if hosts == 0 {
            return match self.counts.all() {
                0 => format!(
                    "None were found: no host{of} has a finding {under}. This holds only for what \
                     could be seen."
                ),
                _ => format!("No host{of} has an open finding {under} any more."),
            };
        }
        let who = match report.snapshot.hosts_seen {
            0 => counted(hosts, "host"),
            _ => format!("{}{of}", human_count(hosts)),
        };
        match (hosts, open) {
            (1, 1) => format!("{who} has an open finding {under}."),
            (1, open) => format!("{who} has {} open findings {under}.", human_count(open)),
            (_, open) if open == hosts => format!("{who} have an open finding {under}."),
            (_, open) => format!("{who} have {} open findings {under}.", human_count(open)),
        }
    }

    /// How the findings stand, a sentence for each state that there is.
    fn states(&self) -> Vec<String> {
        let all = self.counts.open();
        let line = |stand: Stand| {
            let count = self.counts.of(stand);
            let number = human_count(count);
            let (is, was) = if count == 1 {
                ("is", "was")
            } else {
                ("are", "were")
            };
            if count == 0 {
                return None;
            }
            Some(match stand {
                Stand::Active if count == all => return None,
                Stand::Active => format!("{number} of them {was} in contact lately."),
                Stand::Returned => format!("{number} of them {is} back after a silence."),
                Stand::Quiet => format!(
                    "{number} of them {is} quiet: no contact for some time, though the host is \
                     alive. That is how removal begins."
                ),
                Stand::Waived => format!("{number} more {is} waived."),
                Stand::Absent => format!(
                    "{number} more cannot be judged: the host itself has not been seen for long, \
                     and is neither clean nor not."
                ),
                Stand::Removed => format!(
                    "{number} {was} removed, as far as can be seen: the host is alive, and has had \
                     no contact for long."
                ),
            })
        };
        Stand::ALL.into_iter().filter_map(line).collect()
    }

    /// How removal goes, a sentence each.
    pub(in crate::export) fn pace(&self) -> String {
        match self.burn_down.pace {
            Pace::TooShort => {
                "The data spans too few days to say how removal goes; a week is the least."
                    .to_owned()
            }
            Pace::Done => "Nothing is open.".to_owned(),
            Pace::Flat => {
                "The number of open findings has not fallen in the last thirty days, so no day can \
                 be named for none."
                    .to_owned()
            }
            Pace::Falls {
                from,
                days,
                none_on,
            } => format!(
                "The number fell from {} to {} in {}. If that went on, none would be open on \
                 {none_on}.",
                human_count(from),
                human_count(self.counts.open()),
                counted(days, "day"),
            ),
        }
    }

    /// What there is to say of the line; `None` where it is of a single day, or in an inventory.
    pub(in crate::export) fn pace_note(&self) -> Option<String> {
        let directive = self.directive?;
        self.burn_down.span().filter(|it| it.0 < it.1)?;
        let waived = self.counts.of(Stand::Waived);
        let waived = match waived {
            0 => String::new(),
            count => format!(
                " Findings that are waived are not in it: {}.",
                human_count(count)
            ),
        };
        Some(
            match (directive.day_for(Step::Complete), &self.burn_down.ideal) {
                (None, _) => format!(
                    "{} sets no day for completion, so there is no line to compare with.{waived}",
                    directive.name
                ),
                (Some(day), Some((from, _))) => format!(
                    "The dashed line leads from the {} of {} to none on {day}, the day for \
                 completion.{waived}",
                    human_count(from.open),
                    from.day
                ),
                (Some(day), None) => format!("The day for completion was {day}.{waived}"),
            },
        )
    }

    /// What is due next, or was last.
    pub(in crate::export) fn due(&self, directive: &Directive, today: Day) -> String {
        let mut milestones = directive.milestones.iter();
        let next = milestones.clone().find(|it| it.date >= today);
        let last = milestones.rfind(|it| it.date < today);
        let mut line = match (next, last) {
            (Some(it), _) => format!(
                "Next milestone: {} on {}, {}.",
                step_words(it),
                it.date,
                in_days(it.date.days_after(today))
            ),
            (None, Some(it)) => format!(
                "The last milestone, {} on {}, was {} ago.",
                step_words(it),
                it.date,
                days(today.days_after(it.date))
            ),
            (None, None) => "The directive sets no dates.".to_owned(),
        };
        if let Some(day) = directive.day_for(Step::Complete)
            && day < today
            && self.counts.open() > 0
        {
            line.push_str(&format!(
                " Completion is overdue by {}.",
                days(today.days_after(day))
            ));
        }
        line
    }
}

/// How much could be seen, in a sentence.
fn seen(report: &Report<'_>) -> String {
    let seen = &report.snapshot.visibility;
    let all: u64 = seen.connections.iter().sum();
    let named: u64 = seen.named.as_flattened().iter().sum();
    match (report.ask.origin, all) {
        (Origin::Store, _) => {
            "How much of the traffic could be seen is not stored; the report of the running sensor \
             tells it."
                .to_owned()
        }
        (_, 0) => "Hosts opened no connection while the sensor looked.".to_owned(),
        (_, all) => format!(
            "The sensor could name {} of {}; what it could not see is told below.",
            human_share(named, all),
            counted(all, "connection"),
        ),
    }
}

impl Report<'_> {
    /// Hosts that were seen and have no finding in any part, in a sentence; what silence means.
    pub(in crate::export) fn silent(&self) -> Option<String> {
        let seen = self.snapshot.hosts_seen;
        if seen == 0 {
            return None;
        }
        let mut hosts: Vec<_> = self
            .parts
            .iter()
            .flat_map(|it| &it.endpoints)
            .map(|it| it.finding.host)
            .collect();
        hosts.sort_unstable();
        hosts.dedup();
        let rest = seen.saturating_sub(hosts.len() as u64);
        let hiding = hiding_sentence(self.snapshot).map(|it| format!(" {it}"));
        Some(format!(
            "{} seen; {} of them without a finding reported here. Those are clean as far as their \
             traffic could be named.{} Of a host that was never seen nothing can be said: it is \
             not proven clean.",
            if seen == 1 {
                "1 host was".to_owned()
            } else {
                format!("{} hosts were", human_count(seen))
            },
            human_count(rest),
            hiding.unwrap_or_default()
        ))
    }

    /// How the sensor looked, a sentence each.
    pub(in crate::export) fn methods(&self) -> Vec<String> {
        let mut lines = vec![
            "phonehome is a passive network sensor. It reads mirrored packets, takes the names out of \
             DNS, TLS, QUIC and HTTP messages, and compares them with signatures of the vendors' \
             servers. It sends nothing and asks nobody."
                .to_owned(),
        ];
        if let Some((first, last)) = self.span {
            lines.push(format!(
                "It looked at {} of data, from {} to {}.",
                counted(self.days(), "day"),
                iso_seconds(first),
                iso_seconds(last)
            ));
        }
        let packs: Vec<String> = self
            .snapshot
            .catalogue
            .packs()
            .iter()
            .map(|it| {
                let signatures = counted(it.signatures as u64, "signature");
                format!("{} {} of {} ({signatures})", it.id, it.version, it.date)
            })
            .collect();
        lines.push(format!("Signature packs: {}.", packs.join("; ")));
        lines
    }
}

/// What a reader should keep in mind, a sentence each.
pub(in crate::export) const LIMITS: [&str; 8] = [
    "An endpoint is an address inside the home networks. Behind address translation several hosts \
     have one; with changing leases one host has several in time.",
    "A finding says which traffic was seen, and how sure that makes a product. It says nothing of \
     intent, and nothing of what a product does.",
    "Versions are not on the wire in clear text; products are told by family.",
    "Names that are encrypted (ECH, DNS over HTTPS, TLS or QUIC) are not read. Products that speak to \
     bare addresses are not told by name.",
    "Traffic through a proxy is put down to the client where the proxy's client side is mirrored, \
     else to nobody.",
    "Signatures come from public sources and are not complete; how well each is founded stands \
     beside it.",
    "A host that was off, elsewhere, or not on the mirrored link was not seen. Not seen is not clean.",
    "Dates of directives come from the sources named. None of this is legal advice.",
];

/// What is due with a milestone, in a word or a few.
pub(in crate::export) fn step_words(milestone: &Milestone) -> &'static str {
    match milestone.step {
        Some(Step::Identify) => "identify",
        Some(Step::Plan) => "plan",
        Some(Step::Begin) => "begin removal",
        Some(Step::Complete) => "complete",
        None => "a date",
    }
}

/// How long until a milestone, or since.
pub(in crate::export) fn milestone_words(milestone: &Milestone, today: Day) -> String {
    match milestone.date.days_after(today) {
        left @ 0.. => in_days(left),
        past => format!("{} ago", days(past.saturating_neg())),
    }
}

fn in_days(days_left: i32) -> String {
    match days_left {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        left => format!("in {}", days(left)),
    }
}

fn days(days: i32) -> String {
    counted(u64::from(days.unsigned_abs()), "day")
}

/// What a waiver says of an endpoint; `None` without one.
pub(in crate::export) fn waiver(snapshot: &Snapshot, endpoint: &Endpoint<'_>) -> Option<String> {
    crate::export::table::directives::waiver(snapshot, endpoint.finding)
}

/// Where the names of an endpoint were read, the most frequent first.
pub(in crate::export) fn evidence(endpoint: &Endpoint<'_>) -> Vec<String> {
    let counts = Source::ALL.into_iter().zip(endpoint.finding.sources);
    let mut counts: Vec<(Source, u64)> = counts.filter(|it| it.1 > 0).collect();
    counts.sort_by_key(|it| std::cmp::Reverse(it.1));
    let words = counts.into_iter().map(|(source, count)| {
        let words = source_words(source);
        format!("{words}\u{a0}\u{d7}\u{a0}{}", human_count(count))
    });
    words.collect()
}

/// How well a fact of a directive is founded, in plain words.
pub(in crate::export) const fn authority_words(authority: Authority) -> &'static str {
    match authority {
        Authority::Primary => "the text itself, or an official site",
        Authority::Secondary => "two or more others agree",
        Authority::Single => "one other source",
        Authority::Unverified => "no source was found; to be verified",
    }
}

/// How well a signature is founded, in plain words.
pub(in crate::export) const fn confidence_words(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Documented => "documented by the vendor",
        Confidence::Observed => "seen in public captures",
        Confidence::Listed => "in several independent lists",
        Confidence::Reported => "in one list or code base",
        Confidence::Inferred => "inferred",
        Confidence::Unverified => "without a source",
    }
}

/// `1 day`, `41 days`.
pub(in crate::export) fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", human_count(count)),
    }
}
