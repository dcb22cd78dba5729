use super::*;
use crate::document::MAX_FILE;

/// A pack in which nothing is wrong; tests change a piece of it.
const RIGHT: &str = r#"id = "vendor"
vendor = "Vendor"
version = "1.0.0"
date = "2026-01-31"
description = "Names of a vendor."
lookalikes = ["notvendor.example"]

[[source]]
id = 1
text = "A page"

[[signature]]
id = "v-h01"
exact = ["a{0..9}.vendor.example"]
category = "update"
evidence = "app"
confidence = "documented"
sources = [1]
date = "2025"
examples = ["a0.vendor.example"]
counterexamples = ["aa.vendor.example"]

[[signature]]
id = "v-h02"
suffix = ["vendor.example"]
category = "web"
evidence = "mixed"
confidence = "reported"
sources = [1]
date = "undated"
examples = ["www.vendor.example"]
"#;

/// What is wrong after `from` in the right pack became `to`: `LINE: message` of each error.
fn wrong(from: &str, to: &str) -> Vec<String> {
    assert!(RIGHT.contains(from), "{from}");
    let text = RIGHT.replacen(from, to, 1);
    let errors = Pack::read("v.toml", &text).expect_err("something wrong");
    errors
        .iter()
        .map(|error| error.to_string().trim_start_matches("v.toml:").to_owned())
        .collect()
}

#[test]
fn a_payload_stands_for_patterns_and_is_claimed_once() {
    let suffix = "suffix = [\"vendor.example\"]";
    let names = "examples = [\"www.vendor.example\"]";
    let read = |first: &str, second: &str| {
        let text = RIGHT.replacen(suffix, first, 1).replacen(names, second, 1);
        Pack::read("v.toml", &text)
    };
    let pack = read("payload = \"sadp\"", "").expect("a pack");
    let signature = &pack.entries[1].signature;
    assert_eq!(signature.payload, Some(crate::Payload::Sadp));
    assert_eq!(signature.pattern, "payload sadp");
    assert_eq!(signature.patterns, []);
    let errors = |first: &str, second: &str| -> Vec<String> {
        let errors = read(first, second).expect_err("something wrong");
        errors.iter().map(ToString::to_string).collect()
    };
    let unknown = errors("payload = \"smtp\"", "");
    let says = |it: &String| it.contains("`payload` is `smtp`; write one of sadp");
    assert!(unknown.iter().any(says), "{unknown:?}");
    let both = errors(&format!("payload = \"sadp\"\n{suffix}"), "");
    assert!(
        both[0].contains("it has a `payload` and patterns"),
        "{both:?}"
    );
    let named = errors("payload = \"sadp\"", names);
    assert!(named[0].contains("`examples` is for names"), "{named:?}");
    let twice = wrong(
        "exact = [\"a{0..9}.vendor.example\"]",
        "payload = \"sadp\"\nexact = [\"a{0..9}.vendor.example\"]",
    );
    assert!(!twice.is_empty());
    let again = RIGHT
        .replacen(
            "exact = [\"a{0..9}.vendor.example\"]",
            "payload = \"kasa\"",
            1,
        )
        .replacen(
            "examples = [\"a0.vendor.example\"]\ncounterexamples = [\"aa.vendor.example\"]",
            "",
            1,
        )
        .replacen(suffix, "payload = \"kasa\"", 1)
        .replacen(names, "", 1);
    let again = Pack::read("v.toml", &again).expect_err("claimed twice");
    assert!(
        again[0]
            .to_string()
            .contains("payload `kasa` stands at v.toml:12 too"),
        "{again:?}"
    );
}

#[test]
fn the_right_pack_is_read_with_all_that_it_says() {
    let pack = Pack::read("v.toml", RIGHT).expect("a pack");
    assert_eq!(
        (pack.id.as_str(), pack.vendor.as_str()),
        ("vendor", "Vendor")
    );
    assert_eq!(
        (pack.version.as_str(), pack.date.as_str()),
        ("1.0.0", "2026-01-31")
    );
    let signature = &pack.entries[0].signature;
    assert_eq!(signature.id, "v-h01");
    assert_eq!(signature.pattern, "a{0..9}.vendor.example");
    assert_eq!(signature.patterns.len(), 10);
    assert_eq!(signature.sources[0].text, "A page");
    assert!(signature.enabled);
    assert_eq!(pack.entries[1].signature.pattern, ".vendor.example");
    assert_eq!(pack.entries[0].line, 12);
}

