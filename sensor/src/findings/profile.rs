//! Whether a finding counts under a directive.

use phonehome_signatures::{Category, Countable, Directive};

use super::{Finding, Verdict};

/// How a finding of a vendor that a directive covers stands under it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It counts.
    Counts,
    /// It does not, because findings of its kind do not.
    OtherKind(Countable),
    /// It does not, because all its products or all its categories are left out.
    Excluded,
}

/// How a finding stands under a directive; `None` if the directive does not cover its vendor, whose
/// id in packs is `vendor`.
#[must_use]
pub fn standing(directive: &Directive, vendor: &str, finding: &Finding) -> Option<Standing> {
    let covers = directive.covers(vendor);
    covers.then(|| standing_of(directive, finding, finding.verdict))
}

/// How a finding of a vendor that a directive covers would stand with another verdict, such as one
/// that it had.
#[must_use]
pub fn standing_of(directive: &Directive, finding: &Finding, verdict: Verdict) -> Standing {
    let profile = &directive.profile;
    let kind = kind(finding, verdict);
    let counts = profile.counts.contains(&kind)
        // What a download is counts for no less than what a mere contact does.
        || kind == Countable::Download && profile.counts.contains(&Countable::Contact);
    if !counts {
        Standing::OtherKind(kind)
    } else if is_all(&finding.products, &profile.excluded_products)
        || is_all(&finding.categories, &profile.excluded_categories)
    {
        Standing::Excluded
    } else {
        Standing::Counts
    }
}

/// What kind of finding it is with a verdict, in the words of directives.
fn kind(finding: &Finding, verdict: Verdict) -> Countable {
    match verdict {
        Verdict::None => Countable::Browsing,
        Verdict::EmbedOnly => Countable::Embeds,
        Verdict::Contact if finding.categories.contains(&Category::Download) => Countable::Download,
        Verdict::Contact => Countable::Contact,
        Verdict::Embedded => Countable::Embedded,
        Verdict::Likely => Countable::Likely,
        Verdict::Installed => Countable::Installed,
        Verdict::InstalledActive => Countable::InstalledActive,
        Verdict::Manager => Countable::Manager,
    }
}

/// Whether there are some, and all of them are among the others.
fn is_all<T: PartialEq>(some: &[T], others: &[T]) -> bool {
    !some.is_empty() && some.iter().all(|it| others.contains(it))
}

#[cfg(test)]
mod tests {
    use phonehome_signatures::{Directives, VendorId};

    use super::*;
    use crate::findings::State;
    use crate::host::Address;
    use crate::time::Timestamp;

    fn finding(verdict: Verdict) -> Finding {
        Finding {
            host: Address::from_v4([10, 0, 0, 1]),
            vendor: VendorId(0),
            verdict,
            grounds: Vec::new(),
            products: Vec::new(),
            categories: Vec::new(),
            first_seen: Timestamp::MIN,
            last_seen: Timestamp::MIN,
            contacts: [0; 5],
            sources: [0; 9],
            sent: 0,
            received: 0,
            names: Vec::new(),
            state: State::Active,
            state_since: Timestamp::MIN,
            who: None,
            device: None,
            earlier: Vec::new(),
            asks: None,
        }
    }

    fn stands(id: &str, vendor: &str, finding: &Finding) -> Option<Standing> {
        let directives = Directives::builtin().unwrap();
        standing(directives.by_id(id).unwrap(), vendor, finding)
    }

    #[test]
    fn an_embedded_engine_counts_under_section_1634_and_not_under_bod_17_01() {
        let finding = finding(Verdict::Embedded);
        assert_eq!(
            stands("us-ndaa-1634", "kaspersky", &finding),
            Some(Standing::Counts)
        );
        assert_eq!(
            stands("us-bod-17-01", "kaspersky", &finding),
            Some(Standing::OtherKind(Countable::Embedded))
        );
    }

    #[test]
    fn a_vendor_that_is_not_covered_stands_under_nothing() {
        let finding = finding(Verdict::InstalledActive);
        assert_eq!(stands("us-bod-17-01", "hikvision", &finding), None);
        assert_eq!(
            stands("us-ndaa-889", "hikvision", &finding),
            Some(Standing::Counts)
        );
    }

    #[test]
    fn a_browser_counts_where_traffic_itself_is_prohibited() {
        let web = finding(Verdict::None);
        assert_eq!(
            stands("us-omb-m-23-13", "bytedance", &web),
            Some(Standing::Counts)
        );
        assert_eq!(
            stands("us-tiktok-act", "bytedance", &web),
            Some(Standing::OtherKind(Countable::Browsing))
        );
        let pixel = finding(Verdict::EmbedOnly);
        assert_eq!(
            stands("us-omb-m-23-13", "bytedance", &pixel),
            Some(Standing::OtherKind(Countable::Embeds))
        );
    }

    #[test]
    fn a_download_is_a_contact_with_an_installer() {
        let mut download = finding(Verdict::Contact);
        assert_eq!(
            stands("us-ndaa-1634", "kaspersky", &download),
            Some(Standing::OtherKind(Countable::Contact))
        );
        download.categories = vec![Category::Web, Category::Download];
        assert_eq!(
            stands("us-ndaa-1634", "kaspersky", &download),
            Some(Standing::Counts)
        );
        assert_eq!(
            stands("us-bod-17-01", "kaspersky", &download),
            Some(Standing::OtherKind(Countable::Download))
        );
    }

    #[test]
    fn where_contacts_count_a_download_does_too() {
        let mut directive = Directives::builtin().unwrap().list()[0].clone();
        directive.vendors = vec!["kaspersky".to_owned()];
        directive.profile.counts = vec![Countable::Contact];
        let mut download = finding(Verdict::Contact);
        download.categories = vec![Category::Download];
        let stands = standing(&directive, "kaspersky", &download);
        assert_eq!(stands, Some(Standing::Counts));
    }

    #[test]
    fn a_finding_is_excluded_only_if_all_its_products_are() {
        let mut finding = finding(Verdict::InstalledActive);
        finding.products = vec!["CapCut".to_owned(), "Lark".to_owned()];
        assert_eq!(
            stands("us-tiktok-act", "bytedance", &finding),
            Some(Standing::Excluded)
        );
        finding.products.push("TikTok app".to_owned());
        assert_eq!(
            stands("us-tiktok-act", "bytedance", &finding),
            Some(Standing::Counts)
        );
        finding.products.clear();
        assert_eq!(
            stands("us-tiktok-act", "bytedance", &finding),
            Some(Standing::Counts)
        );
    }

    #[test]
    fn a_finding_is_excluded_if_all_its_categories_are() {
        let mut directive = Directives::builtin().unwrap().list()[0].clone();
        directive.vendors = vec!["kaspersky".to_owned()];
        directive.profile.excluded_categories = vec![Category::ServerApi, Category::Web];
        let mut finding = finding(Verdict::Likely);
        finding.categories = vec![Category::ServerApi];
        let stands = |it: &Finding| standing(&directive, "kaspersky", it);
        assert_eq!(stands(&finding), Some(Standing::Excluded));
        finding.categories.push(Category::Update);
        assert_eq!(stands(&finding), Some(Standing::Counts));
    }
}
