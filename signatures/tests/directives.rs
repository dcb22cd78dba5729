//! The directives that are compiled in, held to the facts, and folders of others.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

use phonehome_signatures::{
    Authority, Base, Catalogue, Countable, Directive, Directives, FileError, Step, waiver,
};

fn builtin() -> Directives {
    Directives::builtin().unwrap_or_else(|errors| {
        let lines: Vec<String> = errors.iter().map(FileError::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

/// Id, day of issue, days of the four steps, and vendors.
type Fact = (
    &'static str,
    &'static str,
    [Option<&'static str>; 4],
    &'static [&'static str],
);

/// The directives as the texts have them.
const FACTS: [Fact; 10] = [
    (
        "ca-2023-10",
        "2023-10-30",
        [None, None, None, Some("2023-10-30")],
        &["kaspersky", "tencent"],
    ),
    (
        "tx-2022",
        "2022-12-07",
        [None, Some("2024-11-20"), None, None],
        &["bytedance"],
    ),
    (
        "us-bis-icts-2021-002",
        "2024-06-20",
        [None, None, Some("2024-07-20"), Some("2024-09-29")],
        &["kaspersky"],
    ),
    (
        "us-bod-17-01",
        "2017-09-13",
        [
            Some("2017-10-13"),
            Some("2017-11-12"),
            Some("2017-12-12"),
            None,
        ],
        &["kaspersky"],
    ),
    (
        "us-far-52204-23",
        "2018-06-15",
        [None, None, Some("2018-07-16"), Some("2018-10-01")],
        &["kaspersky"],
    ),
    (
        "us-far-52204-27",
        "2023-06-02",
        [None, None, None, Some("2023-06-02")],
        &["bytedance"],
    ),
    (
        "us-ndaa-1634",
        "2017-12-12",
        [None, None, None, Some("2018-10-01")],
        &["kaspersky"],
    ),
    (
        "us-ndaa-889",
        "2018-08-13",
        [None, None, Some("2019-08-13"), Some("2020-08-13")],
        &["dahua", "hikvision", "huawei", "hytera", "zte"],
    ),
    (
        "us-omb-m-23-13",
        "2023-02-27",
        [Some("2023-03-29"), None, None, Some("2023-03-29")],
        &["bytedance"],
    ),
    (
        "us-tiktok-act",
        "2022-12-29",
        [None, Some("2023-02-27"), None, None],
        &["bytedance"],
    ),
];

#[test]
fn the_directives_that_are_compiled_in_have_the_dates_and_vendors_of_their_texts() {
    let builtin = builtin();
    let ids: Vec<&str> = builtin.list().iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, FACTS.map(|it| it.0));
    for (id, date, steps, vendors) in FACTS {
        let directive = builtin.by_id(id).expect(id);
        assert_eq!(directive.date.to_string(), date, "{id}");
        let days = [Step::Identify, Step::Plan, Step::Begin, Step::Complete]
            .map(|it| directive.day_for(it).map(|it| it.to_string()));
        assert_eq!(days.each_ref().map(Option::as_deref), steps, "{id}");
        assert_eq!(directive.vendors, vendors, "{id}");
    }
}

#[test]
fn the_steps_of_bod_17_01_are_30_60_and_90_days_after_its_issue() {
    let builtin = builtin();
    let directive = builtin.by_id("us-bod-17-01").expect("the directive");
    let days = directive
        .milestones
        .iter()
        .map(|it| it.date.days_after(directive.date));
    assert_eq!(days.collect::<Vec<_>>(), [30, 60, 90]);
}

#[test]
fn every_directive_cites_a_primary_source_that_can_be_looked_up() {
    for directive in builtin().list() {
        let found = directive
            .citations
            .iter()
            .any(|it| it.authority == Authority::Primary && it.url.is_some());
        assert!(found, "{}", directive.id);
    }
}

#[test]
fn embedded_engines_count_under_section_1634_and_not_under_bod_17_01() {
    let builtin = builtin();
    let counts = |id: &str, kind| {
        let directive: &Directive = builtin.by_id(id).expect(id);
        directive.profile.counts.contains(&kind)
    };
    assert!(counts("us-ndaa-1634", Countable::Embedded));
    assert!(counts("us-far-52204-23", Countable::Embedded));
    assert!(!counts("us-bod-17-01", Countable::Embedded));
    assert!(counts("us-omb-m-23-13", Countable::Browsing));
    assert!(!counts("us-tiktok-act", Countable::Browsing));
    for directive in builtin.list() {
        assert!(
            counts(&directive.id, Countable::InstalledActive),
            "{}",
            directive.id
        );
        assert!(
            !counts(&directive.id, Countable::Embeds),
            "{}",
            directive.id
        );
    }
}

#[test]
fn a_vendor_without_a_pack_is_noted_and_no_exclusion_fits_nothing() {
    let catalogue = Catalogue::builtin().expect("the packs");
    assert_eq!(
        builtin().notes(&catalogue),
        [
            "directive ca-2023-10: no pack is loaded for tencent; nothing can be found of it",
            "directive us-ndaa-889: no pack is loaded for dahua, huawei, hytera, zte; nothing can be \
             found of it",
        ]
    );
}

#[test]
fn a_folder_extends_and_replaces_the_directives_that_are_compiled_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = include_str!("../data/directives/us-bod-17-01.toml");
    let own = text.to_owned()
        + "[[milestone]]\nstep = \"complete\"\ndate = \"2018-03-01\"\ntext = \"Our own day.\"\n";
    std::fs::write(dir.path().join("a.toml"), own).expect("a file");
    let other = text.replace("us-bod-17-01", "our-1");
    std::fs::write(dir.path().join("b.toml"), other).expect("a file");
    let all = Directives::load(dir.path(), Base::Builtin).expect("directives");
    assert_eq!(all.list().len(), FACTS.len() + 1);
    assert!(all.list().is_sorted_by_key(|it| it.id.clone()));
    let day = all
        .by_id("us-bod-17-01")
        .and_then(|it| it.day_for(Step::Complete));
    assert_eq!(day.expect("a day").to_string(), "2018-03-01");
    let alone = Directives::load(dir.path(), Base::Empty).expect("directives");
    assert_eq!(alone.list().len(), 2);
}

#[test]
fn the_errors_of_all_files_are_reported_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("a.toml"), "id = 1").expect("a file");
    std::fs::write(dir.path().join("b.toml"), "= 1").expect("a file");
    let error = Directives::load(dir.path(), Base::Builtin).expect_err("two broken files");
    let text = error.to_string();
    assert!(
        text.contains("a.toml:1: directive: `id` is a value of type integer"),
        "{text}"
    );
    assert!(text.contains("b.toml:1: no TOML"), "{text}");
}

#[test]
fn the_examples_in_the_readme_are_a_directive_and_waivers() {
    let readme = include_str!("../README.md");
    let blocks: Vec<&str> = readme
        .split("```toml\n")
        .skip(3)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let [directive, waivers] = blocks.as_slice() else {
        panic!("{} blocks", blocks.len());
    };
    let directive =
        Directive::read("README.md", directive).unwrap_or_else(|errors| panic!("{}", errors[0]));
    assert_eq!(directive.id, "acme-order-7");
    let waivers =
        waiver::read("README.md", waivers).unwrap_or_else(|errors| panic!("{}", errors[0]));
    assert_eq!(waivers.len(), 2);
}

#[test]
fn the_readme_lists_every_word_that_directives_use() {
    let readme = include_str!("../README.md");
    let words = Step::ALL.iter().map(|it| it.as_str());
    let words = words.chain(Authority::ALL.iter().map(|it| it.as_str()));
    for word in words.chain(Countable::VERDICTS.iter().map(|it| it.as_str())) {
        assert!(readme.contains(&format!("`{word}`")), "{word}");
    }
    for (id, ..) in FACTS {
        assert!(readme.contains(&format!("`{id}`")), "{id}");
    }
}
