//! Public resolvers: who answers DNS for anyone, by address and by name.
//!
//! They are data with sources, read from a TOML file that is compiled in, as packs are. A question to
//! one in clear passes the resolver of the site by; a TLS hello to one hides questions. Nobody is
//! accused: to ask a public resolver is what many systems are set to do.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use foldhash::quality::FixedState;
use hashbrown::HashMap;

use crate::day::Day;
use crate::document::{self, FileError, Report, Table, check_id, shown};
use crate::name;
use crate::pack;
use crate::pattern::{self, Pattern};
use crate::signature::Source;

/// The list that is compiled in, and the name of its file.
const BUILTIN: (&str, &str) = ("resolvers.toml", include_str!("../data/resolvers.toml"));

/// Most resolvers of a list.
pub const MAX_RESOLVERS: usize = 1_000;
/// Most addresses and names of one resolver.
const MAX_ENTRIES: usize = 1_000;

/// A list of public resolvers, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Resolvers {
    date: String,
    list: Vec<Resolver>,
    /// All addresses as [`number_of`] has them, sorted.
    addresses: Vec<u128>,
    /// The fixed part of each pattern, and how far it reaches.
    names: HashMap<Box<str>, Reach, FixedState>,
    sieve: Sieve,
}

/// Length and first octet of the fixed parts there are. Most parts of other names differ in these, and
/// need not be looked for.
#[derive(Clone, Debug, Default)]
struct Sieve([u32; 32]);

impl Sieve {
    fn add(&mut self, part: &str) {
        let (row, bit) = Self::place(part);
        self.0[row] |= bit;
    }

    fn may_hold(&self, part: &str) -> bool {
        let (row, bit) = Self::place(part);
        self.0[row] & bit != 0
    }

    fn place(part: &str) -> (usize, u32) {
        let first = part.bytes().next().unwrap_or_default();
        (part.len() % 32, 1 << (first % 32))
    }
}

/// A public resolver.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resolver {
    /// Its id in the list.
    pub id: String,
    /// Who runs it, for people.
    pub operator: String,
    /// Addresses at which it answers, in clear or encrypted.
    pub addresses: Vec<IpAddr>,
    /// Names at which it answers encrypted.
    pub names: Vec<Pattern>,
    /// Where that is written.
    pub sources: Vec<Arc<Source>>,
}

/// Which names a fixed part stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reach {
    /// The name itself.
    Itself,
    /// The name and all below it.
    AllBelow,
}

impl Resolvers {
    /// The list that is compiled in.
    ///
    /// # Errors
    ///
    /// All that is wrong in it; a test sees to it that nothing is.
    pub fn builtin() -> Result<Self, Vec<FileError>> {
        Self::read(BUILTIN.0, BUILTIN.1)
    }

    /// Reads a list. `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// All that is wrong, by line.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<FileError>> {
        document::read(file, text, "resolvers", read_document)
    }

    /// The day of the list, as `2026-01-31`.
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// All resolvers, in the order of the file.
    #[must_use]
    pub fn list(&self) -> &[Resolver] {
        &self.list
    }

    /// Whether an address is one of a public resolver.
    #[must_use]
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.binary_search(&number_of(address)).is_ok()
    }

    /// Whether a normalised name is one of a public resolver. A name with an escape in it is none.
    #[must_use]
    pub fn has_name(&self, name: &str) -> bool {
        let mut part = name;
        loop {
            if self.sieve.may_hold(part)
                && let Some(reach) = self.names.get(part)
                && (*reach == Reach::AllBelow || part.len() == name.len())
            {
                return name::is_plain(name);
            }
            match part.bytes().position(|it| it == b'.') {
                Some(dot) => part = &part[dot + 1..],
                None => return false,
            }
        }
    }

    fn add(&mut self, resolver: Resolver) {
        let addresses = resolver.addresses.iter();
        self.addresses.extend(addresses.map(|it| number_of(*it)));
        for pattern in &resolver.names {
            let reach = match pattern {
                Pattern::Suffix(_) => Reach::AllBelow,
                Pattern::Exact(_) | Pattern::Glob(_) => Reach::Itself,
            };
            self.sieve.add(pattern.fixed());
            self.names.insert(pattern.fixed().into(), reach);
        }
        self.list.push(resolver);
    }
}

/// An address as a number; of IPv4 that of the mapped address (RFC 4291 section 2.5.5.2).
fn number_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(it) => it.to_ipv6_mapped().to_bits(),
        IpAddr::V6(it) => it.to_bits(),
    }
}

fn read_document(document: &Table<'_>, report: &mut Report<'_>) -> Resolvers {
    document.only(&["date", "source", "resolver"], report);
    let mut resolvers = Resolvers::default();
    if let Some(date) = document.text("date", "write `date = \"2026-01-31\"`", report) {
        if let Err(right) = Day::from_str(date.value) {
            let found = shown(date.value);
            report.wrong(&date.span, format!("resolvers: `date` is {found}; {right}"));
        }
        date.value.clone_into(&mut resolvers.date);
    }
    let sources = pack::read_sources(document, report);
    let tables = document.tables("resolver", report);
    if tables.is_empty() {
        report.wrong_on(1, "resolvers: it has no [[resolver]]; write at least one");
    }
    if let Some(beyond) = tables.get(MAX_RESOLVERS) {
        let message = format!("resolvers: it has more than {MAX_RESOLVERS} of them");
        report.wrong(beyond.span(), message);
    }
    let mut known = Known::default();
    for table in tables.into_iter().take(MAX_RESOLVERS) {
        let read = resolver(table, &sources, &mut known, report);
        resolvers.list.extend(read);
    }
    for resolver in std::mem::take(&mut resolvers.list) {
        resolvers.add(resolver);
    }
    resolvers.addresses.sort_unstable();
    // Examples of a list with faults would only repeat them.
    if report.is_clean() {
        for (line, example, expected) in known.examples {
            if resolvers.has_name(&example) != expected {
                let message = if expected {
                    format!("example {example}: no resolver has that name")
                } else {
                    format!("counterexample {example}: a resolver has that name")
                };
                report.wrong_on(line, message);
            }
        }
    }
    resolvers
}

