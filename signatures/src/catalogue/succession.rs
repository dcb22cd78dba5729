//! A catalogue that replaces another while numbers of the other are still in use.
//!
//! Flows, findings and answers hold [`SignatureId`]s and [`VendorId`]s, which are places in a
//! catalogue. A successor keeps the places of the one before: what both have stays where it was,
//! what is new comes behind, and what has gone keeps its place but claims nothing and is not listed.
//! What it claims is what the same packs claim when they are loaded first.

use std::collections::HashMap;

use super::Catalogue;
use crate::signature::{Signature, SignatureId, VendorId};

/// Most signatures that may have gone since the first catalogue: 16 MiB of memory at most.
pub const MAX_GONE: usize = 65_536;

/// Most vendors of a catalogue and all before it.
pub const MAX_VENDORS: usize = 4096;

/// Too much has gone since the first catalogue to keep the places of all of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "since the start, {signatures} signatures have gone and {vendors} vendors have been there, and \
     the places of {MAX_GONE} and {MAX_VENDORS} can be kept; a restart forgets them"
)]
pub struct TooManyGone {
    /// Signatures that have gone.
    pub signatures: usize,
    /// Vendors, those that have gone included.
    pub vendors: usize,
}

impl Catalogue {
    /// Makes this catalogue the successor of another: every signature and vendor that had a number
    /// there has it here, as long as its id, and that of its vendor, is the same.
    ///
    /// # Errors
    ///
    /// [`TooManyGone`] when more numbers are taken by what has gone than can be kept.
    pub fn succeed(mut self, before: &Self) -> Result<Self, TooManyGone> {
        let mut vendors = before.vendors.clone();
        let mut places: HashMap<String, usize> = vendors
            .iter()
            .enumerate()
            .map(|(place, it)| (it.id.clone(), place))
            .collect();
        let mut vendor_places = Vec::with_capacity(self.vendors.len());
        for vendor in self.vendors {
            let next = vendors.len();
            let place = *places.entry(vendor.id.clone()).or_insert(next);
            match vendors.get_mut(place) {
                Some(it) => *it = vendor,
                None => vendors.push(vendor),
            }
            vendor_places.push(place);
        }

        let count = self.signatures.len();
        let mut signatures: Vec<Signature> = before.signatures.iter().map(gone).collect();
        let mut places: HashMap<(VendorId, String), usize> = signatures
            .iter()
            .enumerate()
            .map(|(place, it)| ((it.vendor, it.id.clone()), place))
            .collect();
        let vendor_of = |it: VendorId| {
            let place = vendor_places.get(usize::from(it.0)).copied();
            VendorId(
                place
                    .and_then(|it| u16::try_from(it).ok())
                    .unwrap_or(u16::MAX),
            )
        };
        let mut numbers = Vec::with_capacity(count);
        for mut signature in self.signatures {
            signature.vendor = vendor_of(signature.vendor);
            let next = signatures.len();
            let key = (signature.vendor, signature.id.clone());
            let place = *places.entry(key).or_insert(next);
            match signatures.get_mut(place) {
                Some(it) => *it = signature,
                None => signatures.push(signature),
            }
            numbers.push(SignatureId(u32::try_from(place).unwrap_or(u32::MAX)));
        }

        let gone = signatures.len() - count;
        if gone > MAX_GONE || vendors.len() > MAX_VENDORS {
            return Err(TooManyGone {
                signatures: gone,
                vendors: vendors.len(),
            });
        }
        let number_of = |it: SignatureId| numbers.get(it.0 as usize).copied().unwrap_or(it);
        self.matcher.renumber(number_of);
        for number in self.payloads.values_mut() {
            *number = number_of(*number);
        }
        for number in &mut self.listed {
            *number = number_of(*number);
        }
        for pack in &mut self.packs {
            pack.vendor = vendor_of(pack.vendor);
        }
        Ok(Self {
            packs: self.packs,
            listed: self.listed,
            matcher: self.matcher,
            resolvers: self.resolvers,
            payloads: self.payloads,
            vendors,
            signatures,
        })
    }
}

