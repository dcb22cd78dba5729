//! The packs that are compiled in, and catalogues loaded from directories.

use phonehome_signatures::{Catalogue, Evidence, PackError, Service, normalise};

/// The catalogue that is compiled in.
fn builtin() -> Catalogue {
    Catalogue::builtin().unwrap_or_else(|errors| {
        let lines: Vec<String> = errors.iter().map(PackError::to_string).collect();
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
        ("www.kaspersky.com", Evidence::Mixed),
    ] {
        let id = catalogue.claim(name, Service::Tcp(443)).expect(name);
        assert_eq!(
            catalogue.signature(id).expect(name).evidence,
            evidence,
            "{name}"
        );
    }
}
