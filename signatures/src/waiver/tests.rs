use super::*;

/// Waivers in which nothing is wrong; tests change a piece of them.
const RIGHT: &str = r#"[[waiver]]
host = "10.1.2.3"
vendor = "kaspersky"
until = "2027-01-31"
reason = "Malware laboratory."
by = "J. Doe, CISO"

[[waiver]]
host = "2001:db8::/64"
vendor = "bytedance"
until = "2026-12-31"
reason = "Press office."
by = "A. Roe"
"#;

/// What is wrong after `from` in the right file became `to`: `LINE: message` of each error.
fn wrong(from: &str, to: &str) -> Vec<String> {
    assert!(RIGHT.contains(from), "{from}");
    let errors = read("w.toml", &RIGHT.replacen(from, to, 1)).expect_err("something wrong");
    errors
        .iter()
        .map(|error| error.to_string().trim_start_matches("w.toml:").to_owned())
        .collect()
}

#[test]
fn waivers_are_read_with_all_that_they_say() {
    let waivers = read("w.toml", RIGHT).expect("waivers");
    assert_eq!(waivers.len(), 2);
    assert_eq!(waivers[0].hosts.to_string(), "10.1.2.3/32");
    assert_eq!(waivers[1].hosts.to_string(), "2001:db8::/64");
    assert_eq!(waivers[0].until.to_string(), "2027-01-31");
    let texts = (waivers[0].reason.as_str(), waivers[0].by.as_str());
    assert_eq!(texts, ("Malware laboratory.", "J. Doe, CISO"));
}

#[test]
fn a_file_without_waivers_is_right() {
    assert_eq!(read("w.toml", "# none so far\n"), Ok(Vec::new()));
}

#[test]
fn each_key_is_needed_and_named_when_it_is_missing() {
    for key in ["host", "vendor", "until", "reason", "by"] {
        let line = RIGHT.lines().find(|it| it.starts_with(key)).expect(key);
        let errors = wrong(&format!("{line}\n"), "");
        assert_eq!(errors.len(), 1, "{errors:?}");
        let says = format!("1: waiver: `{key}` is missing; ");
        assert!(errors[0].starts_with(&says), "{errors:?}");
    }
}

#[test]
fn each_value_that_is_wrong_is_shown_with_what_would_be_right() {
    for (from, to, says) in [
        (
            "\"10.1.2.3\"",
            "\"pc7\"",
            "2: waiver: `host` is `pc7`; write an address, or a block",
        ),
        (
            "\"10.1.2.3\"",
            "\"10.1.2.3/24\"",
            "2: waiver: `host` is `10.1.2.3/24`; write `10.1.2.0/24`",
        ),
        (
            "\"kaspersky\"",
            "\"Kaspersky\"",
            "3: waiver: `vendor` is `Kaspersky`; use lower-case",
        ),
        (
            "\"2027-01-31\"",
            "\"2027-02-30\"",
            "4: waiver: `until` is `2027-02-30`; write it as",
        ),
        (
            "\"2027-01-31\"",
            "2027-01-31",
            "4: waiver: `until` is a value of type datetime; write a",
        ),
        (
            "\"Malware laboratory.\"",
            "\"a\\nb\"",
            "5: waiver: `reason` is `a\\nb`; write one line",
        ),
        (
            "\"J. Doe, CISO\"",
            "\" \"",
            "6: waiver: `by` must not be empty",
        ),
        (
            "by = \"J",
            "from = 1\nby = \"J",
            "6: waiver: unknown key `from`; known are host,",
        ),
        (
            "[[waiver]]",
            "[[waivers]]",
            "1: waivers: unknown key `waivers`; known are waiver",
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
fn two_waivers_for_the_same_are_refused_with_both_lines() {
    let errors = wrong(
        "\"2001:db8::/64\"\nvendor = \"bytedance\"",
        "\"10.1.2.3/32\"\nvendor = \"kaspersky\"",
    );
    assert_eq!(
        errors,
        ["8: waiver: the one on line 1 is for 10.1.2.3/32 and `kaspersky` too; remove one"]
    );
}

#[test]
fn the_number_of_waivers_is_bounded() {
    let waiver = |it: usize| {
        let [high, low] = [it / 250, it % 250];
        format!(
            "[[waiver]]\nhost = \"10.1.{high}.{low}\"\nvendor = \"kaspersky\"\nuntil = \
             \"2027-01-31\"\nreason = \"r\"\nby = \"b\"\n"
        )
    };
    let text: String = (0..MAX_WAIVERS).map(waiver).collect();
    assert_eq!(read("w.toml", &text).expect("waivers").len(), MAX_WAIVERS);
    let errors = read("w.toml", &(text + &waiver(MAX_WAIVERS))).expect_err("too many");
    assert!(
        errors[0]
            .message
            .starts_with("there are more than 10000 waivers")
    );
}

#[test]
fn a_vendor_without_a_pack_is_noted() {
    let waivers = read("w.toml", &RIGHT.replace("bytedance", "nobody")).expect("waivers");
    let catalogue = Catalogue::builtin().expect("the packs");
    assert_eq!(
        notes(&waivers, &catalogue),
        ["waivers: no pack is loaded for nobody; there is nothing to waive"]
    );
}
