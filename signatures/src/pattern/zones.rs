//! Zones that belong to no one vendor: public suffixes of two labels, and shared hosting.
//!
//! Not the public suffix list: that has ten thousand rows and changes weekly. The rule that a
//! pattern has two fixed labels covers suffixes of one label; here stand those of two that packs
//! are likely to meet, as registries and as content delivery networks.

/// Public suffixes of two labels, sorted.
const PUBLIC: &[&str] = &[
    "ac.cn", "ac.jp", "ac.uk", "co.id", "co.il", "co.in", "co.jp", "co.kr", "co.nz", "co.th",
    "co.uk", "co.za", "com.ar", "com.au", "com.br", "com.cn", "com.co", "com.eg", "com.es",
    "com.gr", "com.hk", "com.mx", "com.my", "com.ng", "com.pe", "com.ph", "com.pk", "com.pl",
    "com.pt", "com.ru", "com.sa", "com.sg", "com.tr", "com.tw", "com.ua", "com.vn", "edu.au",
    "edu.cn", "gov.au", "gov.cn", "gov.in", "gov.uk", "in.th", "ne.jp", "net.au", "net.br",
    "net.cn", "net.in", "net.nz", "net.pl", "net.ru", "net.tr", "net.tw", "net.ua", "nom.br",
    "or.id", "or.jp", "or.kr", "org.au", "org.br", "org.cn", "org.in", "org.nz", "org.pl",
    "org.ru", "org.tr", "org.tw", "org.ua", "org.uk",
];

/// Zones under which many unrelated tenants have names, sorted.
const SHARED: &[&str] = &[
    "akadns.net",
    "akamai.net",
    "akamaiedge.net",
    "akamaized.net",
    "alicdn.com",
    "aliyuncs.com",
    "amazonaws.com",
    "appspot.com",
    "azureedge.net",
    "azurewebsites.net",
    "blob.core.windows.net",
    "cdn77.org",
    "cloudapp.net",
    "cloudflare.net",
    "cloudfront.net",
    "core.windows.net",
    "demdex.net",
    "edgekey.net",
    "edgesuite.net",
    "fastly.net",
    "firebaseio.com",
    "github.io",
    "global.fastly.net",
    "googleapis.com",
    "herokuapp.com",
    "kunlunca.com",
    "llnwd.net",
    "map.fastly.net",
    "myqcloud.com",
    "omtrdc.net",
    "pages.dev",
    "trafficmanager.net",
    "workers.dev",
];

/// Whether a name is such a zone itself. Names below one belong to someone.
pub(super) fn is_shared(name: &str) -> bool {
    PUBLIC.binary_search(&name).is_ok() || SHARED.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_are_sorted_so_that_they_can_be_searched() {
        assert!(PUBLIC.is_sorted());
        assert!(SHARED.is_sorted());
    }

    #[test]
    fn every_zone_is_found_and_names_below_are_not() {
        for zone in PUBLIC.iter().chain(SHARED) {
            assert!(is_shared(zone), "{zone}");
            assert!(!is_shared(&format!("vendor.{zone}")) || SHARED.contains(zone));
        }
    }
}
