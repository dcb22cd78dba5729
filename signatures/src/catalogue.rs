//! The compiled catalogue of all loaded packs.
//!
//! Which signature claims a name, where several could: an exact pattern goes before a glob, and a
//! glob before a suffix. Of two globs, and of two suffixes, the one with the longer fixed part goes
//! first; of globs under the same fixed part, the one with more literal octets in its first label.
//! Of signatures with the same pattern, one that is limited to ports goes before one that is not.
//!
//! A signature limited to ports takes part only where the port fits. A question in DNS has no
//! port: there all signatures without limits are asked first, whatever they match by, and those
//! with limits only if none of the others claims the name. So a limited signature never says more
//! of a question than is known, and a name that only it knows is still claimed.

use std::collections::BTreeMap;
use std::path::Path;

use crate::document::{self, FileError, LoadError};
use crate::matcher::{Matcher, Rule};
use crate::pack::{self, Entry, Pack};
use crate::resolvers::Resolvers;
use crate::signature::{Example, Payload, Signature, SignatureId, Vendor, VendorId};

pub use crate::service::Service;
pub use succession::{MAX_GONE, MAX_VENDORS, TooManyGone};

mod succession;

/// The packs that are compiled in, by the names of their files.
const BUILTIN: &[(&str, &str)] = &[
    (
        "bytedance.toml",
        include_str!("../data/packs/bytedance.toml"),
    ),
    (
        "hikvision.toml",
        include_str!("../data/packs/hikvision.toml"),
    ),
    (
        "kaspersky.toml",
        include_str!("../data/packs/kaspersky.toml"),
    ),
];

/// Most packs of a catalogue.
pub const MAX_PACKS: usize = 256;
/// Most patterns of a catalogue, with braces expanded.
pub const MAX_PATTERNS: usize = 4_000_000;

/// All loaded signatures, compiled for matching. Immutable once made; share it in an `Arc`.
#[derive(Debug, Default)]
pub struct Catalogue {
    packs: Vec<PackInfo>,
    /// By their number, those that have gone included.
    vendors: Vec<Vendor>,
    /// By their number, those that have gone included.
    signatures: Vec<Signature>,
    /// The signatures of the packs, in the order of vendor and signature id.
    listed: Vec<SignatureId>,
    matcher: Matcher,
    resolvers: Resolvers,
    /// Which signature claims a payload.
    payloads: BTreeMap<Payload, SignatureId>,
}

/// What a catalogue is loaded on top of.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Base {
    /// The packs that are compiled in.
    #[default]
    Builtin,
    /// No packs.
    Empty,
}

/// A loaded pack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PackInfo {
    /// Its id, which is that of its vendor.
    pub id: String,
    /// Its vendor.
    pub vendor: VendorId,
    /// Its version.
    pub version: String,
    /// Its date, as `2026-01-31`.
    pub date: String,
    /// What it is about.
    pub description: String,
    /// How many signatures it has, disabled ones included.
    pub signatures: usize,
    /// Names that look like the vendor's, and that no signature of the pack claims.
    pub lookalikes: Vec<Example>,
}

impl Catalogue {
    /// The catalogue of the packs that are compiled in.
    ///
    /// # Errors
    ///
    /// All that is wrong in them; a test sees to it that nothing is.
    pub fn builtin() -> Result<Self, Vec<FileError>> {
        Self::from_packs(BUILTIN)
    }

    /// The catalogue of packs given as pairs of a file name, which errors name, and a text.
    ///
    /// # Errors
    ///
    /// All that is wrong in any of them.
    pub fn from_packs(packs: &[(&str, &str)]) -> Result<Self, Vec<FileError>> {
        Self::compile(read_all(packs)?)
    }

