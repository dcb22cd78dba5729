//! Patterns of names: how packs write them and what they match.
//!
//! A pattern is exact, a glob or a suffix. Braces stand for several patterns (`{a,b}`,
//! `{00..19}`) and are expanded when a pack is read; wildcards stand in the first label of a glob
//! only. Everything to the right of a wildcard is fixed and has at least two labels, so that no
//! pattern can claim a public suffix or half of the Internet.

use std::fmt;

use crate::name;

mod braces;
mod zones;

pub(crate) use braces::expand;

/// A pattern with its braces expanded.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Pattern {
    /// The whole name.
    Exact(Box<str>),
    /// A first label with a wildcard, under a fixed part.
    Glob(Glob),
    /// The name itself and every name below it, on label borders.
    Suffix(Box<str>),
}

/// A first label with a wildcard, under a fixed part: `log*.example.com`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Glob {
    /// What the first label begins with; may be empty.
    pub before: Box<str>,
    /// What may stand between `before` and `after`.
    pub wildcard: Wildcard,
    /// What the first label ends with; may be empty.
    pub after: Box<str>,
    /// Whether any number of labels may stand between the first label and the fixed part.
    pub deep: bool,
    /// The labels on the right, at least two.
    pub fixed: Box<str>,
}

/// What may stand in the place of a wildcard.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Wildcard {
    /// `*`: any octets of the label, or none.
    Any,
    /// `#`: one decimal digit or more.
    Digits,
}

impl Pattern {
    /// Whether a normalised name matches, whatever other patterns say.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if !name::is_plain(name) {
            return false;
        }
        match self {
            Self::Exact(whole) => **whole == *name,
            Self::Glob(glob) => glob.matches(name),
            Self::Suffix(suffix) => below(name, suffix).is_some(),
        }
    }

    /// The part without wildcards: whole labels, at least two.
    #[must_use]
    pub fn fixed(&self) -> &str {
        match self {
            Self::Exact(fixed) | Self::Suffix(fixed) => fixed,
            Self::Glob(glob) => &glob.fixed,
        }
    }
}

/// Exact patterns and globs as packs write them; a suffix with a leading dot.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(whole) => f.write_str(whole),
            Self::Glob(glob) => {
                let wildcard = match glob.wildcard {
                    Wildcard::Any => '*',
                    Wildcard::Digits => '#',
                };
                let between = if glob.deep { "**." } else { "" };
                write!(
                    f,
                    "{}{wildcard}{}.{between}{}",
                    glob.before, glob.after, glob.fixed
                )
            }
            Self::Suffix(suffix) => write!(f, ".{suffix}"),
        }
    }
}

impl Glob {
    fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = name.split_once('.') else {
            return false;
        };
        let between = match below(rest, &self.fixed) {
            Some("") => true,
            Some(_) => self.deep,
            None => false,
        };
        between && self.fits_first(first.as_bytes())
    }

    /// Whether the first label of a name fits.
    pub(crate) fn fits_first(&self, label: &[u8]) -> bool {
        let middle = label
            .strip_prefix(self.before.as_bytes())
            .and_then(|rest| rest.strip_suffix(self.after.as_bytes()));
        match (middle, self.wildcard) {
            (None, _) => false,
            (Some(_), Wildcard::Any) => true,
            (Some(middle), Wildcard::Digits) => {
                !middle.is_empty() && middle.iter().all(u8::is_ascii_digit)
            }
        }
    }
}

/// What stands left of `suffix` in a name, without the dot between. `None` if it is not below it.
fn below<'n>(name: &'n str, suffix: &str) -> Option<&'n str> {
    let left = name.strip_suffix(suffix)?;
    if left.is_empty() {
        Some(left)
    } else {
        left.strip_suffix('.')
    }
}

/// Reads an exact pattern without braces.
///
/// # Errors
///
/// What is wrong and what would be right, as text.
pub(crate) fn exact(text: &str) -> Result<Pattern, String> {
    fixed(text).map(Pattern::Exact)
}

/// Reads a suffix pattern without braces.
///
/// # Errors
///
/// What is wrong and what would be right, as text.
pub(crate) fn suffix(text: &str) -> Result<Pattern, String> {
    fixed(text).map(Pattern::Suffix)
}

/// Reads a glob without braces.
///
/// # Errors
///
/// What is wrong and what would be right, as text.
pub(crate) fn glob(text: &str) -> Result<Pattern, String> {
    let (first, rest) = text
        .split_once('.')
        .ok_or("a glob is a first label with `*` or `#`, then fixed labels")?;
    let (deep, rest) = match rest.strip_prefix("**.") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if rest.contains(['*', '#']) {
        return Err("`*` and `#` stand in the first label only; `**` only right after it".into());
    }
    let at = first
        .find(['*', '#'])
        .ok_or("a glob needs `*` or `#` in its first label")?;
    let (before, tail) = first.split_at(at);
    let (wildcard, after) = match tail.strip_prefix('#') {
        Some(after) => (Wildcard::Digits, after),
        None => (Wildcard::Any, tail.strip_prefix('*').unwrap_or(tail)),
    };
    if after.contains(['*', '#']) {
        return Err("the first label of a glob holds one wildcard, not more".into());
    }
    if let Some(wrong) = before
        .chars()
        .chain(after.chars())
        .find(|&c| !name::in_label(c))
    {
        return Err(name::wrong_character(wrong));
    }
    // One character for the wildcard, one dot: what is left over must fit some name.
    if before.len() + after.len() >= name::MAX_LABEL || text.len() > name::MAX_NAME {
        return Err(format!("a label has at most {} octets", name::MAX_LABEL));
    }
    let fixed = fixed(rest).map_err(|wrong| format!("right of the first label, {wrong}"))?;
    Ok(Pattern::Glob(Glob {
        before: before.into(),
        wildcard,
        after: after.into(),
        deep,
        fixed,
    }))
}

