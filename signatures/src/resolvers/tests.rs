use super::*;

#[test]
fn the_list_that_is_compiled_in_holds_what_it_says() {
    let resolvers = builtin();
    for resolver in resolvers.list() {
        assert!(!resolver.sources.is_empty(), "{}", resolver.id);
        for address in &resolver.addresses {
            assert!(resolvers.has_address(*address), "{address}");
        }
        for pattern in &resolver.names {
            assert!(resolvers.has_name(pattern.fixed()), "{pattern}");
        }
    }
    let addresses: usize = resolvers.list().iter().map(|it| it.addresses.len()).sum();
    assert_eq!(addresses, resolvers.addresses.len());
}

#[test]
fn the_five_resolvers_that_a_flagged_product_asks_are_on_it() {
    let resolvers = builtin();
    for address in [
        "8.8.8.8",
        "1.1.1.1",
        "223.6.6.6",
        "9.9.9.9",
        "185.228.168.168",
    ] {
        assert!(resolvers.has_address(address.parse().unwrap()), "{address}");
    }
    for address in ["10.0.0.53", "8.8.8.9", "2001:db8::53"] {
        assert!(
            !resolvers.has_address(address.parse().unwrap()),
            "{address}"
        );
    }
}

#[test]
fn a_suffix_reaches_below_and_an_exact_name_does_not() {
    let resolvers = builtin();
    for name in [
        "dns.google",
        "chrome.cloudflare-dns.com",
        "cloudflare-dns.com",
        "abcdef.dns.nextdns.io",
    ] {
        assert!(resolvers.has_name(name), "{name}");
    }
    for name in [
        "google",
        "a.dns.google",
        "notcloudflare-dns.com",
        "cloudflare-dns.com.evil.example",
        "nextdns.io",
        "a\\.cloudflare-dns.com",
        "",
        ".",
    ] {
        assert!(!resolvers.has_name(name), "{name}");
    }
}

#[test]
fn all_that_is_wrong_is_told_with_its_line() {
    let text = "\
date = \"soon\"
colour = \"red\"

[[source]]
id = 1
text = \"somewhere\"

[[resolver]]
id = \"one\"
operator = \"One\"
addresses = [\"192.0.2.1\", \"192.0.2.1\", \"192.0.2\"]
exact = [\"dns.one.example\", \"example\"]
sources = [1, 2]

[[resolver]]
id = \"one\"
sources = []
";
    let errors = Resolvers::read("list.toml", text).unwrap_err();
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let expected = [
        "list.toml:1: resolvers: `date` is `soon`",
        "list.toml:2: resolvers: unknown key `colour`",
        "list.toml:8: resolver `one`: `examples` is empty",
        "list.toml:11: resolver `one`: `addresses` holds `192.0.2.1` twice",
        "list.toml:11: resolver `one`: `addresses` holds `192.0.2`; write an address",
        "list.toml:12: resolver `one`: exact `example`: a pattern needs at least two",
        "list.toml:13: resolver `one`: there is no source 2",
        "list.toml:15: resolver `one`: `operator` is missing",
        "list.toml:15: resolver `one`: it has neither",
        "list.toml:15: resolver `one`: `sources` is empty",
        "list.toml:16: resolver `one`: another has that id",
    ];
    for wanted in expected {
        let is_told = lines.iter().any(|it| it.starts_with(wanted));
        assert!(is_told, "{wanted}\nin\n{}", lines.join("\n"));
    }
    assert_eq!(lines.len(), expected.len(), "{}", lines.join("\n"));
}

#[test]
fn an_example_that_does_not_hold_is_an_error() {
    let text = "\
date = \"2026-01-31\"

[[source]]
id = 1
text = \"somewhere\"

[[resolver]]
id = \"one\"
operator = \"One\"
suffix = [\"dns.one.example\"]
sources = [1]
examples = [\"www.one.example\"]
counterexamples = [\"a.dns.one.example\"]
";
    let errors = Resolvers::read("list.toml", text).unwrap_err();
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "list.toml:12: example www.one.example: no resolver has that name",
            "list.toml:13: counterexample a.dns.one.example: a resolver has that name",
        ]
    );
}

fn builtin() -> Resolvers {
    Resolvers::builtin().unwrap_or_else(|errors| {
        let lines: Vec<String> = errors.iter().map(FileError::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}
