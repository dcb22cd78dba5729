//! Directives: legal instruments that tell an organisation to be rid of a vendor, as TOML files.
//!
//! A directive says who issued it, by which days what must be done, which vendors it covers, and
//! in its [`Profile`] which findings count under it. Two directives about one vendor can count the
//! same traffic differently: one leaves engines inside other companies' products out, another does
//! not. Reading takes the text of a file and gives a directive, or all that is wrong with it at
//! once, each with its line. The format is described in the README of this package.
//!
//! Which findings there are, and how far they are, is not known here.

use std::collections::BTreeMap;
use std::path::Path;

use crate::catalogue::{Base, Catalogue};
use crate::day::Day;
use crate::document::{self, FileError, LoadError};
use crate::signature::{Category, words};

mod read;

pub(crate) use read::day;

/// The directives that are compiled in, by the names of their files.
const BUILTIN: &[(&str, &str)] = &[
    (
        "ca-2023-10.toml",
        include_str!("../data/directives/ca-2023-10.toml"),
    ),
    (
        "tx-2022.toml",
        include_str!("../data/directives/tx-2022.toml"),
    ),
    (
        "us-bis-icts-2021-002.toml",
        include_str!("../data/directives/us-bis-icts-2021-002.toml"),
    ),
    (
        "us-bod-17-01.toml",
        include_str!("../data/directives/us-bod-17-01.toml"),
    ),
    (
        "us-far-52204-23.toml",
        include_str!("../data/directives/us-far-52204-23.toml"),
    ),
    (
        "us-far-52204-27.toml",
        include_str!("../data/directives/us-far-52204-27.toml"),
    ),
    (
        "us-ndaa-1634.toml",
        include_str!("../data/directives/us-ndaa-1634.toml"),
    ),
    (
        "us-ndaa-889.toml",
        include_str!("../data/directives/us-ndaa-889.toml"),
    ),
    (
        "us-omb-m-23-13.toml",
        include_str!("../data/directives/us-omb-m-23-13.toml"),
    ),
    (
        "us-tiktok-act.toml",
        include_str!("../data/directives/us-tiktok-act.toml"),
    ),
];

/// Most directives that can be chosen from, compiled in or of a folder.
pub const MAX_FILES: usize = 64;
/// Most directives that are in force at once. Each is a label value.
pub const MAX_CHOSEN: usize = 8;
/// Most vendors of a directive. Pairs of a directive in force and a vendor are label values: at
/// most 256.
pub const MAX_VENDORS: usize = 32;
/// Most milestones of a directive.
pub const MAX_MILESTONES: usize = 32;
/// Most elements of the reports that a directive asks for.
pub const MAX_ELEMENTS: usize = 64;

words! {
    /// A step on the way to be rid of a vendor.
    Step {
        /// It is known where the vendor's products are.
        Identify = "identify",
        /// There is a plan to remove them.
        Plan = "plan",
        /// Removal begins.
        Begin = "begin",
        /// Nothing of the vendor is used any more.
        Complete = "complete",
    }
}

words! {
    /// A kind of finding that a directive counts or does not.
    Countable {
        /// Something of the vendor was contacted, and nothing tells by what.
        Contact = "contact",
        /// A product is probably on the host.
        Likely = "likely",
        /// A product is on the host.
        Installed = "installed",
        /// A product is on the host and exchanges data with the vendor.
        InstalledActive = "installed-active",
        /// A management server of the vendor.
        Manager = "manager",
        /// Another company's product with the vendor's engine.
        Embedded = "embedded",
        /// An installer was fetched, and nothing more is known.
        Download = "download",
        /// Web sites of the vendor were read.
        Browsing = "browsing",
        /// Parts of the vendor in pages and apps of other companies.
        Embeds = "embeds",
    }
}

impl Countable {
    /// Those that a profile lists as `verdicts`; the others have a key each.
    pub const VERDICTS: &'static [Self] = &[
        Self::Contact,
        Self::Likely,
        Self::Installed,
        Self::InstalledActive,
        Self::Manager,
    ];
}

words! {
    /// What can fill in an element of a report.
    Filler {
        /// Only the people of the organisation.
        Operator = "operator",
        /// The sensor: which products were found.
        Products = "products",
        /// The sensor: how many endpoints have each.
        Endpoints = "endpoints",
        /// The sensor: how it looked, and what it could not see.
        Methods = "methods",
        /// The sensor in part: which networks are affected; people know whose they are.
        Networks = "networks",
        /// The sensor in part: how removal goes; people know the plan.
        Timeline = "timeline",
        /// The sensor in part: what the products were used for, by their traffic.
        Uses = "uses",
        /// The sensor in part: what makes removal hard to do or to see.
        Challenges = "challenges",
    }
}

