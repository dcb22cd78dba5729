//! The ladder of verdicts, and which rung a host stands on.
//!
//! A verdict is a function of what signatures claimed, never of its order or of other hosts. The
//! sightings of a host are sorted into groups by the evidence class of their signatures:
//!
//! | group | evidence classes | by itself |
//! |---|---|---|
//! | strong | app, device; any class where use of the service is what counts (`service-use`) | likely |
//! | ambiguous | app-likely, device-or-app, device-or-client, device-or-sdk | contact |
//! | engine | oem | embedded |
//! | weak | mixed, client, download, server-api; a flow attributed by another client's answer | contact |
//! | embed | web-embed, sdk-embed, shared | embed-only |
//! | web | public-web | none |
//! | nothing | infra | none |
//!
//! Independent signs raise it. Categories form families (update; telemetry and reputation;
//! licensing; and so on): strong sightings of two families make it *installed*, ambiguous ones of
//! two families make it *likely*. One rung is also gained by a strong family beside an ambiguous
//! one, by contacts on three different days, and by asking a public resolver for a vendor name at
//! the time the own resolver is asked, which products do and browsers do not. Only strong sightings
//! can reach *installed*. *Installed* becomes *installed-active* when payload went both ways with a
//! strong name; without that the verdict stays, as a product that is blocked is still there.
//!
//! Web pages, embeds and mixed names never add up to more, whatever their number.

use phonehome_signatures::{Category, Evidence};

use super::Verdict;

/// What the signatures of one evidence class and category claimed of a host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sign {
    /// The evidence class.
    pub evidence: Evidence,
    /// The category.
    pub category: Category,
    /// Whether payload went both ways.
    pub transferred: bool,
    /// Whether only another client's answer ties the traffic to the name.
    pub is_borrowed: bool,
}

/// What is known of a host beside its sightings.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Habits {
    /// Whether a public resolver was asked for a vendor name together with the own one.
    pub asks_twice: bool,
    /// Different days with a contact.
    pub days: u32,
}

/// The group that decides what a sighting weighs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Group {
    /// Only names behind names.
    Nothing,
    /// A person reading a web site.
    Web,
    /// A part of another company's page or app.
    Embed,
    /// Something of the vendor, and nothing tells what.
    Weak,
    /// Another company's product with the vendor's engine.
    Engine,
    /// A product, or something else.
    Ambiguous,
    /// A product.
    Strong,
}

impl Sign {
    /// The group of the sign.
    #[must_use]
    pub const fn group(&self) -> Group {
        if self.is_borrowed {
            return Group::Weak;
        }
        match (self.evidence, self.category) {
            (Evidence::Infra, _) => Group::Nothing,
            (Evidence::PublicWeb, _) => Group::Web,
            (Evidence::WebEmbed | Evidence::SdkEmbed | Evidence::Shared, _) => Group::Embed,
            (Evidence::Oem, _) => Group::Engine,
            (Evidence::App | Evidence::Device, _) | (_, Category::ServiceUse) => Group::Strong,
            (
                Evidence::AppLikely
                | Evidence::DeviceOrApp
                | Evidence::DeviceOrClient
                | Evidence::DeviceOrSdk,
                _,
            ) => Group::Ambiguous,
            (Evidence::Mixed | Evidence::Client | Evidence::Download | Evidence::ServerApi, _) => {
                Group::Weak
            }
        }
    }
}

/// The verdict on a host.
#[must_use]
pub fn verdict(signs: &[Sign], habits: Habits) -> Verdict {
    let strong = families(signs, Group::Strong);
    let ambiguous = families(signs, Group::Ambiguous);
    let has = |group| signs.iter().any(|it| it.group() == group);
    let is_steady = habits.days >= STEADY_DAYS;
    if strong.count_ones() > 0 {
        let more =
            strong.count_ones() > 1 || ambiguous & !strong != 0 || habits.asks_twice || is_steady;
        let transferred = signs
            .iter()
            .any(|it| it.transferred && it.group() == Group::Strong);
        return match (more, transferred) {
            (true, true) => Verdict::InstalledActive,
            (true, false) => Verdict::Installed,
            (false, _) => Verdict::Likely,
        };
    }
    let is_explained = has(Group::Engine);
    if ambiguous.count_ones() > 1 {
        return Verdict::Likely;
    }
    if ambiguous.count_ones() == 1 && !is_explained && (habits.asks_twice || is_steady) {
        return Verdict::Likely;
    }
    if is_explained {
        Verdict::Embedded
    } else if ambiguous != 0 || has(Group::Weak) {
        Verdict::Contact
    } else if has(Group::Embed) {
        Verdict::EmbedOnly
    } else {
        Verdict::None
    }
}

/// The families of a group's signs, a bit each.
fn families(signs: &[Sign], group: Group) -> u32 {
    signs
        .iter()
        .filter(|it| it.group() == group)
        .fold(0, |it, sign| it | family(sign.category))
}

