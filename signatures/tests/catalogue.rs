//! The packs that are compiled in, and catalogues loaded from directories.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

use phonehome_signatures::{
    Base, Catalogue, Category, Confidence, Evidence, FileError, Service, normalise,
};

/// The catalogue that is compiled in.
fn builtin() -> Catalogue {
    Catalogue::builtin().unwrap_or_else(|errors| {
        let lines: Vec<String> = errors.iter().map(FileError::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

/// The id of the signature that claims a name, written in any way.
fn claimed<'c>(catalogue: &'c Catalogue, name: &str, service: Service) -> Option<&'c str> {
    let id = catalogue.claim(&normalise(name), service)?;
    Some(
        catalogue
            .signature(id)
            .expect("a signature of this catalogue")
            .id
            .as_str(),
    )
}

#[test]
fn every_example_is_claimed_by_its_signature_and_no_counterexample_is() {
    let catalogue = builtin();
    for signature in catalogue.signatures() {
        for example in &signature.examples {
            let by = claimed(&catalogue, &example.name, example.service);
            assert_eq!(
                by == Some(&signature.id),
                signature.enabled,
                "{}: {example}",
                signature.id
            );
        }
        for example in &signature.counterexamples {
            let by = claimed(&catalogue, &example.name, example.service);
            assert_ne!(by, Some(signature.id.as_str()), "{example}");
        }
    }
}

#[test]
fn no_lookalike_is_claimed_by_any_pack() {
    let catalogue = builtin();
    for pack in catalogue.packs() {
        assert!(!pack.lookalikes.is_empty(), "{}", pack.id);
        for lookalike in &pack.lookalikes {
            let by = claimed(&catalogue, &lookalike.name, lookalike.service);
            assert_eq!(by, None, "{lookalike}");
        }
    }
}

#[test]
fn the_vendor_names_are_claimed_however_they_are_written() {
    let catalogue = builtin();
    for name in [
        "DS.Kaspersky.COM",
        "ds.kaspersky.com.",
        "dS.kAsPeRsKy.CoM",
        "ds.kaspersky.com",
    ] {
        assert_eq!(
            claimed(&catalogue, name, Service::Dns),
            Some("kl-h20"),
            "{name}"
        );
    }
}

#[test]
fn names_that_any_browser_asks_for_never_say_that_a_product_runs() {
    let catalogue = builtin();
    for (name, evidence) in [
        ("ru.fp.kaspersky-labs.com", Evidence::WebEmbed),
        ("content.kaspersky-labs.com", Evidence::WebEmbed),
        ("gc.kis.v2.scr.kaspersky-labs.com", Evidence::Mixed),
        ("www.kaspersky.com", Evidence::PublicWeb),
    ] {
        let id = catalogue.claim(name, Service::Tcp(443)).expect(name);
        assert_eq!(
            catalogue.signature(id).expect(name).evidence,
            evidence,
            "{name}"
        );
    }
}

/// A pack with one signature, for the name and everything below it.
fn pack(id: &str, signature: &str, suffix: &str) -> String {
    format!(
        r#"id = "{id}"
vendor = "{id}"
version = "7"
date = "2026-01-31"
description = "A pack."
lookalikes = ["not{suffix}"]
[[source]]
id = 1
text = "A page"
[[signature]]
id = "{signature}"
suffix = ["{suffix}"]
category = "web"
evidence = "mixed"
confidence = "reported"
sources = [1]
date = "undated"
examples = ["www.{suffix}"]
"#
    )
}

/// A directory with these files.
fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (file, text) in files {
        std::fs::write(dir.path().join(file), text).expect("a file");
    }
    dir
}

/// The lines of the errors of a directory, without its path.
fn refused(dir: &tempfile::TempDir, base: Base) -> Vec<String> {
    let path = format!("{}/", dir.path().display());
    let error = Catalogue::load(dir.path(), base).expect_err("something wrong");
    error
        .to_string()
        .lines()
        .map(|line| line.replace(&path, ""))
        .collect()
}

#[test]
fn the_names_of_the_kaspersky_console_are_told_apart_by_their_ports() {
    let catalogue = builtin();
    let name = "a.ksc.kaspersky.com";
    for (service, id) in [
        (Service::Tcp(23_100), "kl-h50"),
        (Service::Tcp(23_750), "kl-h51"),
        (Service::Tcp(27_200), "kl-h52"),
        (Service::Tcp(29_299), "kl-h53"),
        (Service::Tcp(443), "kl-h90"),
        (Service::Udp(23_100), "kl-h90"),
        (Service::Dns, "kl-h90"),
    ] {
        assert_eq!(claimed(&catalogue, name, service), Some(id), "{service:?}");
    }
    let console = claimed(&catalogue, "ksc.kaspersky.com", Service::Tcp(443));
    assert_eq!(console, Some("kl-h54"));
}

#[test]
fn a_port_of_devices_makes_a_name_of_ezviz_a_device() {
    let catalogue = builtin();
    for (service, evidence) in [
        (Service::Tcp(8666), Evidence::Device),
        (Service::Tcp(443), Evidence::Mixed),
        (Service::Dns, Evidence::Mixed),
    ] {
        let id = catalogue
            .claim("other.ezvizlife.com", service)
            .expect("a claim");
        assert_eq!(
            catalogue.signature(id).expect("a signature").evidence,
            evidence
        );
    }
}

#[test]
fn every_family_of_the_tiktok_app_is_found_under_further_labels() {
    let catalogue = builtin();
    for (name, id) in [
        ("log16.us.tiktokv.us", "bytedance-h04"),
        ("mssdk-quic-sg.tiktokv.com", "bytedance-h05"),
        ("tnc0-alisg1.tiktokv.eu", "bytedance-h06"),
        ("api16-core.tiktokv.com", "bytedance-h01"),
        ("analytics.tiktok.com", "bytedance-h28"),
        ("www.tiktok.com", "bytedance-h27"),
    ] {
        assert_eq!(claimed(&catalogue, name, Service::Dns), Some(id), "{name}");
    }
}

#[test]
fn a_name_with_an_escape_is_never_claimed() {
    let catalogue = builtin();
    for name in [
        "a\\.kaspersky.com",
        "\\255.kaspersky.com",
        "ds\\.kaspersky.com",
    ] {
        assert_eq!(claimed(&catalogue, name, Service::Dns), None, "{name}");
    }
}

#[test]
fn facts_without_a_source_claim_nothing_and_are_listed() {
    let catalogue = builtin();
    let disabled: Vec<&str> = catalogue
        .signatures()
        .filter(|signature| signature.sources.is_empty())
        .inspect(|signature| assert!(!signature.enabled, "{}", signature.id))
        .map(|signature| signature.id.as_str())
        .collect();
    assert_eq!(disabled, ["hikvision-h11", "kl-h34", "kl-h63", "kl-h113"]);
    let ocsp = claimed(&catalogue, "ocsp.kaspersky.com", Service::Tcp(80));
    assert_eq!(ocsp, Some("kl-h90"));
}

#[test]
fn every_signature_of_the_packs_names_a_product() {
    let catalogue = builtin();
    let without = catalogue.signatures().filter(|it| it.product.is_none());
    let without: Vec<&str> = without.map(|it| it.id.as_str()).collect();
    assert_eq!(without, [""; 0]);
}

#[test]
fn vendors_packs_and_signatures_are_in_the_order_of_their_ids() {
    let catalogue = builtin();
    let vendors: Vec<&str> = catalogue
        .vendors()
        .map(|vendor| vendor.id.as_str())
        .collect();
    assert_eq!(vendors, ["bytedance", "hikvision", "kaspersky"]);
    let (id, vendor) = catalogue.vendor_by_id("kaspersky").expect("a vendor");
    assert_eq!(
        (vendor.name.as_str(), catalogue.vendor(id)),
        ("Kaspersky", Some(vendor))
    );
    assert_eq!(catalogue.vendor_by_id("nobody"), None);

    let counted: usize = catalogue.packs().iter().map(|pack| pack.signatures).sum();
    assert_eq!(counted, catalogue.signatures().len());
    let of_kaspersky: Vec<&str> = catalogue
        .signatures()
        .filter(|signature| signature.vendor == id)
        .map(|signature| signature.id.as_str())
        .collect();
    assert_eq!(of_kaspersky.first(), Some(&"kl-h01"));
    assert_eq!(of_kaspersky.last(), Some(&"kl-p01"));
    let place = |id| of_kaspersky.iter().position(|it| *it == id);
    let around = [
        "kl-h90",
        "kl-h90-web",
        "kl-h91",
        "kl-h99",
        "kl-h100",
        "kl-h113",
    ]
    .map(place);
    assert!(around.is_sorted() && around[0].is_some(), "{around:?}");
    assert!(
        catalogue
            .signatures()
            .is_sorted_by_key(|signature| signature.vendor)
    );
}

#[test]
fn the_version_names_every_pack() {
    assert_eq!(
        builtin().version(),
        "bytedance@1.0.0 hikvision@1.1.0 kaspersky@1.1.0"
    );
    assert_eq!(Catalogue::default().version(), "");
}

#[test]
fn an_empty_catalogue_claims_nothing() {
    assert_eq!(
        Catalogue::default().claim("ds.kaspersky.com", Service::Dns),
        None
    );
}

#[test]
fn a_directory_extends_the_packs_that_are_compiled_in() {
    let text = pack("acme", "acme-h01", "acme.example");
    let dir = directory(&[("acme.toml", text.as_bytes()), ("README.md", b"no pack")]);
    let catalogue = Catalogue::load(dir.path(), Base::Builtin).expect("a catalogue");
    assert_eq!(
        claimed(&catalogue, "www.acme.example", Service::Dns),
        Some("acme-h01")
    );
    assert_eq!(
        claimed(&catalogue, "ds.kaspersky.com", Service::Dns),
        Some("kl-h20")
    );
    assert_eq!(
        catalogue.version(),
        "acme@7 bytedance@1.0.0 hikvision@1.1.0 kaspersky@1.1.0"
    );
}

#[test]
fn a_pack_with_the_id_of_one_that_is_compiled_in_replaces_it() {
    let text = pack("kaspersky", "own-h01", "kaspersky.com");
    let dir = directory(&[("own.toml", text.as_bytes())]);
    let catalogue = Catalogue::load(dir.path(), Base::Builtin).expect("a catalogue");
    assert_eq!(
        claimed(&catalogue, "ds.kaspersky.com", Service::Dns),
        Some("own-h01")
    );
    assert_eq!(
        claimed(&catalogue, "www.tiktok.com", Service::Dns),
        Some("bytedance-h27")
    );
}

#[test]
fn an_empty_base_has_only_the_packs_of_the_directory() {
    let text = pack("acme", "acme-h01", "acme.example");
    let dir = directory(&[("acme.toml", text.as_bytes())]);
    let catalogue = Catalogue::load(dir.path(), Base::Empty).expect("a catalogue");
    assert_eq!(catalogue.packs().len(), 1);
    assert_eq!(claimed(&catalogue, "ds.kaspersky.com", Service::Dns), None);
}

#[test]
fn what_two_packs_share_is_refused_with_both_places() {
    let first = pack("acme", "acme-h01", "acme.example");
    let same_pattern = pack("bcme", "bcme-h01", "acme.example");
    let dir = directory(&[
        ("a.toml", first.as_bytes()),
        ("b.toml", same_pattern.as_bytes()),
    ]);
    assert_eq!(
        refused(&dir, Base::Empty),
        [
            "b.toml:12: signature `bcme-h01`: pattern `.acme.example` stands at a.toml:12 too, in \
          `acme-h01`; remove one, or limit them to ports of their own"
        ]
    );

    let same_signature = pack("bcme", "acme-h01", "bcme.example");
    let dir = directory(&[
        ("a.toml", first.as_bytes()),
        ("b.toml", same_signature.as_bytes()),
    ]);
    assert_eq!(
        refused(&dir, Base::Empty),
        ["b.toml:10: signature `acme-h01`: a.toml:10 has that id too; change one"]
    );

    let same_pack = pack("acme", "bcme-h01", "bcme.example");
    let dir = directory(&[
        ("a.toml", first.as_bytes()),
        ("b.toml", same_pack.as_bytes()),
    ]);
    assert_eq!(
        refused(&dir, Base::Empty),
        ["b.toml:1: pack: a.toml has the id `acme` too; change one"]
    );
}

#[test]
fn a_directory_cannot_claim_what_a_pack_that_is_compiled_in_claims() {
    let text = pack("acme", "acme-h01", "kaspersky.com");
    let dir = directory(&[("acme.toml", text.as_bytes())]);
    let errors = refused(&dir, Base::Builtin);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].contains("acme.toml:12") && errors[0].contains("kl-h90"),
        "{errors:?}"
    );
}