#[test]
fn broken_toml_is_reported_with_its_line() {
    let errors = wrong("id = 1\n", "id = = 1\n");
    assert!(errors[0].starts_with("9: no TOML: "), "{errors:?}");
}

#[test]
fn an_unknown_key_is_named_with_the_known_ones() {
    for (from, to, says) in [
        (
            "vendor = ",
            "owner = 1\nvendor = ",
            "2: pack: unknown key `owner`; known are id, vendor,",
        ),
        (
            "text = ",
            "page = 3\ntext = ",
            "10: source 1: unknown key `page`; known are id, text,",
        ),
        (
            "exact = ",
            "exakt = 1\nexact = ",
            "14: signature `v-h01`: unknown key `exakt`; known",
        ),
    ] {
        let errors = wrong(from, to);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with(says), "{errors:?}");
    }
}

#[test]
fn each_key_that_is_missing_is_named_with_what_it_holds() {
    for (line, says) in [
        ("vendor = \"Vendor\"\n", "1: pack: `vendor` is missing;"),
        ("version = \"1.0.0\"\n", "1: pack: `version` is missing;"),
        ("date = \"2026-01-31\"\n", "1: pack: `date` is missing;"),
        (
            "description = \"Names of a vendor.\"\n",
            "1: pack: `description` is missing;",
        ),
        ("text = \"A page\"\n", "8: source 1: `text` is missing;"),
        ("id = \"v-h01\"\n", "12: signature: `id` is missing;"),
        (
            "category = \"update\"\n",
            "12: signature `v-h01`: `category` is missing; write one of",
        ),
        (
            "evidence = \"app\"\n",
            "12: signature `v-h01`: `evidence` is missing; write one of",
        ),
        (
            "confidence = \"documented\"\n",
            "12: signature `v-h01`: `confidence` is missing;",
        ),
        (
            "date = \"2025\"\n",
            "12: signature `v-h01`: `date` is missing;",
        ),
        (
            "exact = [\"a{0..9}.vendor.example\"]\n",
            "12: signature `v-h01`: it has no pattern; write `exact`, `glob` or `suffix`",
        ),
        (
            "sources = [1]\n",
            "12: signature `v-h01`: `sources` is empty; cite a [[source]] as in `sources = [1]`",
        ),
        (
            "examples = [\"a0.vendor.example\"]\n",
            "12: signature `v-h01`: `examples` is empty; write a name that it claims",
        ),
    ] {
        let errors = wrong(line, "");
        assert_eq!(errors.len(), 1, "{line}: {errors:?}");
        assert!(errors[0].starts_with(says), "{line}: {errors:?}");
    }
}

#[test]
fn each_value_that_is_wrong_is_shown_with_what_would_be_right() {
    for (from, to, says) in [
        (
            "\"vendor\"",
            "\"Vendor_1\"",
            "1: pack: `id` is `Vendor_1`; use lower-case letters",
        ),
        (
            "\"vendor\"",
            "\"a--b\"",
            "1: pack: `id` is `a--b`; use lower-case letters",
        ),
        ("\"Vendor\"", "\" \"", "2: pack: `vendor` must not be empty"),
        (
            "\"Vendor\"",
            "7",
            "2: pack: `vendor` is a value of type integer; write a text",
        ),
        (
            "\"1.0.0\"",
            "\"1 0\"",
            "3: pack: `version` holds letters, digits,",
        ),
        (
            "\"2026-01-31\"",
            "\"2026-02-31\"",
            "4: pack: `date` is `2026-02-31`; write it as",
        ),
        (
            "id = 1",
            "id = -1",
            "9: source: `id` is a value of type integer; number the sources",
        ),
        (
            "\"update\"",
            "\"updates\"",
            "15: signature `v-h01`: `category` is `updates`; write one",
        ),
        (
            "\"app\"",
            "\"App\"",
            "16: signature `v-h01`: `evidence` is `App`; write one of app,",
        ),
        (
            "[1]",
            "[1, 2]",
            "18: signature `v-h01`: there is no source 2; add a [[source]]",
        ),
        (
            "[1]",
            "[\"1\"]",
            "18: signature `v-h01`: `sources` is a value of type string; write",
        ),
        (
            "[1]\n",
            "[1]\nports = [\"443\"]\n",
            "19: signature `v-h01`: `ports` holds `443`, not a",
        ),
        (
            "[1]\n",
            "[1]\nenabled = 1\n",
            "19: signature `v-h01`: `enabled` is a value of type",
        ),
        (
            "\"a{0..9}.",
            "\"a*.",
            "14: signature `v-h01`: exact `a*.vendor.example`: a wildcard is",
        ),
        (
            "\"a{0..9}.",
            "\"A.",
            "14: signature `v-h01`: exact `A.vendor.example`: `A` must be in",
        ),
        (
            "\"a{0..9}.",
            "\"a{9..0}.",
            "14: signature `v-h01`: exact `a{9..0}.vendor.example`: in",
        ),
        (
            "\"vendor.example\"",
            "\"co.uk\"",
            "25: signature `v-h02`: suffix `co.uk`: `co.uk` is a",
        ),
        (
            "\"vendor.example\"",
            "\"example\"",
            "25: signature `v-h02`: suffix `example`: a pattern",
        ),
        (
            "\"a0.v",
            "\"a0..v",
            "20: signature `v-h01`: examples `a0..vendor.example`: a label must",
        ),
        (
            "\"a0.vendor.example\"",
            "\"a0.vendor.example tcp\"",
            "20: signature `v-h01`: examples `a",
        ),
    ] {
        let errors = wrong(from, to);
        assert!(
            errors.iter().any(|error| error.starts_with(says)),
            "{to}: {errors:?}"
        );
    }
}