    /// The catalogue of a directory: every file `*.toml` in it, in the order of their names.
    ///
    /// A pack with the id of one that is compiled in replaces it; the others come on top.
    ///
    /// # Errors
    ///
    /// [`LoadError::Read`] for the first file that cannot be read, and [`LoadError::Wrong`] with
    /// all that is wrong in the packs.
    pub fn load(dir: &Path, base: Base) -> Result<Self, LoadError> {
        let files = document::read_folder(dir, MAX_PACKS)?;
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(file, text)| (file.as_str(), text.as_str()))
            .collect();
        let mut packs = read_all(&files).map_err(LoadError::Wrong)?;
        if base == Base::Builtin {
            let builtin = read_all(BUILTIN).map_err(LoadError::Wrong)?;
            let own = |pack: &Pack| packs.iter().any(|other| other.id == pack.id);
            let kept: Vec<Pack> = builtin.into_iter().filter(|pack| !own(pack)).collect();
            packs.extend(kept);
        }
        Self::compile(packs).map_err(LoadError::Wrong)
    }

    /// Puts packs together, each of them right in itself.
    fn compile(mut packs: Vec<Pack>) -> Result<Self, Vec<FileError>> {
        packs.sort_by(|a, b| a.id.cmp(&b.id));
        let mut errors = doubles(&packs);
        errors.extend(too_many(&packs));
        let mut catalogue = Self::default();
        match Resolvers::builtin() {
            Ok(resolvers) => catalogue.resolvers = resolvers,
            Err(wrong) => errors.extend(wrong),
        }
        let mut files = Vec::with_capacity(packs.len());
        let mut entries: Vec<(usize, Entry)> = Vec::new();
        for (pack, at) in packs.into_iter().zip(0_u16..) {
            let vendor = VendorId(at);
            catalogue.vendors.push(Vendor {
                id: pack.id.clone(),
                name: pack.vendor,
            });
            catalogue.packs.push(PackInfo {
                id: pack.id,
                vendor,
                version: pack.version,
                date: pack.date,
                description: pack.description,
                signatures: pack.entries.len(),
                lookalikes: pack.lookalikes,
            });
            let first = entries.len();
            entries.extend(pack.entries.into_iter().map(|mut entry| {
                entry.signature.vendor = vendor;
                (files.len(), entry)
            }));
            if let Some(own) = entries.get_mut(first..) {
                own.sort_by(|(_, a), (_, b)| by_number(&a.signature.id, &b.signature.id));
            }
            files.push(pack.file);
        }

        let named = entries.iter().map(|(file, entry)| {
            (
                files.get(*file).map(String::as_str).unwrap_or_default(),
                entry,
            )
        });
        let claims = pack::claims(named, true);
        errors.extend(pack::conflicts(&claims));
        let named = entries.iter().map(|(file, entry)| {
            (
                files.get(*file).map(String::as_str).unwrap_or_default(),
                entry,
            )
        });
        errors.extend(pack::doubled_payloads(named));
        if !errors.is_empty() {
            return Err(errors);
        }
        let rules: Vec<Rule<'_>> = claims.iter().map(|claim| claim.rule).collect();
        catalogue.matcher = Matcher::build(&rules);
        catalogue.payloads = entries
            .iter()
            .zip(0..)
            .filter(|((_, entry), _)| entry.signature.enabled)
            .filter_map(|((_, entry), at)| Some((entry.signature.payload?, SignatureId(at))))
            .collect();
        catalogue.signatures = entries
            .into_iter()
            .map(|(_, entry)| entry.signature)
            .collect();
        let numbers = catalogue.signatures.iter().zip(0..);
        catalogue.listed = numbers.map(|(_, number)| SignatureId(number)).collect();
        Ok(catalogue)
    }

    /// The signature that claims a name, if any: exact beats glob beats the longest suffix.
    ///
    /// `name` is lower case without a trailing dot, as `phonehome::names::Name` writes it and as
    /// [`normalise`](crate::normalise) makes it. A name with an escape (`\`) in it is never
    /// claimed, nor is one with an empty label. The module describes the order in full.
    #[must_use]
    #[inline]
    pub fn claim(&self, name: &str, service: Service) -> Option<SignatureId> {
        self.matcher.claim(name, service)
    }

    /// The signature that claims what was recognised in packets of a local network, if any.
    #[must_use]
    pub fn claim_payload(&self, payload: Payload) -> Option<SignatureId> {
        self.payloads.get(&payload).copied()
    }

    /// The signature with that number, which may have gone. Numbers of a catalogue that is none of
    /// those before this one give another signature or `None`.
    #[must_use]
    pub fn signature(&self, id: SignatureId) -> Option<&Signature> {
        self.signatures.get(id.0 as usize)
    }

    /// The vendor with that number, which may have gone.
    #[must_use]
    pub fn vendor(&self, id: VendorId) -> Option<&Vendor> {
        self.vendors.get(usize::from(id.0))
    }

    /// The vendor with that id in packs: `kaspersky`.
    #[must_use]
    pub fn vendor_by_id(&self, id: &str) -> Option<(VendorId, &Vendor)> {
        let at = self
            .packs
            .binary_search_by(|pack| pack.id.as_str().cmp(id))
            .ok()?;
        let number = self.packs.get(at)?.vendor;
        Some((number, self.vendor(number)?))
    }

    /// The vendors of all packs, in the order of their ids.
    pub fn vendors(&self) -> impl ExactSizeIterator<Item = &Vendor> + Clone {
        let vendors: Vec<&Vendor> = self
            .packs
            .iter()
            .filter_map(|it| self.vendor(it.vendor))
            .collect();
        vendors.into_iter()
    }

    /// The signatures of all packs, in the order of vendor and signature id; numbers in ids count as
    /// numbers.
    pub fn signatures(&self) -> impl ExactSizeIterator<Item = &Signature> + Clone {
        let signatures: Vec<&Signature> = self
            .listed
            .iter()
            .filter_map(|it| self.signature(*it))
            .collect();
        signatures.into_iter()
    }

    /// All packs, in the order of their ids.
    #[must_use]
    pub fn packs(&self) -> &[PackInfo] {
        &self.packs
    }

    /// The public resolvers, whatever packs there are.
    #[must_use]
    pub const fn resolvers(&self) -> &Resolvers {
        &self.resolvers
    }

    /// The packs and their versions, as a report names them: `bytedance@1.0.0 kaspersky@1.0.0`.
    #[must_use]
    pub fn version(&self) -> String {
        let packs: Vec<String> = self
            .packs
            .iter()
            .map(|pack| format!("{}@{}", pack.id, pack.version))
            .collect();
        packs.join(" ")
    }
}