/// Reads labels without wildcards: well formed, at least two, and no public suffix.
fn fixed(text: &str) -> Result<Box<str>, String> {
    if text.contains(['*', '#']) {
        return Err("a wildcard is not allowed here; globs take one in the first label".into());
    }
    name::check(text)?;
    if text.split('.').count() < 2 {
        return Err("a pattern needs at least two fixed labels, as in `example.com`".into());
    }
    if zones::is_shared(text) {
        return Err(format!(
            "`{text}` is a public suffix or a zone shared by many; add a label, as in \
             `vendor.{text}`"
        ));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(pattern: Result<Pattern, String>) -> Pattern {
        pattern.expect("a pattern")
    }

    #[test]
    fn a_suffix_matches_whole_labels_only() {
        let pattern = reads(suffix("vendor.example"));
        assert!(pattern.matches("vendor.example"));
        assert!(pattern.matches("a.b.vendor.example"));
        assert!(!pattern.matches("notvendor.example"));
        assert!(!pattern.matches("vendor.example.evil"));
        assert!(!pattern.matches("example"));
    }

    #[test]
    fn an_exact_pattern_matches_nothing_below() {
        let pattern = reads(exact("a.vendor.example"));
        assert!(pattern.matches("a.vendor.example"));
        assert!(!pattern.matches("b.a.vendor.example"));
    }

    #[test]
    fn a_star_stays_inside_the_first_label() {
        let pattern = reads(glob("log*.vendor.example"));
        assert!(pattern.matches("log.vendor.example"));
        assert!(pattern.matches("log16-x.vendor.example"));
        assert!(!pattern.matches("xlog.vendor.example"));
        assert!(!pattern.matches("log.us.vendor.example"));
        assert!(!pattern.matches("vendor.example"));
    }

    #[test]
    fn a_deep_glob_allows_labels_between() {
        let pattern = reads(glob("log*.**.vendor.example"));
        assert!(pattern.matches("log1.vendor.example"));
        assert!(pattern.matches("log1.us.vendor.example"));
        assert!(pattern.matches("log1.a.us.vendor.example"));
        assert!(!pattern.matches("a.log1.vendor.example"));
        assert!(!pattern.matches("log1.us.notvendor.example"));
    }

    #[test]
    fn a_digit_sign_takes_one_digit_or_more() {
        let pattern = reads(glob("mx#.vendor.example"));
        assert!(pattern.matches("mx1.vendor.example"));
        assert!(pattern.matches("mx12.vendor.example"));
        assert!(!pattern.matches("mx.vendor.example"));
        assert!(!pattern.matches("mx1a.vendor.example"));
    }

    #[test]
    fn the_ends_of_a_first_label_do_not_overlap() {
        let pattern = reads(glob("aba*aba.vendor.example"));
        assert!(pattern.matches("abaaba.vendor.example"));
        assert!(!pattern.matches("ababa.vendor.example"));
    }

    #[test]
    fn an_escaped_name_matches_nothing() {
        let pattern = reads(suffix("vendor.example"));
        assert!(!pattern.matches("a\\.vendor.example"));
        assert!(!pattern.matches("\\255.vendor.example"));
    }

    #[test]
    fn an_empty_label_matches_nothing() {
        let pattern = reads(suffix("vendor.example"));
        assert!(!pattern.matches(".vendor.example"));
        assert!(!pattern.matches("a..vendor.example"));
    }

    #[test]
    fn a_public_suffix_is_no_pattern() {
        assert!(suffix("com").is_err());
        assert!(suffix("co.uk").is_err());
        assert!(suffix("com.cn").is_err());
        assert!(suffix("akamaized.net").is_err());
        assert!(suffix("vendor.co.uk").is_ok());
    }

    #[test]
    fn a_wildcard_never_stands_in_the_registrable_domain() {
        assert!(glob("vendor*.com").is_err());
        assert!(glob("vendor*.co.uk").is_err());
        assert!(glob("*.akamaized.net").is_err());
        assert!(glob("x*.vendor.co.uk").is_ok());
    }

    #[test]
    fn a_wildcard_stands_in_the_first_label_of_a_glob_only() {
        assert!(exact("a*.vendor.example").is_err());
        assert!(suffix("*.vendor.example").is_err());
        assert!(glob("a.b*.vendor.example").is_err());
        assert!(glob("a*b*.vendor.example").is_err());
        assert!(glob("a*.x.**.vendor.example").is_err());
        assert!(glob("a.vendor.example").is_err());
    }

    #[test]
    fn patterns_are_shown_as_packs_write_them() {
        for text in [
            "log*.vendor.example",
            "a#b.**.vendor.example",
            "*.vendor.example",
        ] {
            assert_eq!(reads(glob(text)).to_string(), text);
        }
        assert_eq!(
            reads(suffix("vendor.example")).to_string(),
            ".vendor.example"
        );
    }
}