/// Categories that are signs of the same activity share a bit.
const fn family(category: Category) -> u32 {
    let bit = match category {
        Category::Update | Category::Download => 0,
        Category::Telemetry | Category::Reputation | Category::Crash => 1,
        Category::Licensing => 2,
        Category::Management | Category::Config => 3,
        Category::Connectivity | Category::Pki => 4,
        Category::Message | Category::Push => 5,
        Category::Script => 6,
        Category::DeviceCloud | Category::P2p | Category::Ddns => 7,
        Category::Resolver => 8,
        Category::Api | Category::Account => 9,
        Category::Content | Category::Ads => 10,
        Category::ServiceUse => 11,
        Category::Security | Category::AntiFraud => 12,
        Category::Vpn => 13,
        Category::Oem => 14,
        Category::Web => 15,
        Category::ServerApi => 16,
        Category::Discovery => 17,
        Category::Infra => 18,
    };
    1 << bit
}

/// Different days with a contact from which on a host's contacts count as steady.
pub const STEADY_DAYS: u32 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sign(evidence: Evidence, category: Category) -> Sign {
        Sign {
            evidence,
            category,
            transferred: true,
            is_borrowed: false,
        }
    }

    #[test]
    fn web_pages_never_add_up() {
        let signs: Vec<Sign> = Category::ALL
            .iter()
            .filter(|it| **it != Category::ServiceUse)
            .flat_map(|it| {
                [
                    sign(Evidence::PublicWeb, *it),
                    sign(Evidence::WebEmbed, *it),
                ]
            })
            .collect();
        let habits = Habits {
            asks_twice: true,
            days: 90,
        };
        assert_eq!(verdict(&signs, habits), Verdict::EmbedOnly);
        assert_eq!(verdict(&signs[..1], habits), Verdict::None);
    }

    #[test]
    fn one_strong_family_is_likely_and_two_are_installed() {
        let update = sign(Evidence::App, Category::Update);
        let licensing = Sign {
            transferred: false,
            ..sign(Evidence::App, Category::Licensing)
        };
        let blocked = Sign {
            transferred: false,
            ..update
        };
        assert_eq!(verdict(&[update], Habits::default()), Verdict::Likely);
        assert_eq!(
            verdict(&[update, licensing], Habits::default()),
            Verdict::InstalledActive
        );
        assert_eq!(
            verdict(&[blocked, licensing], Habits::default()),
            Verdict::Installed
        );
        let crash = sign(Evidence::App, Category::Crash);
        let telemetry = sign(Evidence::App, Category::Telemetry);
        assert_eq!(
            verdict(&[crash, telemetry], Habits::default()),
            Verdict::Likely
        );
    }

    #[test]
    fn an_engine_explains_what_products_and_engines_both_contact() {
        let engine = sign(Evidence::Oem, Category::Reputation);
        let update = sign(Evidence::AppLikely, Category::Update);
        let steady = Habits {
            asks_twice: false,
            days: 30,
        };
        assert_eq!(verdict(&[update], steady), Verdict::Likely);
        assert_eq!(verdict(&[engine, update], steady), Verdict::Embedded);
        let licensing = sign(Evidence::App, Category::Licensing);
        assert_eq!(
            verdict(&[engine, update, licensing], steady),
            Verdict::InstalledActive
        );
    }

    #[test]
    fn a_borrowed_name_is_a_contact_and_no_more() {
        let borrowed = Sign {
            is_borrowed: true,
            ..sign(Evidence::App, Category::Update)
        };
        let other = Sign {
            category: Category::Licensing,
            ..borrowed
        };
        assert_eq!(
            verdict(
                &[borrowed, other],
                Habits {
                    asks_twice: true,
                    days: 9
                }
            ),
            Verdict::Contact
        );
    }

    fn signs() -> impl Strategy<Value = Vec<Sign>> {
        let sign = (
            0..Evidence::ALL.len(),
            0..Category::ALL.len(),
            any::<bool>(),
            any::<bool>(),
        );
        let sign = sign.prop_map(|(evidence, category, transferred, is_borrowed)| Sign {
            evidence: Evidence::ALL[evidence],
            category: Category::ALL[category],
            transferred,
            is_borrowed,
        });
        proptest::collection::vec(sign, 0..8)
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_one_more_sign_never_lowers_the_rest(
            signs in signs(),
            one in 0usize..8,
            days in 0u32..5,
        ) {
            let habits = Habits { asks_twice: days == 4, days };
            let full = verdict(&signs, habits);
            let mut turned = signs.clone();
            turned.reverse();
            prop_assert_eq!(verdict(&turned, habits), full);
            if one < signs.len() && signs[one].group() != Group::Engine {
                let mut fewer = signs;
                fewer.remove(one);
                prop_assert!(verdict(&fewer, habits) <= full);
            }
        }
    }
}
