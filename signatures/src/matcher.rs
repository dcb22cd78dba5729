//! The index that claims names: built once from all patterns, asked once for each name seen.
//!
//! Names are read from the right. Every pattern ends in two fixed labels, and a small bit filter
//! knows the suffixes, of two labels or more, that patterns end in: the last two labels turn most
//! names away with one hash and one memory access. The others walk a hash table of these suffixes,
//! one label more at each step, and stop at the first that no pattern ends in; the filter spares
//! the table most of these last steps, as under `co.uk`. A claim allocates nothing.
//!
//! Hashes have a fixed seed. That is safe because only packs fill the table; names from the wire
//! can at worst hit an entry that is then compared and refused.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;
use hashbrown::HashTable;

use crate::name;
use crate::pattern::{Glob, Pattern};
use crate::service::{PortRange, Service};
use crate::signature::SignatureId;

/// Any number; fixed, so that two runs do the same work.
const SEED: u64 = 0x70_68_6f_6e_65_68_6f_6d;
/// Bits of the filter for each suffix in the table: 1 to 3 % of the others pass.
const BITS_PER_SUFFIX: usize = 16;
/// Smallest filter in 64-bit words: 4 KiB.
const LEAST_WORDS: usize = 512;

/// A pattern of a signature, on its way into the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule<'a> {
    pub(crate) pattern: &'a Pattern,
    /// Ports the signature is limited to; empty for any.
    pub(crate) ports: &'a [PortRange],
    pub(crate) signature: SignatureId,
}

/// The compiled patterns of a catalogue.
#[derive(Debug)]
pub(crate) struct Matcher {
    filter: Filter,
    /// All suffixes of two labels or more that patterns have, by their text.
    nodes: HashTable<Node>,
    /// The texts of the nodes, one after the other.
    text: Vec<u8>,
    rows: Vec<Row>,
    globs: Vec<(Glob, Row)>,
    ports: Vec<PortRange>,
    /// Whether any row has port limits.
    limited: bool,
}

/// A piece of one of the vectors of the matcher.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    len: u32,
}

/// A suffix of whole labels, and the rows of the patterns that have it as their fixed part.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    text: Span,
    exact: Span,
    suffix: Span,
    globs: Span,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    ports: Span,
    signature: SignatureId,
}

/// Which rows take part in a search.
#[derive(Clone, Copy)]
enum Fits {
    /// Rows without port limits, and those whose limits hold the service.
    On(Service),
    /// Rows without port limits.
    Unlimited,
    /// Rows with port limits, whatever these are.
    Limited,
}

impl Default for Matcher {
    fn default() -> Self {
        Self::build(&[])
    }
}

