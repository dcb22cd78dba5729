use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::pattern;

/// Patterns as packs write them, each with its ports; their places are the ids.
type Rules<'a> = &'a [(&'a str, &'a str)];

/// Reads `=name` as exact, `.name` as suffix and anything else as a glob.
fn pattern_of(text: &str) -> Pattern {
    let pattern = match (text.strip_prefix('='), text.strip_prefix('.')) {
        (Some(name), _) => pattern::exact(name),
        (_, Some(name)) => pattern::suffix(name),
        _ => pattern::glob(text),
    };
    pattern.expect(text)
}

fn matcher(rules: Rules<'_>) -> Matcher {
    let owned: Vec<(Pattern, Vec<PortRange>)> = rules
        .iter()
        .map(|(text, ports)| {
            let ports = ports
                .split_whitespace()
                .map(|range| range.parse().expect(range));
            (pattern_of(text), ports.collect())
        })
        .collect();
    build(&owned)
}

fn build(owned: &[(Pattern, Vec<PortRange>)]) -> Matcher {
    let rules: Vec<Rule<'_>> = owned
        .iter()
        .zip(0..)
        .map(|((pattern, ports), at)| Rule {
            pattern,
            ports,
            signature: SignatureId(at),
        })
        .collect();
    Matcher::build(&rules)
}

fn claim(rules: Rules<'_>, name: &str, service: Service) -> Option<u32> {
    matcher(rules).claim(name, service).map(|id| id.0)
}

#[test]
fn an_exact_pattern_goes_before_a_glob_and_a_glob_before_a_suffix() {
    let rules = [
        (".a.v.example", ""),
        ("x*.v.example", ""),
        ("=xa.v.example", ""),
    ];
    assert_eq!(claim(&rules, "xa.v.example", Service::Dns), Some(2));
    assert_eq!(claim(&rules, "xb.v.example", Service::Dns), Some(1));
    assert_eq!(claim(&rules, "b.a.v.example", Service::Dns), Some(0));
    let rules = [(".xa.v.example", ""), ("x*.v.example", "")];
    assert_eq!(claim(&rules, "xa.v.example", Service::Dns), Some(1));
}

#[test]
fn the_longest_suffix_wins() {
    let rules = [
        (".v.example", ""),
        (".a.v.example", ""),
        (".b.a.v.example", ""),
    ];
    assert_eq!(claim(&rules, "c.b.a.v.example", Service::Dns), Some(2));
    assert_eq!(claim(&rules, "a.v.example", Service::Dns), Some(1));
    assert_eq!(claim(&rules, "c.v.example", Service::Dns), Some(0));
}

#[test]
fn a_longer_suffix_of_another_name_does_not_hide_a_shorter_one() {
    let rules = [(".v.example", ""), (".x.y.v.example", "")];
    assert_eq!(claim(&rules, "a.y.v.example", Service::Dns), Some(0));
}

#[test]
fn of_two_globs_the_one_with_the_longer_fixed_part_wins() {
    let rules = [("logger*.**.v.example", ""), ("l*.us.v.example", "")];
    assert_eq!(claim(&rules, "logger1.us.v.example", Service::Dns), Some(1));
    assert_eq!(claim(&rules, "logger1.eu.v.example", Service::Dns), Some(0));
}

#[test]
fn of_globs_under_one_fixed_part_the_one_with_more_literals_wins() {
    let rules = [
        ("l*.v.example", ""),
        ("log*.v.example", ""),
        ("*g.v.example", ""),
    ];
    assert_eq!(claim(&rules, "log.v.example", Service::Dns), Some(1));
    assert_eq!(claim(&rules, "lg.v.example", Service::Dns), Some(0));
    assert_eq!(claim(&rules, "g.v.example", Service::Dns), Some(2));
}

