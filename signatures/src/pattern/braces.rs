//! Braces in patterns: `{a,b}` stands for each of the texts, `{00..19}` for each of the numbers.
//!
//! Braces do not nest. A text between commas may be empty. Numbers keep the width they are
//! written in: `{00..19}` gives `00` to `19`, `{0..19}` gives `0` to `19`.

use crate::name;

/// Octets that a pattern may have beyond those of a name: `**.`, with one to spare.
const BEYOND_NAME: usize = 4;

/// A run of a pattern: the texts it may be.
type Segment = Vec<String>;

/// All texts that a pattern with braces stands for, in the order written; at most `limit`.
///
/// # Errors
///
/// What is wrong and what would be right, as text.
pub(crate) fn expand(text: &str, limit: usize) -> Result<Vec<String>, String> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut total = 1_usize;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) = after
            .split_once('}')
            .ok_or("`{` without `}`; write `{a,b}` or `{00..19}`")?;
        segments.push(vec![plain(before)?]);
        let choices = choices(inside, limit)?;
        total = total.saturating_mul(choices.len());
        if total > limit {
            return Err(too_many(limit));
        }
        segments.push(choices);
        rest = after;
    }
    segments.push(vec![plain(rest)?]);

    // Checked before anything is joined, so that long texts are not multiplied.
    let longest: usize = segments
        .iter()
        .filter_map(|s| s.iter().map(String::len).max())
        .sum();
    if longest > name::MAX_NAME + BEYOND_NAME {
        return Err(format!("a name has at most {} octets", name::MAX_NAME));
    }
    let mut texts = vec![String::new()];
    for choices in segments {
        texts = texts
            .iter()
            .flat_map(|text| choices.iter().map(move |choice| format!("{text}{choice}")))
            .collect();
    }
    Ok(texts)
}

fn plain(text: &str) -> Result<String, String> {
    match text.find('}') {
        Some(_) => Err("`}` without `{`; write `{a,b}` or `{00..19}`".into()),
        None => Ok(text.to_owned()),
    }
}

fn too_many(limit: usize) -> String {
    format!("stands for more patterns than the {limit} that it may; use a glob or a suffix")
}

fn choices(inside: &str, limit: usize) -> Result<Segment, String> {
    if inside.contains('{') {
        return Err("braces do not nest; write each combination".into());
    }
    if let Some((first, last)) = inside.split_once("..") {
        return numbers(first, last, limit)
            .map_err(|wrong| format!("in `{{{inside}}}`, {wrong}; write `{{00..19}}`"));
    }
    let texts: Segment = inside.split(',').map(str::to_owned).collect();
    if texts.len() < 2 {
        return Err(format!(
            "`{{{inside}}}` has nothing to choose from; write `{{a,b}}`"
        ));
    }
    Ok(texts)
}

fn numbers(first: &str, last: &str, limit: usize) -> Result<Segment, String> {
    let number = |text: &str| match text.bytes().all(|octet| octet.is_ascii_digit()) {
        true => text
            .parse::<u32>()
            .map_err(|_| format!("`{text}` is not a number")),
        false => Err(format!("`{text}` is not a number")),
    };
    let (from, to) = (number(first)?, number(last)?);
    let padded = |text: &str| text.len() > 1 && text.starts_with('0');
    if (padded(first) || padded(last)) && first.len() != last.len() {
        return Err("numbers with leading zeros must have the same width".into());
    }
    if from > to {
        return Err("the first number is larger than the last".into());
    }
    if usize::try_from(to - from).is_ok_and(|span| span >= limit) {
        return Err(too_many(limit));
    }
    let width = if padded(first) { first.len() } else { 0 };
    Ok((from..=to)
        .map(|number| format!("{number:0width$}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_braces_stands_for_itself() {
        assert_eq!(expand("a.example", 1), Ok(vec!["a.example".to_owned()]));
    }

    #[test]
    fn a_list_gives_each_text_also_the_empty_one() {
        let texts = expand("ksn{,-crypto}.{a,b}", 9).expect("texts");
        assert_eq!(texts, ["ksn.a", "ksn.b", "ksn-crypto.a", "ksn-crypto.b"]);
    }

    #[test]
    fn a_range_keeps_the_width_it_is_written_in() {
        assert_eq!(
            expand("{08..11}", 9).expect("texts"),
            ["08", "09", "10", "11"]
        );
        assert_eq!(expand("{8..11}", 9).expect("texts"), ["8", "9", "10", "11"]);
        assert_eq!(expand("{00..01}", 9).expect("texts"), ["00", "01"]);
    }

    #[test]
    fn each_broken_rule_of_braces_is_named() {
        for (text, says) in [
            ("a{b", "without `}`"),
            ("a}b", "without `{`"),
            ("{a,{b}}", "nest"),
            ("{a}", "nothing to choose"),
            ("{}", "nothing to choose"),
            ("{1..x}", "`x` is not a number"),
            ("{..9}", "is not a number"),
            ("{+1..9}", "is not a number"),
            ("{1..99999999999}", "is not a number"),
            ("{01..100}", "same width"),
            ("{9..1}", "larger"),
        ] {
            let wrong = expand(text, 1000).expect_err(text);
            assert!(wrong.contains(says), "{text}: {wrong}");
        }
    }

    #[test]
    fn a_pattern_never_grows_beyond_the_limit() {
        assert!(expand("{0..9}", 10).is_ok());
        assert!(expand("{0..10}", 10).is_err());
        assert!(expand("{0..4000000000}", 10).is_err());
        assert!(expand("{0..9}{a,b}", 10).is_err());
        assert!(expand(&"{0..9}".repeat(300), 100_000).is_err());
        assert!(expand(&format!("{}{{0..9}}", "a".repeat(300)), 100_000).is_err());
    }
}