#[test]
fn an_entry_without_a_source_is_read_if_it_is_disabled() {
    let text = RIGHT.replacen("sources = [1]", "enabled = false", 1);
    let pack = Pack::read("v.toml", &text).expect("a pack");
    assert!(!pack.entries[0].signature.enabled);
    assert!(pack.entries[0].signature.sources.is_empty());
}

#[test]
fn two_entries_and_two_sources_do_not_share_an_id() {
    let errors = wrong("\"v-h02\"", "\"v-h01\"");
    assert_eq!(
        errors,
        ["24: signature `v-h01`: the entry on line 12 has that id; change one"]
    );
    let errors = wrong("[[source]]", "[[source]]\nid = 1\ntext = \"B\"\n[[source]]");
    assert_eq!(
        errors,
        ["12: source 1: the number is taken; give it another"]
    );
}

#[test]
fn two_signatures_do_not_claim_the_same_pattern() {
    let errors = wrong("suffix = [", "exact = [\"a3.vendor.example\"]\nsuffix = [");
    assert_eq!(
        errors,
        [
            "25: signature `v-h02`: pattern `a3.vendor.example` stands at v.toml:14 too, in `v-h01`; \
          remove one, or limit them to ports of their own"
        ]
    );
}

#[test]
fn the_same_pattern_is_right_on_ports_that_do_not_overlap() {
    let entry = RIGHT
        .split_once("\n[[signature]]\nid = \"v-h02\"")
        .expect("the second")
        .1;
    let third = |ports: &str| {
        let entry = entry.replace("www.vendor.example", "www.vendor.example tcp/10");
        format!("{RIGHT}\n[[signature]]\nid = \"v-h03\"\nports = [{ports}]{entry}")
    };
    assert!(Pack::read("v.toml", &third("\"tcp/10\"")).is_ok());
    assert!(Pack::read("v.toml", &third("\"tcp/10-20\", \"tcp/20\"")).is_err());
    let fourth = |ports: &str| {
        let entry = entry.replace("www.vendor.example", "www.vendor.example tcp/30");
        format!(
            "{}\n[[signature]]\nid = \"v-h04\"\nports = [{ports}]{entry}",
            third("\"tcp/10\"")
        )
    };
    assert!(Pack::read("v.toml", &fourth("\"tcp/30\"")).is_ok());
    let errors = Pack::read("v.toml", &fourth("\"tcp/5-30\"")).expect_err("an overlap");
    assert!(
        errors[0]
            .message
            .contains("limit them to ports of their own"),
        "{errors:?}"
    );
}

#[test]
fn an_example_that_another_signature_claims_is_reported() {
    assert_eq!(
        wrong("\"www.vendor.example\"", "\"a1.vendor.example\""),
        [
            "31: signature `v-h02`: example `a1.vendor.example` is claimed by `v-h01` on line 12; \
          write a name that this one claims"
        ]
    );
    assert_eq!(
        wrong("\"a0.vendor.example\"", "\"a0.other.example\""),
        [
            "20: signature `v-h01`: example `a0.other.example` is claimed by no signature; write a \
          name that this one claims"
        ]
    );
}

#[test]
fn a_counterexample_and_a_lookalike_that_are_claimed_are_reported() {
    assert_eq!(
        wrong("\"aa.vendor.example\"", "\"a5.vendor.example\""),
        [
            "21: signature `v-h01`: counterexample `a5.vendor.example` is claimed by it; narrow its \
          patterns"
        ]
    );
    assert_eq!(
        wrong("\"notvendor.example\"", "\"not.vendor.example\""),
        [
            "6: pack: lookalike `not.vendor.example` is claimed by `v-h02`; narrow its patterns on \
          line 23"
        ]
    );
}