#[test]
fn a_port_limit_that_fits_goes_before_none() {
    let rules = [(".v.example", ""), (".v.example", "tcp/10-12 udp/7")];
    assert_eq!(claim(&rules, "a.v.example", Service::Tcp(11)), Some(1));
    assert_eq!(claim(&rules, "a.v.example", Service::Udp(7)), Some(1));
    assert_eq!(claim(&rules, "a.v.example", Service::Tcp(7)), Some(0));
    assert_eq!(claim(&rules, "a.v.example", Service::Tcp(13)), Some(0));
}

#[test]
fn a_port_limit_that_does_not_fit_leaves_the_name_to_the_next_rank() {
    let rules = [
        (".v.example", ""),
        (".a.v.example", "tcp/10"),
        ("=b.a.v.example", "tcp/20"),
    ];
    assert_eq!(claim(&rules, "b.a.v.example", Service::Tcp(20)), Some(2));
    assert_eq!(claim(&rules, "b.a.v.example", Service::Tcp(10)), Some(1));
    assert_eq!(claim(&rules, "b.a.v.example", Service::Tcp(30)), Some(0));
}

#[test]
fn rows_of_one_suffix_are_told_apart_by_their_ports() {
    let rules = [
        (".k.example", "tcp/23100-23199"),
        (".k.example", "tcp/23700-23799"),
        (".k.example", "tcp/27200-27299"),
    ];
    assert_eq!(claim(&rules, "a.k.example", Service::Tcp(23_199)), Some(0));
    assert_eq!(claim(&rules, "a.k.example", Service::Tcp(23_700)), Some(1));
    assert_eq!(claim(&rules, "a.k.example", Service::Tcp(27_299)), Some(2));
    assert_eq!(claim(&rules, "a.k.example", Service::Tcp(443)), None);
    assert_eq!(claim(&rules, "a.k.example", Service::Udp(23_100)), None);
}

#[test]
fn a_question_prefers_any_rule_without_limits() {
    let rules = [(".v.example", ""), ("=a.v.example", "tcp/10")];
    assert_eq!(claim(&rules, "a.v.example", Service::Dns), Some(0));
    assert_eq!(claim(&rules, "a.v.example", Service::Tcp(10)), Some(1));
}

#[test]
fn a_question_that_only_limited_rules_know_is_claimed_by_the_best_of_them() {
    let rules = [
        (".v.example", "tcp/10"),
        ("=a.v.example", "udp/10"),
        (".v.example", "tcp/20"),
    ];
    assert_eq!(claim(&rules, "a.v.example", Service::Dns), Some(1));
    assert_eq!(claim(&rules, "b.v.example", Service::Dns), Some(0));
}

#[test]
fn names_that_only_look_alike_are_not_claimed() {
    let rules = [(".v.example", ""), ("x*.w.example", "")];
    for name in [
        "",
        ".",
        "example",
        ".example",
        "nv.example",
        "v.example.",
        "v.example.evil",
        "v-example",
        ".v.example",
        "a..v.example",
        "a\\.v.example",
        "a\\.x.v.example",
        "V.example",
        "w.example",
        "x.w.example.w",
    ] {
        assert_eq!(claim(&rules, name, Service::Dns), None, "{name:?}");
    }
}

#[test]
fn a_name_longer_than_dns_allows_is_not_claimed() {
    let rules = [(".v.example", "")];
    let longest = format!(
        "{}.v.example",
        "a".repeat(name::MAX_NAME - ".v.example".len())
    );
    assert_eq!(claim(&rules, &longest, Service::Dns), Some(0));
    assert_eq!(claim(&rules, &format!("a{longest}"), Service::Dns), None);
}

#[test]
fn an_empty_matcher_claims_nothing() {
    assert_eq!(claim(&[], "a.v.example", Service::Dns), None);
}

