//! What somebody may have meant who wrote a word that nobody knows.

/// The known word that is most like the given one; `None` if none is.
///
/// A word without its section, or with the wrong one, is like the word with the right one.
pub(super) fn nearest<'k>(
    given: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Option<&'k str> {
    let most = (given.chars().count() / 3).clamp(1, 4);
    let near = known
        .clone()
        .map(|it| (distance(given, it), it))
        .filter(|it| it.0 <= most)
        .min();
    let last = |word: &'k str| word.rsplit('.').next().unwrap_or(word);
    let tail = given.rsplit('.').next().unwrap_or(given);
    near.map(|it| it.1)
        .or_else(|| known.clone().find(|it| last(it) == tail))
}

/// How many characters must be put in, taken out or replaced to make one word the other
/// (Levenshtein).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (above, letter) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut left = above + 1;
        next.push(left);
        for (pair, other) in row.windows(2).zip(&b) {
            let [diagonal, up] = [pair[0], pair[1]];
            left = (diagonal + usize::from(letter != *other))
                .min(up + 1)
                .min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_changes() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("workers", "workers", 0),
            ("worker", "workers", 1),
            ("wrokers", "workers", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["workers", "web.listen-address", "limits.hosts"];
        for (given, expected) in [
            ("worker", Some("workers")),
            ("web.listen_address", Some("web.listen-address")),
            ("listen-address", Some("web.listen-address")),
            ("hosts", Some("limits.hosts")),
            ("quux", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, known.into_iter()), expected, "{given}");
        }
    }
}
