use super::*;

/// A directive in which nothing is wrong; tests change a piece of it.
const RIGHT: &str = r#"id = "xx-1"
name = "Order 1"
issuer = "An office"
title = "Order on a vendor"
date = "2026-01-31"
scope = "Everyone."
vendors = ["vendor", "other"]

[counts]
verdicts = ["installed", "likely"]
embedded = true
downloads = false
browsing = false
embeds = false
excluded_products = ["Vendor Reader"]
excluded_categories = ["web"]
reading = "As it is written."

[[milestone]]
step = "complete"
date = "2026-06-30"
text = "Done."

[[milestone]]
step = "identify"
date = "2026-03-02"
text = "Known."

[[source]]
text = "The order"
date = "2026-01-31"
confidence = "primary"
"#;

/// What is wrong after `from` in the right directive became `to`: `LINE: message` of each error.
fn wrong(from: &str, to: &str) -> Vec<String> {
    assert!(RIGHT.contains(from), "{from}");
    let text = RIGHT.replacen(from, to, 1);
    let errors = Directive::read("d.toml", &text).expect_err("something wrong");
    errors
        .iter()
        .map(|error| error.to_string().trim_start_matches("d.toml:").to_owned())
        .collect()
}

fn right(id: &str) -> Directive {
    Directive::read("d.toml", &RIGHT.replace("xx-1", id)).expect("a directive")
}

#[test]
fn the_right_directive_is_read_with_all_that_it_says() {
    let directive = right("xx-1");
    assert_eq!(directive.vendors, ["other", "vendor"]);
    assert!(directive.covers("vendor") && !directive.covers("vendo"));
    let kinds = [Countable::Likely, Countable::Installed, Countable::Embedded];
    assert_eq!(directive.profile.counts, kinds);
    assert_eq!(directive.profile.excluded_products, ["Vendor Reader"]);
    assert_eq!(directive.profile.excluded_categories, [Category::Web]);
    let days: Vec<String> = directive
        .milestones
        .iter()
        .map(|it| it.date.to_string())
        .collect();
    assert_eq!(days, ["2026-03-02", "2026-06-30"]);
    let complete = directive.day_for(Step::Complete).map(|it| it.to_string());
    assert_eq!(complete.as_deref(), Some("2026-06-30"));
    assert_eq!(directive.day_for(Step::Plan), None);
    assert_eq!(directive.citations[0].authority, Authority::Primary);
}

#[test]
fn each_key_that_is_missing_is_named_with_what_it_holds() {
    for (line, says) in [
        ("id = \"xx-1\"\n", "1: directive: `id` is missing;"),
        ("name = \"Order 1\"\n", "1: directive: `name` is missing;"),
        (
            "issuer = \"An office\"\n",
            "1: directive: `issuer` is missing;",
        ),
        (
            "title = \"Order on a vendor\"\n",
            "1: directive: `title` is missing;",
        ),
        (
            "\ndate = \"2026-01-31\"\nscope",
            "1: directive: `date` is missing;",
        ),
        (
            "scope = \"Everyone.\"\n",
            "1: directive: `scope` is missing;",
        ),
        (
            "vendors = [\"vendor\", \"other\"]\n",
            "1: directive: `vendors` is empty;",
        ),
        (
            "embedded = true\n",
            "9: counts: `embedded` is missing; write true if engines",
        ),
        (
            "downloads = false\n",
            "9: counts: `downloads` is missing; write true if",
        ),
        (
            "browsing = false\n",
            "9: counts: `browsing` is missing; write true if reading",
        ),
        (
            "embeds = false\n",
            "9: counts: `embeds` is missing; write true if parts",
        ),
        (
            "reading = \"As it is written.\"\n",
            "9: counts: `reading` is missing; say how",
        ),
        (
            "text = \"Done.\"\n",
            "19: milestone 2026-06-30: `text` is missing;",
        ),
        (
            "date = \"2026-06-30\"\n",
            "19: milestone: `date` is missing; write",
        ),
        (
            "confidence = \"primary\"\n",
            "29: source: `confidence` is missing; write one of",
        ),
    ] {
        let to = if line.ends_with("scope") {
            "\nscope"
        } else {
            ""
        };
        let errors = wrong(line, to);
        assert_eq!(errors.len(), 1, "{line}: {errors:?}");
        assert!(errors[0].starts_with(says), "{line}: {errors:?}");
    }
}