impl Matcher {
    /// Compiles patterns. Of two that rank alike the one with the lower id wins.
    ///
    /// There must be fewer than 2^32 octets of fixed parts; the bounds of packs see to that. What
    /// goes beyond is left out.
    pub(crate) fn build(rules: &[Rule<'_>]) -> Self {
        let mut rules = rules.to_vec();
        // By fixed part; then as a search tries them: exact, globs with the most literal octets
        // first, suffixes; of those, limited before unlimited; then by id.
        rules.sort_by_cached_key(|rule| {
            let (kind, literals) = match rule.pattern {
                Pattern::Exact(_) => (0, 0),
                Pattern::Glob(glob) => (1, glob.before.len() + glob.after.len()),
                Pattern::Suffix(_) => (2, 0),
            };
            let literals = std::cmp::Reverse(literals);
            (
                rule.pattern.fixed(),
                kind,
                literals,
                rule.ports.is_empty(),
                rule.signature,
            )
        });

        let mut matcher = Self {
            filter: Filter::default(),
            nodes: HashTable::with_capacity(rules.len()),
            text: Vec::new(),
            rows: Vec::with_capacity(rules.len()),
            globs: Vec::new(),
            ports: Vec::new(),
            limited: rules.iter().any(|rule| !rule.ports.is_empty()),
        };
        for group in rules.chunk_by(|a, b| a.pattern.fixed() == b.pattern.fixed()) {
            matcher.add(group);
        }
        let hashes: Vec<u64> = matcher
            .nodes
            .iter()
            .map(|node| hash(matcher.text_of(node)))
            .collect();
        matcher.filter = Filter::new(&hashes);
        matcher
    }

    /// Gives signatures other numbers. What claims a name stays the same.
    pub(crate) fn renumber(&mut self, number_of: impl Fn(SignatureId) -> SignatureId) {
        let globs = self.globs.iter_mut().map(|(_, row)| row);
        for row in self.rows.iter_mut().chain(globs) {
            row.signature = number_of(row.signature);
        }
    }

    /// Adds the rules of one fixed part, in the order of their rank.
    fn add(&mut self, group: &[Rule<'_>]) {
        let Some(fixed) = group.first().map(|rule| rule.pattern.fixed()) else {
            return;
        };
        let (first_row, first_glob) = (self.rows.len(), self.globs.len());
        let mut exact = 0;
        for rule in group {
            let start = self.ports.len();
            self.ports.extend_from_slice(rule.ports);
            let Some(ports) = span(start, rule.ports.len()) else {
                return;
            };
            let row = Row {
                ports,
                signature: rule.signature,
            };
            match rule.pattern {
                Pattern::Exact(_) => {
                    self.rows.push(row);
                    exact += 1;
                }
                Pattern::Suffix(_) => self.rows.push(row),
                Pattern::Glob(glob) => self.globs.push((glob.clone(), row)),
            }
        }
        let spans = (
            span(first_row, exact),
            span(first_row + exact, self.rows.len() - first_row - exact),
            span(first_glob, self.globs.len() - first_glob),
        );
        let (Some(exact), Some(suffix), Some(globs)) = spans else {
            return;
        };
        if let Some(node) = self.node_mut(fixed) {
            (node.exact, node.suffix, node.globs) = (exact, suffix, globs);
        }
        // The walk of a name comes along all suffixes of the fixed part.
        let mut rest = fixed;
        while let Some((_, parent)) = rest.split_once('.') {
            if !parent.contains('.')
                || self
                    .find(hash(parent.as_bytes()), parent.as_bytes())
                    .is_some()
            {
                break;
            }
            self.node_mut(parent);
            rest = parent;
        }
    }

    /// The node of a suffix, made if there is none.
    fn node_mut(&mut self, suffix: &str) -> Option<&mut Node> {
        let suffix = suffix.as_bytes();
        let hash_of = hash(suffix);
        if self.find(hash_of, suffix).is_none() {
            let text = span(self.text.len(), suffix.len())?;
            self.text.extend_from_slice(suffix);
            let text_of = |node: &Node| piece(&self.text, node.text);
            self.nodes.insert_unique(
                hash_of,
                Node {
                    text,
                    ..Node::default()
                },
                |n| hash(text_of(n)),
            );
        }
        let text = &self.text;
        self.nodes
            .find_mut(hash_of, |node| piece(text, node.text) == suffix)
    }

    #[inline]
    fn find(&self, hash: u64, suffix: &[u8]) -> Option<&Node> {
        self.nodes.find(hash, |node| self.text_of(node) == suffix)
    }

    fn text_of(&self, node: &Node) -> &[u8] {
        piece(&self.text, node.text)
    }

    /// The signature that claims a normalised name.
    #[inline]
    pub(crate) fn claim(&self, name: &str, service: Service) -> Option<SignatureId> {
        let octets = name.as_bytes();
        if octets.len() > name::MAX_NAME {
            return None;
        }
        let tail = last_two_labels(octets)?;
        let hash = hash(octets.get(tail..)?);
        if !self.filter.may_hold(hash) {
            return None;
        }
        self.search(name, tail, hash, service)
    }

    #[inline(never)]
    fn search(&self, name: &str, tail: usize, hash: u64, service: Service) -> Option<SignatureId> {
        let octets = name.as_bytes();
        let claimed = match service {
            Service::Tcp(_) | Service::Udp(_) => self.best(octets, tail, hash, Fits::On(service)),
            Service::Dns => self.best(octets, tail, hash, Fits::Unlimited).or_else(|| {
                self.limited
                    .then(|| self.best(octets, tail, hash, Fits::Limited))
                    .flatten()
            }),
        };
        // Last, because few names come as far as this.
        claimed.filter(|_| name::is_plain(name))
    }

    /// Walks the suffixes of a name from the last two labels on, while patterns have them.
    fn best(&self, name: &[u8], tail: usize, hash_of: u64, fits: Fits) -> Option<SignatureId> {
        let (mut glob, mut suffix) = (None, None);
        let (mut start, mut hash_of) = (tail, hash_of);
        while self.filter.may_hold(hash_of)
            && let Some(node) = self.find(hash_of, name.get(start..)?)
        {
            suffix = self.pick(node.suffix, fits).or(suffix);
            if start == 0 {
                if let Some(exact) = self.pick(node.exact, fits) {
                    return Some(exact);
                }
                break;
            }
            if node.globs.len > 0 {
                glob = self.pick_glob(node.globs, name, start, fits).or(glob);
            }
            start = label_before(name, start);
            hash_of = hash(name.get(start..)?);
        }
        glob.or(suffix)
    }

    fn pick(&self, rows: Span, fits: Fits) -> Option<SignatureId> {
        piece(&self.rows, rows)
            .iter()
            .find(|row| self.fits(row, fits))
            .map(|row| row.signature)
    }

    /// The first of the globs that fits a name whose part from `start` on is their fixed part.
    fn pick_glob(&self, globs: Span, name: &[u8], start: usize, fits: Fits) -> Option<SignatureId> {
        let first = name
            .split(|&octet| octet == b'.')
            .next()
            .unwrap_or_default();
        let directly = first.len() + 1 == start;
        piece(&self.globs, globs)
            .iter()
            .find(|(glob, row)| {
                (directly || glob.deep) && glob.fits_first(first) && self.fits(row, fits)
            })
            .map(|(_, row)| row.signature)
    }

    fn fits(&self, row: &Row, fits: Fits) -> bool {
        let ports = piece(&self.ports, row.ports);
        match fits {
            Fits::On(service) => ports.is_empty() || ports.iter().any(|range| range.holds(service)),
            Fits::Unlimited => ports.is_empty(),
            Fits::Limited => !ports.is_empty(),
        }
    }
}

/// A set of hashes that may answer yes for one that is not in it. Two bits in one word each.
#[derive(Debug)]
struct Filter {
    /// A power of two of them.
    words: Box<[u64]>,
}

impl Default for Filter {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Filter {
    fn new(hashes: &[u64]) -> Self {
        let words = (hashes.len() * BITS_PER_SUFFIX / 64)
            .next_power_of_two()
            .max(LEAST_WORDS);
        let mut filter = Self {
            words: vec![0; words].into_boxed_slice(),
        };
        for &hash in hashes {
            let at = filter.word_of(hash);
            if let Some(word) = filter.words.get_mut(at) {
                *word |= bits(hash);
            }
        }
        filter
    }

    #[inline]
    fn may_hold(&self, hash: u64) -> bool {
        let bits = bits(hash);
        self.words
            .get(self.word_of(hash))
            .is_some_and(|word| word & bits == bits)
    }

    #[inline]
    fn word_of(&self, hash: u64) -> usize {
        // The table uses the lowest and the topmost bits; these are of its own.
        (hash >> 20) as usize & (self.words.len() - 1)
    }
}

#[inline]
fn bits(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63)
}

#[inline]
fn hash(octets: &[u8]) -> u64 {
    let mut hasher = FixedState::with_seed(SEED).build_hasher();
    hasher.write(octets);
    hasher.finish()
}

/// Where the last two labels of a name start. `None` if it has only one.
///
/// Looks at 16 octets at a time: this search is most of the work on a name that nothing claims.
#[inline]
fn last_two_labels(name: &[u8]) -> Option<usize> {
    let mut rest = name;
    let mut last_seen = false;
    while let Some((left, window)) = rest.split_last_chunk::<16>() {
        let mut dots = dots(u128::from_le_bytes(*window));
        if !last_seen && dots != 0 {
            dots ^= 1 << (127 - dots.leading_zeros());
            last_seen = true;
        }
        if dots != 0 {
            return Some(left.len() + (127 - dots.leading_zeros()) as usize / 8 + 1);
        }
        rest = left;
    }
    if !last_seen {
        rest = rest.get(..rest.iter().rposition(|&octet| octet == b'.')?)?;
    }
    Some(
        rest.iter()
            .rposition(|&octet| octet == b'.')
            .map_or(0, |dot| dot + 1),
    )
}

/// The top bit of each octet of `word` that is a dot; no others.
#[inline]
const fn dots(word: u128) -> u128 {
    const LOW_BITS: u128 = u128::from_ne_bytes([0x7f; 16]);
    let zeros = word ^ u128::from_ne_bytes([b'.'; 16]);
    // The sum reaches the top bit of an octet if any lower bit is set, and carries no further.
    !(((zeros & LOW_BITS) + LOW_BITS) | zeros | LOW_BITS)
}

/// Where the label to the left of the one at `start` starts; `start` is not zero.
#[inline]
fn label_before(name: &[u8], start: usize) -> usize {
    let left = name.get(..start.saturating_sub(1)).unwrap_or_default();
    left.iter()
        .rposition(|&octet| octet == b'.')
        .map_or(0, |dot| dot + 1)
}

fn span(start: usize, len: usize) -> Option<Span> {
    Some(Span {
        start: u32::try_from(start).ok()?,
        len: u32::try_from(len).ok()?,
    })
}

fn piece<T>(all: &[T], span: Span) -> &[T] {
    let start = span.start as usize;
    all.get(start..start + span.len as usize)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