words! {
    /// How well a fact about a directive is founded.
    Authority {
        /// The text itself was read, or an official site quotes it.
        Primary = "primary",
        /// Two or more secondary sources agree.
        Secondary = "secondary",
        /// One secondary source.
        Single = "single",
        /// Believed true; no source was found.
        Unverified = "unverified",
    }
}

/// A legal instrument with dates, vendors, and what counts under it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Directive {
    /// Its id: `us-bod-17-01`. Lower-case letters, digits and single hyphens.
    pub id: String,
    /// What people call it, in few words: `BOD 17-01`.
    pub name: String,
    /// Who issued it.
    pub issuer: String,
    /// Its full title.
    pub title: String,
    /// The day of issue.
    pub date: Day,
    /// Whom it binds, and which systems it is about.
    pub scope: String,
    /// The vendors that it covers, by the ids of their packs, in alphabetical order.
    pub vendors: Vec<String>,
    /// Which findings count.
    pub profile: Profile,
    /// Its dates, in their order.
    pub milestones: Vec<Milestone>,
    /// What the reports that it asks for must contain, in the order of the file; empty if it names
    /// nothing.
    pub elements: Vec<Element>,
    /// Where all this is written.
    pub citations: Vec<Citation>,
}

/// Which findings count under a directive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Profile {
    /// The kinds that count, in the order of their declaration.
    pub counts: Vec<Countable>,
    /// A finding whose products are all among these does not count.
    pub excluded_products: Vec<String>,
    /// A finding whose categories are all among these does not count.
    pub excluded_categories: Vec<Category>,
    /// Why it counts what it counts: how the instrument was read.
    pub reading: String,
}

/// A date of a directive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Milestone {
    /// The step that is due; `None` for a date that is about none of the four.
    pub step: Option<Step>,
    /// The last day for it, or the day on which it takes effect.
    pub date: Day,
    /// What is due, or takes effect.
    pub text: String,
}

/// Something that a report under a directive must contain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Element {
    /// The step whose report it belongs to.
    pub step: Step,
    /// How the directive numbers it: `a`.
    pub letter: String,
    /// What has to be told.
    pub text: String,
    /// What can tell it.
    pub filler: Filler,
}

/// A document that a directive cites.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Citation {
    /// The citation.
    pub text: String,
    /// Where it can be read.
    pub url: Option<String>,
    /// Its date, or when it was read.
    pub date: Option<String>,
    /// How well it founds what it is cited for.
    pub authority: Authority,
}

impl Directive {
    /// Reads and checks a directive. `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// All that is wrong, by line.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<FileError>> {
        document::read(file, text, "directive", read::directive)?.ok_or_else(Vec::new)
    }

    /// The day for a step; `None` if the directive sets none.
    #[must_use]
    pub fn day_for(&self, step: Step) -> Option<Day> {
        let milestone = self.milestones.iter().find(|it| it.step == Some(step))?;
        Some(milestone.date)
    }

    /// Whether it covers a vendor, by the id of its pack.
    #[must_use]
    pub fn covers(&self, vendor: &str) -> bool {
        self.vendors
            .binary_search_by(|it| it.as_str().cmp(vendor))
            .is_ok()
    }
}

/// Directives in the order of their ids: those that there are, or those that are in force.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Directives {
    list: Vec<Directive>,
}

/// Why directives cannot be put in force.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ChooseError {
    /// There are none with these ids.
    #[error("unknown directives: {}; known are {}", .unknown.join(", "), .known.join(", "))]
    Unknown {
        /// The ids that are unknown.
        unknown: Vec<String>,
        /// The ids that there are.
        known: Vec<String>,
    },
    /// They are more than can be in force at once.
    #[error("{0} directives; at most {MAX_CHOSEN} can be in force at once")]
    TooMany(usize),
}

impl Directives {
    /// The directives that are compiled in.
    ///
    /// # Errors
    ///
    /// All that is wrong in them; a test sees to it that nothing is.
    pub fn builtin() -> Result<Self, Vec<FileError>> {
        Self::from_files(BUILTIN)
    }