#[test]
fn the_examples_of_a_disabled_entry_are_checked_against_its_own_patterns() {
    let disabled = "evidence = \"app\"\nenabled = false";
    let text = RIGHT.replacen("evidence = \"app\"", disabled, 1);
    assert!(Pack::read("v.toml", &text).is_ok());
    let text = text.replacen("\"a0.vendor.example\"", "\"b0.vendor.example\"", 1);
    let errors = Pack::read("v.toml", &text).expect_err("a wrong example");
    assert!(
        errors[0].message.contains("claimed by no signature"),
        "{errors:?}"
    );
}

#[test]
fn all_that_is_wrong_is_reported_at_once_in_the_order_of_lines() {
    let text = RIGHT
        .replace("\"1.0.0\"", "\"1 0\"")
        .replace("\"update\"", "\"x\"")
        .replace("[1]", "[9]")
        .replace("\"undated\"", "3");
    let errors = Pack::read("v.toml", &text).expect_err("many wrong");
    let lines: Vec<usize> = errors.iter().map(|error| error.line).collect();
    assert_eq!(lines, [3, 15, 18, 29, 30]);
}

#[test]
fn a_pack_without_signatures_is_refused() {
    let text = RIGHT.split("[[signature]]").next().expect("the head");
    let errors = Pack::read("v.toml", text).expect_err("no signature");
    assert_eq!(
        errors[0].message,
        "pack: it has no [[signature]]; write at least one"
    );
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let text = format!("{RIGHT}#{}", " ".repeat(MAX_FILE));
    let errors = Pack::read("v.toml", &text).expect_err("too large");
    assert_eq!(errors.len(), 1);
    assert!(errors[0].message.contains("larger than"), "{errors:?}");
}

#[test]
fn a_pack_never_has_more_patterns_than_allowed() {
    let many: Vec<String> = (0..11)
        .map(|n| format!("\"b{n}x{{0..9999}}.vendor.example\""))
        .collect();
    let errors = wrong("exact = [", &format!("exact = [{}, ", many.join(", ")));
    assert!(
        errors[0].contains("stands for more patterns than the 0"),
        "{errors:?}"
    );
}

#[test]
fn a_fixed_part_never_has_more_globs_than_allowed() {
    let globs = |last: usize| format!("glob = [\"g{{1..{last}}}x*.vendor.example\"]\nsuffix = [");
    let text = RIGHT.replacen("suffix = [", &globs(MAX_GLOBS), 1);
    assert!(Pack::read("v.toml", &text).is_ok());
    let errors = wrong("suffix = [", &globs(MAX_GLOBS + 1));
    assert!(
        errors[0].contains("more than 256 globs under `vendor.example`"),
        "{errors:?}"
    );
}

#[test]
fn a_signature_never_has_more_ports_than_allowed() {
    let ports: Vec<String> = (1..=65).map(|port| format!("\"tcp/{port}\"")).collect();
    let errors = wrong(
        "[1]\n",
        &format!("[1]\nusual_ports = [{}]\n", ports.join(",")),
    );
    assert!(
        errors[0].contains("`usual_ports` has more than 64 ranges"),
        "{errors:?}"
    );
}

#[test]
fn a_long_value_is_cut_and_control_characters_are_escaped_in_messages() {
    let errors = wrong("\"update\"", &format!("\"\\u001b{}\"", "x".repeat(500)));
    assert!(errors[0].contains("`\\u{1b}xxx"), "{errors:?}");
    assert!(errors[0].len() < 600, "{errors:?}");
}

#[test]
fn every_prefix_of_a_pack_is_read_without_a_panic() {
    for len in (0..RIGHT.len()).filter(|&len| RIGHT.is_char_boundary(len)) {
        if let Err(errors) = Pack::read("v.toml", &RIGHT[..len]) {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|error| error.line >= 1));
        }
    }
}

#[test]
fn every_changed_octet_of_a_pack_is_read_without_a_panic() {
    for at in 0..RIGHT.len() {
        for octet in [b'"', b'\n', b'{', b'.', b'*', b'9'] {
            let mut text = RIGHT.as_bytes().to_vec();
            text[at] = octet;
            let text = String::from_utf8(text).expect("ASCII");
            if let Err(errors) = Pack::read("v.toml", &text) {
                assert!(!errors.is_empty(), "{at}");
            }
        }
    }
}