/// What the resolvers so far have, so that none has it twice.
#[derive(Debug, Default)]
struct Known {
    ids: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    names: BTreeSet<String>,
    /// Line and text of each example, and whether it is one of a resolver.
    examples: Vec<(usize, String, bool)>,
}

/// Reads a resolver; what is wrong in it is reported, and the resolver then left out.
fn resolver(
    mut table: Table<'_>,
    sources: &BTreeMap<u32, Arc<Source>>,
    known: &mut Known,
    report: &mut Report<'_>,
) -> Option<Resolver> {
    const KEYS: &[&str] = &[
        "id",
        "operator",
        "addresses",
        "exact",
        "suffix",
        "sources",
        "examples",
        "counterexamples",
    ];
    let id = table.text("id", "write `id = \"operator\"`", report);
    if let Some(id) = &id {
        check_id("id", id, &table, report);
        table.title = format!("resolver {}", shown(id.value));
        if !known.ids.insert(id.value.to_owned()) {
            let message = format!("{}: another has that id; change one", table.title);
            report.wrong(&id.span, message);
        }
    }
    table.only(KEYS, report);
    let operator = table.text("operator", "write who runs it", report);
    let addresses = addresses(&table, known, report);
    let names = names(&table, known, report);
    if addresses.is_empty() && names.is_empty() {
        let message = format!(
            "{}: it has neither `addresses` nor `exact` nor `suffix`; write what it is known by",
            table.title
        );
        report.wrong(table.span(), message);
    }
    if addresses.len() > MAX_ENTRIES || names.len() > MAX_ENTRIES {
        let message = format!(
            "{}: it has more than {MAX_ENTRIES} addresses or names",
            table.title
        );
        report.wrong(table.span(), message);
    }
    if table.is_without("sources") {
        let message = format!(
            "{}: `sources` is empty; cite a [[source]] as in `sources = [1]`",
            table.title
        );
        report.wrong(table.span(), message);
    }
    let sources = pack::cited(&table, sources, report);
    let has_example = examples(&table, known, report);
    if !names.is_empty() && !has_example {
        let message = format!("{}: `examples` is empty; write a name of it", table.title);
        report.wrong(table.span(), message);
    }
    Some(Resolver {
        id: id?.value.to_owned(),
        operator: operator?.value.to_owned(),
        addresses,
        names,
        sources,
    })
}

fn addresses(table: &Table<'_>, known: &mut Known, report: &mut Report<'_>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for text in table.texts("addresses", report) {
        let (title, found) = (&table.title, shown(text.value));
        match text.value.parse() {
            Err(_) => {
                let message = format!(
                    "{title}: `addresses` holds {found}; write an address, as in \"192.0.2.1\""
                );
                report.wrong(&text.span, message);
            }
            Ok(address) if !known.addresses.insert(address) => {
                let message = format!("{title}: `addresses` holds {found} twice, or another does");
                report.wrong(&text.span, message);
            }
            Ok(address) => addresses.push(address),
        }
    }
    addresses
}

fn names(table: &Table<'_>, known: &mut Known, report: &mut Report<'_>) -> Vec<Pattern> {
    type Read = fn(&str) -> Result<Pattern, String>;
    let kinds: [(&str, Read); 2] = [("exact", pattern::exact), ("suffix", pattern::suffix)];
    let mut names = Vec::new();
    for (key, read) in kinds {
        for text in table.texts(key, report) {
            let (title, found) = (&table.title, shown(text.value));
            match read(text.value) {
                Err(wrong) => {
                    report.wrong(&text.span, format!("{title}: {key} {found}: {wrong}"));
                }
                Ok(_) if !known.names.insert(text.value.to_owned()) => {
                    let message = format!("{title}: {key} {found}: it is there already");
                    report.wrong(&text.span, message);
                }
                Ok(pattern) => names.push(pattern),
            }
        }
    }
    names
}

/// Reads examples and counterexamples; gives whether there is an example.
fn examples(table: &Table<'_>, known: &mut Known, report: &mut Report<'_>) -> bool {
    let mut has_example = false;
    for (key, expected) in [("examples", true), ("counterexamples", false)] {
        for text in table.texts(key, report) {
            has_example |= expected;
            let line = report.line(text.span.start);
            match name::check(text.value) {
                Ok(()) => known.examples.push((line, text.value.to_owned(), expected)),
                Err(wrong) => {
                    let (title, found) = (&table.title, shown(text.value));
                    report.wrong(&text.span, format!("{title}: {key} {found}: {wrong}"));
                }
            }
        }
    }
    has_example
}

#[cfg(test)]
mod tests;
