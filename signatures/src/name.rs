//! Names as the matcher takes them, and the rules for names in packs.

use std::borrow::Cow;

/// Longest name in octets, without the trailing dot (RFC 1035 section 2.3.4).
pub(crate) const MAX_NAME: usize = 253;
/// Longest label in octets (RFC 1035 section 2.3.4).
pub(crate) const MAX_LABEL: usize = 63;

/// A name in the form that [`Catalogue::claim`](crate::Catalogue::claim) takes: ASCII letters in
/// lower case, one trailing dot removed. Borrows where nothing has to change.
#[must_use]
pub fn normalise(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|octet| octet.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// Whether a name can match at all: not longer than DNS allows, no empty label, nothing escaped.
///
/// An escaped octet is one that a host name does not hold, or a dot inside a label; what looks
/// like a label border there may be none.
pub(crate) fn is_plain(name: &str) -> bool {
    let mut previous = b'.';
    for octet in name.bytes() {
        if octet == b'\\' || (octet == b'.' && previous == b'.') {
            return false;
        }
        previous = octet;
    }
    previous != b'.' && name.len() <= MAX_NAME
}

/// Whether a character may stand in a label of a pattern.
pub(crate) fn in_label(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'
}

/// Says what is wrong with a character that no label of a pattern holds.
pub(crate) fn wrong_character(c: char) -> String {
    if c.is_ascii_uppercase() {
        format!("`{c}` must be in lower case")
    } else if c.is_ascii() {
        format!("{c:?} cannot stand in a label; use a-z, 0-9, `-` and `_`")
    } else {
        format!("{c:?} is not ASCII; write the label in its `xn--` form")
    }
}

/// Checks a whole name: lower case, labels of 1 to 63 octets, 253 in all, not an address.
///
/// # Errors
///
/// What is wrong and what would be right, as text.
pub(crate) fn check(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a name must not be empty".into());
    }
    if name.len() > MAX_NAME {
        return Err(format!(
            "a name has at most {MAX_NAME} octets, this one {}",
            name.len()
        ));
    }
    if name.ends_with('.') {
        return Err("write the name without the dot at its end".into());
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err("a label must not be empty; is there a dot too many?".into());
        }
        if let Some(wrong) = label.chars().find(|&c| !in_label(c)) {
            return Err(wrong_character(wrong));
        }
        if label.len() > MAX_LABEL {
            return Err(format!("label `{label}` has more than {MAX_LABEL} octets"));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(format!(
                "label `{label}` must not begin or end with a hyphen"
            ));
        }
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    if last.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err("the last label is a number; addresses are no names".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_normalised_to_lower_case_without_the_root_dot() {
        assert_eq!(normalise("DS.Vendor.Example."), "ds.vendor.example");
        assert_eq!(normalise("ds.vendor.example"), "ds.vendor.example");
        assert!(matches!(normalise("ds.vendor.example."), Cow::Borrowed(_)));
    }

    #[test]
    fn only_one_trailing_dot_is_removed() {
        assert_eq!(normalise("vendor.example.."), "vendor.example.");
    }

    #[test]
    fn names_with_empty_labels_or_escapes_are_not_plain() {
        for name in ["", ".", "a.", ".a", "a..b", "a\\.b", "\\000"] {
            assert!(!is_plain(name), "{name:?}");
        }
        assert!(is_plain("a.b"));
        assert!(is_plain("a"));
    }

    #[test]
    fn the_longest_name_is_plain_and_a_longer_one_is_not() {
        assert!(is_plain(&"a".repeat(MAX_NAME)));
        assert!(!is_plain(&"a".repeat(MAX_NAME + 1)));
    }

    #[test]
    fn each_broken_rule_of_a_name_is_named() {
        for (name, says) in [
            ("", "empty"),
            ("a..example", "empty"),
            ("a.example.", "dot at its end"),
            ("A.example", "lower case"),
            ("a b.example", "cannot stand"),
            ("ä.example", "xn--"),
            ("-a.example", "hyphen"),
            ("a-.example", "hyphen"),
            ("192.0.2.1", "addresses"),
        ] {
            let wrong = check(name).expect_err(name);
            assert!(wrong.contains(says), "{name}: {wrong}");
        }
        let long = format!("{}.example", "a".repeat(MAX_LABEL + 1));
        assert!(check(&long).expect_err("too long").contains("63"));
        let long = format!("{}example", "a.".repeat(150));
        assert!(check(&long).expect_err("too long").contains("253"));
    }
}
