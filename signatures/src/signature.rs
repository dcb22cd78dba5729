//! One signature: what it matches, what a match means, and where the fact comes from.

use std::fmt;
use std::sync::Arc;

use crate::pattern::Pattern;
use crate::service::{PortRange, Service};

/// Writes an enum of words: its values, all of them in order, and the word of each.
macro_rules! words {
    ($(#[$meta:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, serde::Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd,
            serde::Serialize,
        )]
        pub enum $type {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $type {
            /// All values, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word for it in packs, output and labels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value of a word; `None` if there is none.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub(crate) use words;

words! {
    /// What the traffic is for.
    Category {
        /// Databases, program modules, firmware.
        Update = "update",
        /// Statistics and usage data sent to the vendor.
        Telemetry = "telemetry",
        /// Cloud look-ups of files, addresses, certificates.
        Reputation = "reputation",
        /// Activation and licence checks.
        Licensing = "licensing",
        /// Remote administration of the product.
        Management = "management",
        /// Connectivity and trusted-time checks.
        Connectivity = "connectivity",
        /// Revocation lists and the like of the vendor's own certificates.
        Pki = "pki",
        /// Crash dumps.
        Crash = "crash",
        /// Messages shown inside the product.
        Message = "message",
        /// Scripts that the product puts into web pages.
        Script = "script",
        /// Push notifications.
        Push = "push",
        /// Remote configuration of an app or device.
        Config = "config",
        /// A device's own cloud.
        DeviceCloud = "device-cloud",
        /// Peer-to-peer set-up and relays.
        P2p = "p2p",
        /// Dynamic DNS of the vendor.
        Ddns = "ddns",
        /// The vendor's own name resolution service.
        Resolver = "resolver",
        /// Interface of an app.
        Api = "api",
        /// Content: video, pictures, maps.
        Content = "content",
        /// Advertising and measurement.
        Ads = "ads",
        /// Use of an online service, which is itself what a ban is about.
        ServiceUse = "service-use",
        /// Risk control and anti-fraud of an app.
        Security = "security",
        /// Anti-fraud scripts on other companies' web pages.
        AntiFraud = "anti-fraud",
        /// Virtual private network of the vendor.
        Vpn = "vpn",
        /// Traffic of another company's product that embeds the vendor's engine.
        Oem = "oem",
        /// Installers and on-demand tools.
        Download = "download",
        /// User accounts and consoles.
        Account = "account",
        /// Web sites.
        Web = "web",
        /// Server-to-server interfaces.
        ServerApi = "server-api",
        /// Finding devices on the local network.
        Discovery = "discovery",
        /// Names behind other names; targets of CNAME records.
        Infra = "infra",
    }
}

words! {
    /// What a match says about the host inside.
    Evidence {
        /// Only a running product contacts it.
        App = "app",
        /// Mostly products; a browser or a script can reach it too.
        AppLikely = "app-likely",
        /// Hardware of the vendor, or its firmware, is talking.
        Device = "device",
        /// A device, or a person who administers one.
        DeviceOrClient = "device-or-client",
        /// A device, or the vendor's kit in another company's app.
        DeviceOrSdk = "device-or-sdk",
        /// A device, or an app.
        DeviceOrApp = "device-or-app",
        /// A person or tool that administers or views the product elsewhere.
        Client = "client",
        /// Another company's product that embeds the vendor's engine.
        Oem = "oem",
        /// Fetch of an installer or an on-demand tool; not yet an installation.
        Download = "download",
        /// Product, web page and script cannot be told apart by the name.
        Mixed = "mixed",
        /// The vendor's kit inside another company's app.
        SdkEmbed = "sdk-embed",
        /// Loaded by other companies' web pages in any browser.
        WebEmbed = "web-embed",
        /// A person reading a web site.
        PublicWeb = "public-web",
        /// Server-to-server use.
        ServerApi = "server-api",
        /// A tenant name at a shared cloud.
        Shared = "shared",
        /// A CNAME target; attributes addresses, is no contact.
        Infra = "infra",
    }
}

words! {
    /// How well a fact is founded.
    Confidence {
        /// Documented by the vendor.
        Documented = "documented",
        /// Seen in a public packet capture or in several of them.
        Observed = "observed",
        /// In two or more independent maintained lists or code bases.
        Listed = "listed",
        /// In one third-party list, capture or code base.
        Reported = "reported",
        /// Inferred from the name, a neighbouring name or behaviour.
        Inferred = "inferred",
        /// Believed true without a citable source.
        Unverified = "unverified",
    }
}

words! {
    /// Something that the sensor recognises by what is in packets of a local network, not by a name.
    Payload {
        /// A device answers a search of Hikvision's SADP.
        Sadp = "sadp",
        /// A device answers a search of Dahua's DHIP.
        Dhip = "dhip",
        /// A device answers in TP-Link's Kasa protocol.
        Kasa = "kasa",
        /// A device announces itself in Tuya's local protocol.
        Tuya = "tuya",
        /// A server has the ports of Kaspersky Security Center, in combination and for several clients.
        Ksc = "ksc",
    }
}

/// A signature of a loaded catalogue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature {
    /// Its id, unique in the catalogue: `kl-h01`.
    pub id: String,
    /// Whose software or device it is about.
    pub vendor: VendorId,
    /// What the traffic is for.
    pub category: Category,
    /// What a match says about the host.
    pub evidence: Evidence,
    /// How well it is founded.
    pub confidence: Confidence,
    /// The product, where the name tells it.
    pub product: Option<String>,
    /// Whether it claims names. A fact without a citable source is listed, and claims nothing.
    pub enabled: bool,
    /// Its patterns as the pack writes them, for people: exact, globs, then suffixes with a
    /// leading dot; separated by a comma and a space. Of a payload, `payload` and its word.
    pub pattern: String,
    /// Its patterns with all braces expanded.
    pub patterns: Vec<Pattern>,
    /// What it claims instead of names; it has no pattern then.
    pub payload: Option<Payload>,
    /// Ports it is limited to; empty for any.
    pub ports: Vec<PortRange>,
    /// Ports the names are known to be used on. They limit nothing; empty if not known.
    pub usual_ports: Vec<PortRange>,
    /// Where the fact comes from; empty only if it is not enabled.
    pub sources: Vec<Arc<Source>>,
    /// Date of the fact in the words of its source: `2025-06-30`, `2021 to 2024`, `undated`.
    pub date: String,
    /// What a reader of a finding should know.
    pub note: Option<String>,
    /// Names that it claims, in a catalogue of its pack alone.
    pub examples: Vec<Example>,
    /// Names that it does not claim, in a catalogue of its pack alone.
    pub counterexamples: Vec<Example>,
}

/// A document, list or capture that a pack cites.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    /// Its number in the pack.
    pub id: u32,
    /// The citation.
    pub text: String,
    /// Where it can be read.
    pub url: Option<String>,
    /// Its date, or when it was read.
    pub date: Option<String>,
}

/// A name in a pack that a signature must claim, or must not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Example {
    /// The name, normalised.
    pub name: String,
    /// Where it is used; [`Service::Dns`] if the pack names no port.
    pub service: Service,
}

/// As packs write it: `a.example.com`, or `a.example.com tcp/443`.
impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.service {
            Service::Dns => Ok(()),
            Service::Tcp(port) => write!(f, " tcp/{port}"),
            Service::Udp(port) => write!(f, " udp/{port}"),
        }
    }
}

/// A vendor of a loaded catalogue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vendor {
    /// Its id, unique in the catalogue: `kaspersky`. Lower-case letters, digits and hyphens.
    pub id: String,
    /// Its name for people.
    pub name: String,
}

/// A signature of a loaded catalogue: its number there, and in all catalogues that succeed it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SignatureId(pub u32);

/// A vendor of a loaded catalogue: its number there, and in all catalogues that succeed it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VendorId(pub u16);
