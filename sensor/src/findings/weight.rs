//! What one sighting of a signature says about the host.

use phonehome_signatures::{Category, Confidence, Evidence, Payload, Signature, VendorId};

use super::Verdict;

/// What the ledger needs to know of a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Class {
    pub(super) vendor: VendorId,
    pub(super) category: Category,
    pub(super) weight: Weight,
    pub(super) family: Option<Family>,
    /// What it claims, if no name.
    pub(super) payload: Option<Payload>,
}

impl Class {
    pub(super) fn of(signature: &Signature) -> Self {
        Self {
            vendor: signature.vendor,
            category: signature.category,
            weight: Weight::of(signature),
            family: Family::of(signature.category),
            payload: signature.payload,
        }
    }
}

/// What one sighting of a signature says about the host, from the lightest to the heaviest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Weight {
    /// Nothing: a name behind other names.
    Nothing,
    /// Somebody read a web page of the vendor.
    Web,
    /// A page or an app of another company loaded something.
    Embed,
    /// Nothing by itself; a CNAME chain that ends in it leads to servers that products use.
    Behind,
    /// Product, page and script cannot be told apart, or a browser did it.
    Mixed,
    /// A server of the organisation calls an interface of the vendor.
    Server,
    /// The product is viewed or administered elsewhere.
    Client,
    /// An installer or a tool was fetched.
    Download,
    /// A device, or a kit in another company's app.
    Kit,
    /// A device, or a person or an app.
    Either,
    /// Mostly products.
    Half,
    /// Another company's product with the vendor's engine.
    Oem,
    /// An online service whose use is itself what counts.
    Use,
    /// Only products, by inference.
    Inferred,
    /// Only products or devices, on good grounds.
    Product,
}

impl Weight {
    fn of(signature: &Signature) -> Self {
        use Category as C;
        use Evidence as E;
        let founded = match signature.confidence {
            Confidence::Documented
            | Confidence::Observed
            | Confidence::Listed
            | Confidence::Reported => Founded::Well,
            Confidence::Inferred => Founded::Inferred,
            Confidence::Unverified => Founded::No,
        };
        match (signature.evidence, signature.category) {
            (E::PublicWeb, _) | (E::Mixed, C::Web) => Self::Web,
            (E::WebEmbed | E::SdkEmbed | E::Shared, _) => Self::Embed,
            (E::Infra, _) => Self::Nothing,
            (E::App | E::AppLikely | E::Device, C::Infra) => Self::Behind,
            (E::Mixed, C::Infra) => Self::Mixed,
            (_, C::Infra) => Self::Nothing,
            (E::Download, _) | (_, C::Download) => Self::Download,
            (_, C::ServiceUse) if founded == Founded::Well => match signature.evidence {
                E::App | E::Device => Self::Product,
                _ => Self::Use,
            },
            (_, C::ServiceUse) => Self::Mixed,
            (E::Oem, _) | (E::App | E::Device, C::Oem) => Self::Oem,
            (E::App | E::Device, _) => match founded {
                Founded::Well => Self::Product,
                Founded::Inferred => Self::Inferred,
                Founded::No => Self::Mixed,
            },
            (E::AppLikely | E::DeviceOrClient | E::DeviceOrApp | E::DeviceOrSdk, category)
                if founded == Founded::No || Family::of(category).is_none() =>
            {
                Self::Mixed
            }
            (E::AppLikely, _) => Self::Half,
            (E::DeviceOrClient | E::DeviceOrApp, _) => Self::Either,
            (E::DeviceOrSdk, _) => Self::Kit,
            (E::Client, _) => Self::Client,
            (E::ServerApi, _) => Self::Server,
            (E::Mixed, _) => Self::Mixed,
        }
    }

    /// Whether it is a product rather than a person that makes such contacts, so that their rhythm
    /// and the resolvers they go to say something.
    pub(super) const fn is_of_products(self) -> bool {
        matches!(self, Self::Half | Self::Inferred | Self::Product)
    }

    /// Whether a sighting is among what a finding with that verdict rests on.
    pub(super) fn bears(self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::None | Verdict::EmbedOnly => true,
            Verdict::Contact => self >= Self::Behind,
            Verdict::Embedded => self == Self::Oem,
            Verdict::Likely | Verdict::Installed | Verdict::InstalledActive | Verdict::Manager => {
                self >= Self::Either && self != Self::Oem
            }
        }
    }
}

/// How well a fact is founded, as far as verdicts care.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Founded {
    Well,
    Inferred,
    No,
}

/// A kind of traffic that products have and browsing does not. Two different ones are independent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Family {
    Update,
    Telemetry,
    Licensing,
    Connectivity,
    Management,
    Push,
    Config,
    DeviceCloud,
    P2p,
    Api,
    Security,
    Vpn,
    Resolver,
    Discovery,
}

impl Family {
    pub(super) const ALL: [Self; 14] = [
        Self::Update,
        Self::Telemetry,
        Self::Licensing,
        Self::Connectivity,
        Self::Management,
        Self::Push,
        Self::Config,
        Self::DeviceCloud,
        Self::P2p,
        Self::Api,
        Self::Security,
        Self::Vpn,
        Self::Resolver,
        Self::Discovery,
    ];

    /// The family of a category; `None` where persons and pages make such traffic too.
    pub(super) const fn of(category: Category) -> Option<Self> {
        Some(match category {
            Category::Update => Self::Update,
            Category::Telemetry | Category::Reputation | Category::Crash => Self::Telemetry,
            Category::Licensing => Self::Licensing,
            Category::Connectivity | Category::Pki => Self::Connectivity,
            Category::Management => Self::Management,
            Category::Message | Category::Push => Self::Push,
            Category::Config => Self::Config,
            Category::DeviceCloud | Category::Ddns => Self::DeviceCloud,
            Category::P2p => Self::P2p,
            Category::Api => Self::Api,
            Category::Security => Self::Security,
            Category::Vpn => Self::Vpn,
            Category::Resolver => Self::Resolver,
            Category::Discovery => Self::Discovery,
            Category::Script
            | Category::Content
            | Category::Ads
            | Category::ServiceUse
            | Category::AntiFraud
            | Category::Oem
            | Category::Download
            | Category::Account
            | Category::Web
            | Category::ServerApi
            | Category::Infra => return None,
        })
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Telemetry => "telemetry",
            Self::Licensing => "licensing",
            Self::Connectivity => "connectivity",
            Self::Management => "management",
            Self::Push => "push",
            Self::Config => "configuration",
            Self::DeviceCloud => "device cloud",
            Self::P2p => "peer-to-peer",
            Self::Api => "app interface",
            Self::Security => "risk control",
            Self::Vpn => "VPN",
            Self::Resolver => "name resolution",
            Self::Discovery => "discovery",
        }
    }
}
