//! The table of keys, the layers and the files that are written, held against each other.

use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

#[test]
fn the_sample_file_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("phonehome.toml");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, sample()).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), sample());
}

#[test]
fn the_sample_file_says_the_defaults_and_every_key() {
    let loaded = load(&sample(), &[], &[]).unwrap();
    assert_eq!(loaded.config, Config::default());
    for key in KEYS {
        let line = key.name.rsplit('.').next().unwrap();
        let line = format!("{line} = ");
        assert!(sample().contains(&line), "{}", key.name);
        assert!(sample().contains(key.doc[0].trim()), "{}", key.name);
    }
}

#[test]
fn every_default_is_allowed_and_every_name_is_one_name() {
    let (mut names, mut variables) = (BTreeSet::new(), BTreeSet::new());
    for key in KEYS {
        assert!(names.insert(key.name), "{} is there twice", key.name);
        assert!(variables.insert(key.variable()), "{}", key.variable());
        let is_plain = |it: char| it.is_ascii_lowercase() || matches!(it, '-' | '.');
        assert!(key.name.chars().all(is_plain), "{}", key.name);
        let inside = KEYS.iter().find(|it| {
            let rest = it.name.strip_prefix(key.name);
            rest.is_some_and(|it| it.starts_with('.'))
        });
        assert!(inside.is_none(), "{} is a key and a section", key.name);
        assert!(key.sentence().ends_with('.'), "{}", key.name);
        if let Some(text) = key.toml(&Config::default()) {
            let (section, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
            let head = if section.is_empty() {
                String::new()
            } else {
                format!("[{section}]\n")
            };
            load(&format!("{head}{name} = {text}\n"), &[], &[]).unwrap();
        }
    }
}

#[test]
fn keys_of_a_section_stand_together() {
    let sections: Vec<&str> = KEYS
        .iter()
        .map(|it| it.name.split_once('.').map_or("", |it| it.0))
        .collect();
    let mut seen = BTreeSet::new();
    for (at, section) in sections.iter().enumerate() {
        let is_new = at == 0 || sections[at - 1] != *section;
        assert!(
            !is_new || seen.insert(*section),
            "[{section}] is there twice"
        );
    }
    assert_eq!(sections[0], "", "keys without a section come first");
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let file = "workers = 3\n[limits]\nhosts = 3000\nflows = 3000\n";
    let environment = [
        ("PHONEHOME_WORKERS", "4"),
        ("PHONEHOME_LIMITS_HOSTS", "4000"),
    ];
    let loaded = load(file, &environment, &[("workers", &["5"])]).unwrap();
    let config = &loaded.config;
    assert_eq!(
        (config.workers, config.hosts, config.flows),
        (5, 4000, 3000)
    );
    assert_eq!(config.findings, Config::default().findings);
    let origin = |key: &str| loaded.origin(key).to_string();
    assert_eq!(origin("workers"), "--workers");
    assert_eq!(origin("limits.hosts"), "PHONEHOME_LIMITS_HOSTS");
    assert_eq!(origin("limits.flows"), "test.toml:4");
    assert_eq!(origin("limits.findings"), "default");
}

#[test]
fn all_errors_of_all_layers_come_at_once_with_place_value_and_remedy() {
    let file = "\
workers = 99
worker = 2
home-network = [\"10.0.0.0/8\",
  \"10.0.0.0/33\", 7]
[limits]
hosts = \"many\"
[capture]
ring = \"64MB\"
[webb]
listen-address = []
[web]
listen-address = \"127.0.0.1:1\"
";
    let environment = [("PHONEHOME_LIMITS_FLOWS", "1"), ("PHONEHOME_WORKRES", "1")];
    let flags: [(&str, &[&str]); 1] = [("pipeline.queue-batches", &["none"])];
    let expected = "\
test.toml:1: workers = 99: write a whole number, 1 to 16
test.toml:2: unknown key worker; did you mean workers?
test.toml:4: home-network = \"10.0.0.0/33\": write an address block such as \"10.0.0.0/8\"
test.toml:4: home-network = 7: write an address block such as \"10.0.0.0/8\"
test.toml:6: limits.hosts = \"many\": write a whole number, 1000 to 4000000
test.toml:8: capture.ring = \"64MB\": write a size in KiB, MiB or GiB such as \"64MiB\", 1MiB to 1GiB
test.toml:9: unknown section webb; did you mean [web]?
test.toml:12: web.listen-address = \"127.0.0.1:1\": write a list in brackets, each of it an address \
and a port such as \"127.0.0.1:14663\" or \"[::1]:14663\"
PHONEHOME_LIMITS_FLOWS: limits.flows = \"1\": write a whole number, 1000 to 16000000
PHONEHOME_WORKRES: unknown variable; did you mean PHONEHOME_WORKERS?
--pipeline.queue-batches: pipeline.queue-batches = \"none\": write a whole number, 1 to 4096";
    assert_eq!(errors(file, &environment, &flags), expected);
}

#[test]
fn a_file_that_is_no_toml_is_named_with_its_lines_and_what_else_is_wrong() {
    let text = errors("workers = \nlimits.hosts = 1\n[web\n", &[], &[]);
    assert!(text.contains("test.toml:1: "), "{text}");
    assert!(
        text.contains("test.toml:2: limits.hosts = 1: write"),
        "{text}"
    );
    assert!(text.contains("test.toml:3: "), "{text}");
}

#[test]
fn values_that_do_not_fit_together_are_named() {
    for (file, flags, expected) in [
        (
            "interface = [\"eth1\"]\nreplay = [\"a.pcap\"]",
            &[][..],
            "test.toml:2: replay: there are interfaces too; take out one of the two",
        ),
        (
            "interface = [\"a\", \"b\", \"a\"]",
            &[],
            "test.toml:1: interface = \"a\" is given twice; give it once",
        ),
        (
            "interface = [\"a b\"]",
            &[],
            "test.toml:1: interface = \"a b\": a name has at most 15 octets, and no spaces or \
             slashes",
        ),
        (
            "exit-when-done = true",
            &[],
            "test.toml:1: exit-when-done = true: only a replay ends; give replay, or leave this out",
        ),
        (
            "",
            &[("builtin-signatures", &["false"][..])],
            "--no-builtin-signatures: builtin-signatures = false: without them, signatures must \
             name a folder",
        ),
        (
            "web.listen-address = [\"127.0.0.1:80\", \"127.0.0.1:80\"]",
            &[],
            "test.toml:1: web.listen-address = \"127.0.0.1:80\" is given twice; give it once",
        ),
        (
            "home-network = []",
            &[],
            "test.toml:1: home-network = []: write 1 to 1024 of them",
        ),
    ] {
        assert_eq!(errors(file, &[], flags), expected, "{file}");
    }
}

#[test]
fn a_flag_to_replay_takes_back_the_interfaces_of_the_file() {
    let loaded = load("interface = [\"eth1\"]", &[], &[("replay", &["a,b.pcap"])]).unwrap();
    let Some(Frames::Files(files)) = loaded.config.frames() else {
        panic!("{:?}", loaded.config);
    };
    assert_eq!(files, [Path::new("a,b.pcap")]);
    let print = effective(&loaded);
    assert!(print.contains("interface = []\n"), "{print}");
}

#[test]
fn paths_in_the_file_are_relative_to_its_folder() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.toml");
    fs::write(
        &path,
        "signatures = \"packs.d\"\nreplay = [\"-\", \"/x.pcap\"]\n",
    )
    .unwrap();
    let layers = Layers {
        file: Some(path),
        ..Layers::default()
    };
    let config = layers.load().unwrap().config;
    assert_eq!(config.signatures, Some(folder.path().join("packs.d")));
    assert_eq!(config.replay, [Path::new("-"), Path::new("/x.pcap")]);
}

#[test]
fn a_variable_of_somebody_else_is_a_warning_and_an_empty_one_is_none() {
    let environment = [
        ("PHONEHOME_SERVICE_HOST", "10.0.0.1"),
        ("PHONEHOME_WORKERS", ""),
        ("HOME", "/root"),
    ];
    let loaded = load("", &environment, &[]).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].contains("PHONEHOME_SERVICE_HOST"));
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_cause() {
    let layers = Layers {
        file: Some("/no/such/file.toml".into()),
        ..Layers::default()
    };
    let text = layers.load().unwrap_err().to_string();
    assert!(
        text.starts_with("cannot read /no/such/file.toml: "),
        "{text}"
    );
}