/// What is kept of a signature that may have gone: what findings say of it.
fn gone(signature: &Signature) -> Signature {
    Signature {
        enabled: false,
        patterns: Vec::new(),
        examples: Vec::new(),
        counterexamples: Vec::new(),
        ..signature.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::service::Service;

    /// A pack as a vendor's number and its signatures, each a number and a number of its name.
    type Sketch = (u8, Vec<(u8, u8)>);

    proptest! {
        #[test]
        fn numbers_stay_and_claims_are_those_of_the_same_packs_loaded_first(
            generations in prop::collection::vec(
                prop::collection::vec((0_u8..4, prop::collection::vec((0_u8..6, 0_u8..16), 0..4)), 0..4),
                1..6,
            ),
        ) {
            let mut known: Vec<(SignatureId, String, String)> = Vec::new();
            let mut before: Option<Catalogue> = None;
            for generation in &generations {
                let Some(fresh) = catalogue(generation) else { continue };
                let successor = match &before {
                    Some(before) => catalogue(generation).unwrap().succeed(before).unwrap(),
                    None => catalogue(generation).unwrap(),
                };
                for name in (0..16).flat_map(names) {
                    for service in [Service::Dns, Service::Tcp(443), Service::Tcp(80)] {
                        let expected = fresh.claim(&name, service).map(|it| words(&fresh, it));
                        let found = successor.claim(&name, service).map(|it| words(&successor, it));
                        prop_assert_eq!(found, expected, "{}", name);
                    }
                }
                let listed = |it: &Catalogue| -> Vec<(String, String, bool)> {
                    let all = it.signatures();
                    all.map(|one| {
                        let vendor = it.vendor(one.vendor).unwrap();
                        (vendor.id.clone(), one.id.clone(), one.enabled)
                    }).collect()
                };
                prop_assert_eq!(listed(&successor), listed(&fresh));
                let vendors = |it: &Catalogue| -> Vec<String> {
                    it.vendors().map(|it| it.id.clone()).collect()
                };
                prop_assert_eq!(vendors(&successor), vendors(&fresh));
                for pack in successor.packs() {
                    let (number, vendor) = successor.vendor_by_id(&pack.id).unwrap();
                    prop_assert_eq!((number, &vendor.id), (pack.vendor, &pack.id));
                }
                for (id, vendor, signature) in &known {
                    prop_assert_eq!(words(&successor, *id), (vendor.clone(), signature.clone()));
                }
                for number in (0..).map(SignatureId).take_while(|it| successor.signature(*it).is_some()) {
                    let (vendor, signature) = words(&successor, number);
                    known.push((number, vendor, signature));
                }
                before = Some(successor);
            }
        }
    }

    #[test]
    fn what_has_gone_claims_nothing_and_comes_back_to_its_place() {
        let first = catalogue(&[(1, vec![(1, 1), (2, 2)])]).unwrap();
        let name = "n1.a.example";
        let number = first.claim(name, Service::Dns).unwrap();
        let second = catalogue(&[(2, vec![(1, 3)])])
            .unwrap()
            .succeed(&first)
            .unwrap();
        assert_eq!(second.claim(name, Service::Dns), None);
        assert!(!second.signature(number).unwrap().enabled);
        assert_eq!(second.vendor_by_id("v1"), None);
        assert_eq!((second.signatures().len(), second.vendors().len()), (1, 1));
        let third = catalogue(&[(1, vec![(1, 1)])])
            .unwrap()
            .succeed(&second)
            .unwrap();
        assert_eq!(third.claim(name, Service::Dns), Some(number));
    }

    #[test]
    fn too_many_that_have_gone_are_refused() {
        let mut large = catalogue(&[(1, vec![(1, 1)])]).unwrap();
        let one = large.signatures[0].clone();
        large.signatures = (0..=MAX_GONE)
            .map(|it| Signature {
                id: it.to_string(),
                ..one.clone()
            })
            .collect();
        let refused = catalogue(&[]).unwrap().succeed(&large).unwrap_err();
        assert_eq!(refused.signatures, MAX_GONE + 1);
        assert!(refused.to_string().contains("a restart"));
    }

    /// The names that the signature of that number may claim.
    fn names(number: u8) -> [String; 2] {
        [
            format!("n{number}.a.example"),
            format!("x.n{number}.a.example"),
        ]
    }

    fn words(catalogue: &Catalogue, number: SignatureId) -> (String, String) {
        let signature = catalogue.signature(number).unwrap();
        let vendor = catalogue.vendor(signature.vendor).unwrap();
        (vendor.id.clone(), signature.id.clone())
    }

    /// The catalogue of some packs; `None` if two of them claim or have the same.
    fn catalogue(packs: &[Sketch]) -> Option<Catalogue> {
        let texts: Vec<(String, String)> = packs
            .iter()
            .map(|(vendor, signatures)| (format!("{vendor}.toml"), text(*vendor, signatures)))
            .collect();
        let texts: Vec<(&str, &str)> = texts
            .iter()
            .map(|(file, text)| (file.as_str(), text.as_str()))
            .collect();
        Catalogue::from_packs(&texts).ok()
    }

    fn text(vendor: u8, signatures: &[(u8, u8)]) -> String {
        let mut text = format!(
            "id = \"v{vendor}\"\nvendor = \"V{vendor}\"\nversion = \"1\"\ndate = \"2026-01-31\"\n\
             description = \"A test.\"\n\n[[source]]\nid = 1\ntext = \"A page\"\n"
        );
        for (id, name) in signatures {
            // Every other one is limited to a port, so that two may share a name.
            let (port, number) = if id % 2 == 0 {
                ("ports = [\"tcp/443\"]\n", id / 2)
            } else {
                ("", id / 2)
            };
            let _ = write!(
                text,
                "\n[[signature]]\nid = \"v{vendor}-h{number}-{id}\"\nsuffix = [\"n{name}.a.example\"]\n{port}\
                 category = \"update\"\nevidence = \"app\"\nconfidence = \"documented\"\n\
                 sources = [1]\ndate = \"2025\"\nexamples = [\"n{name}.a.example\"]\n"
            );
        }
        text
    }
}