#[test]
fn each_value_that_is_wrong_is_shown_with_what_would_be_right() {
    for (from, to, says) in [
        (
            "\"xx-1\"",
            "\"XX 1\"",
            "1: directive: `id` is `XX 1`; use lower-case letters",
        ),
        (
            "date = \"2026-01-31\"",
            "date = \"31.1.2026\"",
            "5: directive: `date` is `31.1.2026`; write it as",
        ),
        (
            "\"vendor\", ",
            "\"Vendor\", ",
            "7: directive: `vendors` holds `Vendor`; write the id",
        ),
        (
            "\"vendor\", ",
            "\"other\", ",
            "7: directive: `vendors` holds `other` twice; remove",
        ),
        (
            "\"likely\"",
            "\"embedded\"",
            "10: counts: `verdicts` is `embedded`; write one of contact,",
        ),
        (
            "= true",
            "= \"yes\"",
            "11: counts: `embedded` is a value of type string; write true",
        ),
        (
            "\"web\"",
            "\"pages\"",
            "16: counts: `excluded_categories` is `pages`; write one of",
        ),
        (
            "\"complete\"",
            "\"done\"",
            "20: milestone 2026-06-30: `step` is `done`; write one of identify,",
        ),
        (
            "\"identify\"",
            "\"complete\"",
            "24: milestone 2026-03-02: the milestone on line 21 is `complete` too",
        ),
        (
            "2026-03-02",
            "2026-07-01",
            "21: milestone 2026-06-30: `complete` lies before `identify` on 2026-07-01",
        ),
        (
            "\"primary\"",
            "\"P\"",
            "32: source: `confidence` is `P`; write one of primary,",
        ),
        (
            "embeds =",
            "embed =",
            "14: counts: unknown key `embed`; known are verdicts,",
        ),
        (
            "scope",
            "reach",
            "6: directive: unknown key `reach`; known are id,",
        ),
    ] {
        let errors = wrong(from, to);
        assert!(
            errors.iter().any(|it| it.starts_with(says)),
            "{to}: {errors:?}"
        );
    }
}

#[test]
fn a_profile_that_counts_nothing_is_refused() {
    let text = RIGHT
        .replace("[\"installed\", \"likely\"]", "[]")
        .replace("= true", "= false");
    let errors = Directive::read("d.toml", &text).expect_err("nothing counts");
    assert_eq!(
        errors[0].to_string(),
        "d.toml:9: counts: nothing counts; list `verdicts` that do"
    );
}

#[test]
fn all_that_is_wrong_is_reported_at_once() {
    let text = RIGHT
        .replace("\"primary\"", "\"P\"")
        .replace("2026-03-02", "soon")
        .replace("\"web\"", "\"pages\"");
    let errors = Directive::read("d.toml", &text).expect_err("three faults");
    let lines: Vec<usize> = errors.iter().map(|it| it.line).collect();
    assert_eq!(lines, [16, 26, 32]);
}

#[test]
fn no_file_is_too_broken_to_be_refused() {
    for text in [
        "",
        "id = = 1",
        "[counts]",
        "milestone = 1\ncounts = 2\nsource = [3]",
    ] {
        assert!(
            !Directive::read("d.toml", text).expect_err(text).is_empty(),
            "{text}"
        );
    }
}