    /// The directives given as pairs of a file name, which errors name, and a text.
    ///
    /// # Errors
    ///
    /// All that is wrong in any of them.
    pub fn from_files(files: &[(&str, &str)]) -> Result<Self, Vec<FileError>> {
        let mut read: BTreeMap<String, (&str, Directive)> = BTreeMap::new();
        let mut errors = Vec::new();
        let wrong = |file: &str, message| FileError {
            file: file.to_owned(),
            line: 1,
            message,
        };
        for (file, text) in files {
            match Directive::read(file, text) {
                Err(mut wrong) => errors.append(&mut wrong),
                Ok(directive) => {
                    if let Some((first, _)) = read.get(&directive.id) {
                        let id = &directive.id;
                        let message =
                            format!("directive: {first} has the id `{id}` too; change one");
                        errors.push(wrong(file, message));
                    }
                    read.insert(directive.id.clone(), (file, directive));
                }
            }
        }
        if let Some((file, _)) = files.get(MAX_FILES) {
            let message = format!("there are more than {MAX_FILES} directives");
            errors.push(wrong(file, message));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let list = read.into_values().map(|(_, directive)| directive).collect();
        Ok(Self { list })
    }

    /// The directives of a folder: every file `*.toml` in it.
    ///
    /// One with the id of a directive that is compiled in replaces it; the others come on top.
    ///
    /// # Errors
    ///
    /// [`LoadError::Read`] for the first file that cannot be read, and [`LoadError::Wrong`] with
    /// all that is wrong in the directives.
    pub fn load(dir: &Path, base: Base) -> Result<Self, LoadError> {
        let files = document::read_folder(dir, MAX_FILES)?;
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(file, text)| (file.as_str(), text.as_str()))
            .collect();
        let mut own = Self::from_files(&files).map_err(LoadError::Wrong)?;
        if base == Base::Builtin {
            let builtin = Self::builtin().map_err(LoadError::Wrong)?.list;
            let kept: Vec<Directive> = builtin
                .into_iter()
                .filter(|it| own.by_id(&it.id).is_none())
                .collect();
            own.list.extend(kept);
            own.list.sort_by(|a, b| a.id.cmp(&b.id));
        }
        Ok(own)
    }

    /// Those with these ids, to be put in force. An id may be given twice.
    ///
    /// # Errors
    ///
    /// [`ChooseError`] with all ids that are unknown, or if they are too many.
    pub fn choose<S: AsRef<str>>(&self, ids: &[S]) -> Result<Self, ChooseError> {
        let mut list: Vec<Directive> = Vec::new();
        let mut unknown = Vec::new();
        for id in ids.iter().map(AsRef::as_ref) {
            match self.by_id(id) {
                None => unknown.push(id.to_owned()),
                Some(directive) if list.contains(directive) => {}
                Some(directive) => list.push(directive.clone()),
            }
        }
        if !unknown.is_empty() {
            let known = self.list.iter().map(|it| it.id.clone()).collect();
            return Err(ChooseError::Unknown { unknown, known });
        }
        if list.len() > MAX_CHOSEN {
            return Err(ChooseError::TooMany(list.len()));
        }
        list.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(Self { list })
    }

    /// All of them, in the order of their ids.
    #[must_use]
    pub fn list(&self) -> &[Directive] {
        &self.list
    }

    /// The directive with that id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Directive> {
        let at = self
            .list
            .binary_search_by(|it| it.id.as_str().cmp(id))
            .ok()?;
        self.list.get(at)
    }

    /// What whoever puts them in force should know, a sentence each: vendors without a pack, which
    /// have no findings, and exclusions that fit nothing.
    #[must_use]
    pub fn notes(&self, catalogue: &Catalogue) -> Vec<String> {
        let mut notes = Vec::new();
        for directive in &self.list {
            let id = &directive.id;
            let missing: Vec<&str> = directive
                .vendors
                .iter()
                .map(String::as_str)
                .filter(|it| catalogue.vendor_by_id(it).is_none())
                .collect();
            if !missing.is_empty() {
                notes.push(format!(
                    "directive {id}: no pack is loaded for {}; nothing can be found of it",
                    missing.join(", ")
                ));
            }
            for product in &directive.profile.excluded_products {
                let mut signatures = catalogue.signatures();
                if !signatures.any(|it| it.product.as_deref() == Some(product)) {
                    notes.push(format!(
                        "directive {id}: no signature names the excluded product `{product}`"
                    ));
                }
            }
        }
        notes
    }
}

#[cfg(test)]
mod tests;
