//! What packs promise of their signatures as a whole: no two claim the same, examples hold.

use std::collections::BTreeMap;

use crate::document::{FileError, Report};
use crate::matcher::{Matcher, Rule};
use crate::pattern::Pattern;
use crate::service::PortRange;
use crate::signature::{Payload, SignatureId};

use super::entry::Names;
use super::{Entry, MAX_GLOBS};

/// A pattern of a signature, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'e> {
    pub(crate) rule: Rule<'e>,
    file: &'e str,
    line: usize,
    id: &'e str,
}

/// The patterns of entries, each with the name of its file. Ids of signatures are given in the
/// order of the entries, whether these are enabled or not.
pub(crate) fn claims<'e>(
    entries: impl Iterator<Item = (&'e str, &'e Entry)>,
    enabled: bool,
) -> Vec<Claim<'e>> {
    let mut claims = Vec::new();
    for ((file, entry), at) in entries.zip(0..) {
        let signature = &entry.signature;
        if signature.enabled != enabled {
            continue;
        }
        for (pattern, &line) in signature.patterns.iter().zip(&entry.pattern_lines) {
            let rule = Rule {
                pattern,
                ports: &signature.ports,
                signature: SignatureId(at),
            };
            claims.push(Claim {
                rule,
                file,
                line,
                id: &signature.id,
            });
        }
    }
    claims
}

/// Patterns that claim the same names on the same ports, and fixed parts with too many globs.
pub(crate) fn conflicts(claims: &[Claim<'_>]) -> Vec<FileError> {
    let mut claims = claims.to_vec();
    claims.sort_by_key(|claim| claim.rule.pattern);
    let mut errors: Vec<FileError> = claims
        .chunk_by(|a, b| a.rule.pattern == b.rule.pattern)
        .filter_map(clash)
        .map(|(a, b)| {
            let (first, second) = if (a.file, a.line) <= (b.file, b.line) {
                (a, b)
            } else {
                (b, a)
            };
            let message = format!(
                "signature `{}`: pattern `{}` stands at {}:{} too, in `{}`; remove one, or limit \
                 them to ports of their own",
                second.id, second.rule.pattern, first.file, first.line, first.id
            );
            FileError {
                file: second.file.to_owned(),
                line: second.line,
                message,
            }
        })
        .collect();

    let mut globs: BTreeMap<&str, usize> = BTreeMap::new();
    for claim in &claims {
        let Pattern::Glob(glob) = claim.rule.pattern else {
            continue;
        };
        let count = globs.entry(&glob.fixed).or_default();
        *count += 1;
        if *count == MAX_GLOBS + 1 {
            let message = format!(
                "signature `{}`: more than {MAX_GLOBS} globs under `{}`; use `*` for more of them",
                claim.id, glob.fixed
            );
            errors.push(FileError {
                file: claim.file.to_owned(),
                line: claim.line,
                message,
            });
        }
    }
    errors
}

/// Enabled signatures that claim the same payload.
pub(crate) fn doubled_payloads<'e>(
    entries: impl Iterator<Item = (&'e str, &'e Entry)>,
) -> Vec<FileError> {
    let mut first: BTreeMap<Payload, (&str, usize, &str)> = BTreeMap::new();
    let mut errors = Vec::new();
    for (file, entry) in entries {
        let signature = &entry.signature;
        let Some(payload) = signature.payload.filter(|_| signature.enabled) else {
            continue;
        };
        match first.get(&payload) {
            None => {
                first.insert(payload, (file, entry.line, &signature.id));
            }
            Some((other_file, line, id)) => errors.push(FileError {
                file: file.to_owned(),
                line: entry.line,
                message: format!(
                    "signature `{}`: payload `{payload}` stands at {other_file}:{line} too, in `{id}`; \
                     remove one",
                    signature.id
                ),
            }),
        }
    }
    errors
}

/// Two of the claims of one pattern whose ports leave open which of them is meant.
fn clash<'c>(same: &'c [Claim<'c>]) -> Option<(&'c Claim<'c>, &'c Claim<'c>)> {
    if same.len() < 2 {
        return None;
    }
    let mut limits: Vec<(Option<PortRange>, &Claim<'_>)> = Vec::new();
    for claim in same {
        match claim.rule.ports {
            [] => limits.push((None, claim)),
            ports => limits.extend(ports.iter().map(|&range| (Some(range), claim))),
        }
    }
    limits.sort_by_key(|(range, _)| *range);
    limits.windows(2).find_map(|pair| match pair {
        [(None, a), (None, b)] => Some((*a, *b)),
        [(Some(x), a), (Some(y), b)] => {
            (x.transport == y.transport && y.first <= x.last).then_some((*a, *b))
        }
        _ => None,
    })
}

/// Reports examples that their signature does not claim, and names that are claimed although the
/// pack says that they are not.
///
/// Disabled signatures are checked as if there were no others.
pub(super) fn examples(entries: &[Entry], lookalikes: &Names, report: &mut Report<'_>) {
    let [enabled, disabled] = [true, false].map(|enabled| {
        let claims = claims(entries.iter().map(|entry| ("", entry)), enabled);
        let rules: Vec<Rule<'_>> = claims.iter().map(|claim| claim.rule).collect();
        Matcher::build(&rules)
    });
    let entry_of = |id: SignatureId| entries.get(usize::try_from(id.0).ok()?);

    for (entry, at) in entries.iter().zip(0..) {
        let signature = &entry.signature;
        let matcher = if signature.enabled {
            &enabled
        } else {
            &disabled
        };
        let own = SignatureId(at);
        for (example, &line) in signature.examples.iter().zip(&entry.example_lines) {
            let claimed = matcher.claim(&example.name, example.service);
            if claimed == Some(own) {
                continue;
            }
            let by = match claimed.and_then(entry_of) {
                Some(other) => {
                    format!("claimed by `{}` on line {}", other.signature.id, other.line)
                }
                None => "claimed by no signature".to_owned(),
            };
            let ports = if signature.ports.is_empty() {
                ""
            } else {
                ", with a port of this signature after it"
            };
            let message = format!(
                "signature `{}`: example `{example}` is {by}; write a name that this one claims{ports}",
                signature.id
            );
            report.wrong_on(line, message);
        }
        for (example, &line) in signature
            .counterexamples
            .iter()
            .zip(&entry.counterexample_lines)
        {
            if matcher.claim(&example.name, example.service) == Some(own) {
                let message = format!(
                    "signature `{}`: counterexample `{example}` is claimed by it; narrow its patterns",
                    signature.id
                );
                report.wrong_on(line, message);
            }
        }
    }
    for (example, &line) in lookalikes.names.iter().zip(&lookalikes.lines) {
        for matcher in [&enabled, &disabled] {
            if let Some(entry) = matcher
                .claim(&example.name, example.service)
                .and_then(entry_of)
            {
                let message = format!(
                    "pack: lookalike `{example}` is claimed by `{}`; narrow its patterns on line {}",
                    entry.signature.id, entry.line
                );
                report.wrong_on(line, message);
            }
        }
    }
}