fn read_all(packs: &[(&str, &str)]) -> Result<Vec<Pack>, Vec<FileError>> {
    let mut read = Vec::with_capacity(packs.len());
    let mut errors = Vec::new();
    for (file, text) in packs {
        match Pack::read(file, text) {
            Ok(pack) => read.push(pack),
            Err(wrong) => errors.extend(wrong),
        }
    }
    if let Some((file, _)) = packs.get(MAX_PACKS) {
        let message = format!("there are more than {MAX_PACKS} packs");
        errors.push(FileError {
            file: (*file).to_owned(),
            line: 1,
            message,
        });
    }
    if errors.is_empty() {
        Ok(read)
    } else {
        Err(errors)
    }
}

/// The pack with which the patterns become too many for a catalogue.
fn too_many(packs: &[Pack]) -> Option<FileError> {
    let mut patterns = 0;
    let beyond = packs.iter().find(|pack| {
        let entries = pack.entries.iter();
        patterns += entries
            .map(|entry| entry.signature.patterns.len())
            .sum::<usize>();
        patterns > MAX_PATTERNS
    })?;
    let message = format!("the packs have more than {MAX_PATTERNS} patterns in all; load fewer");
    Some(FileError {
        file: beyond.file.clone(),
        line: 1,
        message,
    })
}

/// Ids that two packs, or signatures of two packs, have. `packs` are in the order of their ids.
fn doubles(packs: &[Pack]) -> Vec<FileError> {
    let mut errors = Vec::new();
    for pair in packs.windows(2) {
        if let [first, second] = pair
            && first.id == second.id
        {
            let message = format!(
                "pack: {} has the id `{}` too; change one",
                first.file, first.id
            );
            errors.push(FileError {
                file: second.file.clone(),
                line: 1,
                message,
            });
        }
    }
    let mut ids = BTreeMap::new();
    for pack in packs {
        for Entry {
            signature, line, ..
        } in &pack.entries
        {
            if let Some((file, first)) = ids.insert(&signature.id, (&pack.file, line)) {
                let message = format!(
                    "signature `{}`: {file}:{first} has that id too; change one",
                    signature.id
                );
                errors.push(FileError {
                    file: pack.file.clone(),
                    line: *line,
                    message,
                });
            }
        }
    }
    errors
}

/// Orders ids so that `kl-h99` goes before `kl-h100`, and `kl-h90-web` between the two.
fn by_number(a: &str, b: &str) -> std::cmp::Ordering {
    let key = |id: &str| {
        let mut parts = Vec::new();
        let mut rest = id;
        while !rest.is_empty() {
            let (text, after) = split_where(rest, |c| c.is_ascii_digit());
            let (digits, after) = split_where(after, |c| !c.is_ascii_digit());
            let number = digits.trim_start_matches('0').to_owned();
            parts.push((text.to_owned(), number.len(), number));
            rest = after;
        }
        (parts, id.to_owned())
    };
    key(a).cmp(&key(b))
}

/// Splits before the first character of a kind.
fn split_where(text: &str, is_next: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_next).unwrap_or(text.len()))
}