#[test]
fn the_errors_of_all_files_are_reported_at_once() {
    let dir = directory(&[("a.toml", b"id = 1"), ("b.toml", b"= 1")]);
    let errors = refused(&dir, Base::Builtin);
    assert!(
        errors.iter().any(|error| error.starts_with("a.toml:1: ")),
        "{errors:?}"
    );
    assert!(
        errors
            .iter()
            .any(|error| error.starts_with("b.toml:1: no TOML")),
        "{errors:?}"
    );
}

#[test]
fn a_file_that_is_no_text_or_too_large_is_refused() {
    let dir = directory(&[("a.toml", b"id = 'a'\n\xff")]);
    assert_eq!(
        refused(&dir, Base::Empty),
        ["a.toml:2: the file is not UTF-8; save it as UTF-8"]
    );
    let dir = directory(&[("a.toml", &vec![0xc3; 5 << 20])]);
    let errors = refused(&dir, Base::Empty);
    assert!(
        errors[0].contains("larger than 4194304 octets"),
        "{errors:?}"
    );
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let dir = directory(&[]);
    let missing = dir.path().join("missing");
    let error = Catalogue::load(&missing, Base::Builtin).expect_err("no directory");
    assert_eq!(
        error.to_string(),
        format!("cannot read {}", missing.display())
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn the_example_in_the_readme_is_a_pack() {
    let readme = include_str!("../README.md");
    let text = readme
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let text = text.expect("a block of TOML");
    let catalogue = Catalogue::from_packs(&[("README.md", text)])
        .unwrap_or_else(|errors| panic!("{}", errors[0]));
    let signatures: Vec<&str> = catalogue
        .signatures()
        .map(|signature| signature.id.as_str())
        .collect();
    assert_eq!(
        signatures,
        ["acme-h01", "acme-h02", "acme-h03", "acme-h04", "acme-h05"]
    );
}

#[test]
fn the_readme_lists_every_word_that_packs_use() {
    let readme = include_str!("../README.md");
    let words = Category::ALL.iter().map(|word| word.as_str());
    let words = words.chain(Evidence::ALL.iter().map(|word| word.as_str()));
    for word in words.chain(Confidence::ALL.iter().map(|word| word.as_str())) {
        assert!(readme.contains(&format!("`{word}`")), "{word}");
    }
}