#[test]
fn the_filter_holds_all_that_was_put_in_and_little_else() {
    let hash_of = |number: u32| hash(format!("name{number}.example").as_bytes());
    let filter = Filter::new(&(0..20_000).map(hash_of).collect::<Vec<_>>());
    assert!((0..20_000).all(|number| filter.may_hold(hash_of(number))));
    let passed = (20_000..120_000)
        .filter(|&number| filter.may_hold(hash_of(number)))
        .count();
    assert!(passed < 4_000, "{passed} of 100000");
}

#[test]
fn a_hundred_thousand_suffixes_are_told_apart() {
    let owned: Vec<(Pattern, Vec<PortRange>)> = (0..100_000)
        .map(|number| {
            (
                pattern_of(&format!(".n{number}.z{}.example", number % 7)),
                Vec::new(),
            )
        })
        .collect();
    let matcher = build(&owned);
    for number in (0..100_000_u32).step_by(37) {
        let name = format!("a.n{number}.z{}.example", number % 7);
        assert_eq!(
            matcher.claim(&name, Service::Dns),
            Some(SignatureId(number))
        );
        let other = format!("a.n{number}.z{}.example", (number + 1) % 7);
        assert_eq!(matcher.claim(&other, Service::Dns), None);
    }
}

/// The rules of precedence as the catalogue describes them, tried on every rule in turn.
fn reference(
    owned: &[(Pattern, Vec<PortRange>)],
    name: &str,
    service: Service,
) -> Option<SignatureId> {
    let best = |takes_part: &dyn Fn(&[PortRange]) -> bool| {
        owned
            .iter()
            .zip(0..)
            .filter(|((pattern, ports), _)| naive(pattern, name) && takes_part(ports))
            .min_by_key(|((pattern, ports), at)| {
                let (kind, fixed, first) = match pattern {
                    Pattern::Exact(whole) => (0, whole.len(), 0),
                    Pattern::Glob(glob) => {
                        (1, glob.fixed.len(), glob.before.len() + glob.after.len())
                    }
                    Pattern::Suffix(suffix) => (2, suffix.len(), 0),
                };
                (kind, 1000 - fixed, 1000 - first, ports.is_empty(), *at)
            })
            .map(|(_, at)| SignatureId(at))
    };
    match service {
        Service::Dns => {
            best(&|ports| ports.is_empty()).or_else(|| best(&|ports| !ports.is_empty()))
        }
        Service::Tcp(_) | Service::Udp(_) => {
            best(&|ports| ports.is_empty() || ports.iter().any(|range| range.holds(service)))
        }
    }
}

/// Whether a name matches, by comparing lists of labels.
fn naive(pattern: &Pattern, name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    if name.contains('\\') || labels.iter().any(|label| label.is_empty()) {
        return false;
    }
    let fixed: Vec<&str> = pattern.fixed().split('.').collect();
    if !labels.ends_with(&fixed) {
        return false;
    }
    let above = &labels[..labels.len() - fixed.len()];
    match pattern {
        Pattern::Exact(_) => above.is_empty(),
        Pattern::Suffix(_) => true,
        Pattern::Glob(glob) => {
            let count = if glob.deep {
                !above.is_empty()
            } else {
                above.len() == 1
            };
            let Some(first) = above.first().filter(|_| count) else {
                return false;
            };
            (0..=first.len()).any(|from| {
                (from..=first.len()).any(|to| {
                    let middle = &first[from..to];
                    let digits = !middle.is_empty() && middle.chars().all(|c| c.is_ascii_digit());
                    first[..from] == *glob.before
                        && first[to..] == *glob.after
                        && (glob.wildcard == pattern::Wildcard::Any || digits)
                })
            })
        }
    }
}

/// Names of few labels over few letters, so that patterns and names meet often.
fn names() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab1]{1,3}", 2..5).prop_map(|labels| labels.join("."))
}