#[test]
fn the_bounds_hold() {
    let many = |count: usize| {
        let vendors: Vec<String> = (0..count).map(|it| format!("\"v{it}\"")).collect();
        RIGHT.replace("\"vendor\", \"other\"", &vendors.join(", "))
    };
    assert!(Directive::read("d.toml", &many(MAX_VENDORS)).is_ok());
    let errors = Directive::read("d.toml", &many(MAX_VENDORS + 1)).expect_err("too many");
    assert!(errors[0].message.contains("more than 32"), "{errors:?}");
    assert_eq!(MAX_CHOSEN * MAX_VENDORS, 256);

    let milestone = "[[milestone]]\ndate = \"2026-07-01\"\ntext = \"More.\"\n";
    let text = RIGHT.to_owned() + &milestone.repeat(MAX_MILESTONES);
    let errors = Directive::read("d.toml", &text).expect_err("too many");
    assert!(
        errors[0].message.contains("more than 32 milestones"),
        "{errors:?}"
    );

    let list = (1..=9).map(|it| right(&format!("xx-{it}"))).collect();
    let directives = Directives { list };
    let ids: Vec<String> = directives.list.iter().map(|it| it.id.clone()).collect();
    assert_eq!(directives.choose(&ids), Err(ChooseError::TooMany(9)));
    assert_eq!(directives.choose(&ids[..8]).expect("eight").list().len(), 8);
}

#[test]
fn all_ids_that_are_unknown_are_named_with_the_known_ones() {
    let directives = Directives {
        list: vec![right("xx-1"), right("xx-2")],
    };
    let error = directives
        .choose(&["xx-3", "xx-1", "xx-0"])
        .expect_err("two unknown");
    assert_eq!(
        error.to_string(),
        "unknown directives: xx-3, xx-0; known are xx-1, xx-2"
    );
    let chosen = directives.choose(&["xx-2", "xx-1", "xx-2"]).expect("both");
    assert_eq!(chosen, directives);
}

#[test]
fn two_files_with_one_id_are_refused() {
    let errors = Directives::from_files(&[("a.toml", RIGHT), ("b.toml", RIGHT)]);
    let errors = errors.expect_err("one id twice");
    assert_eq!(
        errors[0].to_string(),
        "b.toml:1: directive: a.toml has the id `xx-1` too; change one"
    );
}

#[test]
fn elements_stand_in_the_order_of_the_file() {
    let directives = Directives::builtin().expect("the built-in ones");
    let elements = &directives.by_id("us-bod-17-01").expect("it").elements;
    let of = |step| -> String {
        let letters = elements.iter().filter(|it| it.step == step);
        letters.map(|it| it.letter.as_str()).collect()
    };
    assert_eq!(of(Step::Identify), "abc");
    assert_eq!(of(Step::Plan), "abcdefghijklmn");
    let hand = elements
        .iter()
        .filter(|it| it.filler == Filler::Operator)
        .map(|it| it.letter.as_str());
    assert_eq!(hand.collect::<String>(), "abhkln");
}

#[test]
fn an_element_is_there_once_and_complete() {
    let element = "[[element]]\nstep = \"plan\"\nletter = \"a\"\ntext = \"Name.\"\nfiller = \
                   \"operator\"\n";
    let source = "[[source]]\ntext";
    let with = |text: &str| wrong(source, &format!("{text}{source}"));
    assert_eq!(
        with(&element.repeat(2)),
        ["36: element `a`: there are two for `plan`; remove one"]
    );
    let errors = with(&element.replace("operator", "nobody"));
    assert!(
        errors[0].starts_with("33: element `a`: `filler` is `nobody`; write one of operator,"),
        "{errors:?}"
    );
    let errors = with(&element.replace("letter = \"a\"\n", ""));
    assert!(errors[0].contains("`letter` is missing"), "{errors:?}");
    let errors = with(&element.repeat(MAX_ELEMENTS + 1));
    let too_many = errors.iter().any(|it| it.contains("more than 64 elements"));
    assert!(too_many, "{errors:?}");
}