#[test]
fn a_message_holds_no_control_characters_and_is_not_endless() {
    let text = errors(
        &format!("\"a\\u001b[2J{}\" = 1\n", "x".repeat(1000)),
        &[],
        &[],
    );
    assert!(text.chars().all(|it| !it.is_control()), "{text:?}");
    assert!(text.chars().count() < 250, "{text}");
}

proptest! {
    #[test]
    fn what_is_printed_as_in_effect_gives_the_same_again(
        workers in 1_usize..=16,
        ring in 1_u64 << 20..=1 << 30,
        hosts in 1_000_usize..=4_000_000,
        signatures in proptest::option::of("[ -~äß]{1,12}"),
        networks in proptest::collection::vec(any::<u32>(), 1..5),
    ) {
        let config = Config {
            workers,
            ring: Octets(ring),
            hosts,
            signatures: signatures.map(|it| Path::new("/").join(it)),
            home_network: networks
                .into_iter()
                .map(|it| IpNet::new(Ipv4Addr::from_bits(it).into(), 32).unwrap())
                .collect(),
            ..Config::default()
        };
        let text = effective(&Effective { config: config.clone(), ..Effective::default() });
        let again = load(&text, &[], &[]).unwrap();
        prop_assert_eq!(again.config, config);
    }

    #[test]
    fn no_text_makes_reading_a_file_panic(text in "\\PC{0,200}") {
        let _ = file::parse(Path::new("test.toml"), &text);
    }
}

fn load(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &[&str])],
) -> Result<Effective, Wrongs> {
    let owned = |it: &&str| (*it).to_owned();
    let layers = Layers {
        file: None,
        environment: environment
            .iter()
            .map(|it| (owned(&it.0), owned(&it.1)))
            .collect(),
        flags: flags
            .iter()
            .map(|it| (it.0, it.1.iter().map(owned).collect()))
            .collect(),
    };
    layers.load_with(Some(file::parse(Path::new("test.toml"), file)))
}

fn errors(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &[&str])]) -> String {
    load(file, environment, flags).unwrap_err().to_string()
}