fn fixed_parts() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]{1,2}", 2..4).prop_map(|labels| labels.join("."))
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let glob = ("[ab1]{0,2}[*#][ab1]{0,1}", any::<bool>(), fixed_parts());
    prop_oneof![
        fixed_parts().prop_map(|fixed| pattern_of(&format!("={fixed}"))),
        fixed_parts().prop_map(|fixed| pattern_of(&format!(".{fixed}"))),
        glob.prop_map(|(first, deep, fixed)| {
            let between = if deep { "**." } else { "" };
            pattern_of(&format!("{first}.{between}{fixed}"))
        }),
    ]
}

fn ports() -> impl Strategy<Value = Vec<PortRange>> {
    prop::collection::vec(
        prop::sample::select(vec!["tcp/1", "tcp/2-3", "udp/1-2", "udp/3"])
            .prop_map(|range| range.parse().expect(range)),
        0..2,
    )
}

fn services() -> impl Strategy<Value = Service> {
    prop_oneof![
        Just(Service::Dns),
        (1_u16..5).prop_map(Service::Tcp),
        (1_u16..5).prop_map(Service::Udp),
    ]
}

proptest! {
    #[test]
    fn the_index_claims_what_trying_every_rule_claims(
        owned in prop::collection::vec((patterns(), ports()), 0..40),
        asked in prop::collection::vec((names(), services()), 1..40),
    ) {
        let matcher = build(&owned);
        for (name, service) in asked {
            let expected = reference(&owned, &name, service);
            prop_assert_eq!(matcher.claim(&name, service), expected, "{} {:?}", name, service);
        }
    }

    #[test]
    fn names_made_from_the_patterns_are_claimed_alike(
        owned in prop::collection::vec((patterns(), ports()), 1..40),
        left in prop::sample::select(vec!["", "a.", "b1.", "a.b.", "1.", ".", "x", "\\."]),
        pick in any::<prop::sample::Index>(),
        service in services(),
    ) {
        let name = format!("{left}{}", owned[pick.index(owned.len())].0.fixed());
        let expected = reference(&owned, &name, service);
        prop_assert_eq!(build(&owned).claim(&name, service), expected, "{}", name);
    }

    #[test]
    fn any_text_at_all_is_taken_without_a_panic(name in any::<String>()) {
        let matcher = matcher(&[(".v.example", ""), ("a*.v.example", "tcp/1")]);
        prop_assert_eq!(matcher.claim(&name, Service::Dns), None);
    }

    #[test]
    fn one_octet_changed_in_a_name_is_never_claimed_by_an_exact_pattern(
        at in 0..9_usize,
        octet in 0x20_u8..0x7f,
    ) {
        let mut name = *b"v.example";
        prop_assume!(name[at] != octet);
        name[at] = octet;
        let name = std::str::from_utf8(&name).expect("ASCII");
        prop_assert_eq!(matcher(&[("=v.example", "")]).claim(name, Service::Dns), None);
    }
}

proptest! {
    #[test]
    fn the_last_two_labels_start_after_the_dot_before_the_last(
        name in prop_oneof!["[a.]{0,40}", "[-./a]{0,20}", ".{0,20}"],
    ) {
        let labels: Vec<&str> = name.split('.').collect();
        let expected = match labels.as_slice() {
            [.., a, b] => Some(name.len() - a.len() - b.len() - 1),
            _ => None,
        };
        prop_assert_eq!(last_two_labels(name.as_bytes()), expected);
    }
}

#[test]
fn every_suffix_of_a_pattern_has_one_node() {
    let matcher = matcher(&[
        (".c.b.v.example", ""),
        ("=b.v.example", ""),
        (".w.example", ""),
    ]);
    let texts: BTreeSet<&[u8]> = matcher
        .nodes
        .iter()
        .map(|node| matcher.text_of(node))
        .collect();
    let expected: [&[u8]; 4] = [b"b.v.example", b"c.b.v.example", b"v.example", b"w.example"];
    assert_eq!(texts, BTreeSet::from(expected));
    assert_eq!(matcher.nodes.len(), 4);
}
