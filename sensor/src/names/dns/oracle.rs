//! Tests against `domain`, which reads DNS on its own.

use std::collections::HashMap;

use domain::base::iana::{Class, Rtype};
use domain::base::{Message as Oracle, ParsedName, ToName};
use domain::rdata::svcb::SvcbRdata;
use domain::rdata::{A, Aaaa, Cname, Https, Svcb};
use proptest::prelude::*;

use super::samples::ALL;
use super::*;

proptest! {
    #[test]
    fn messages_are_read_as_the_oracle_reads_them(model in model()) {
        let octets = model.octets();
        let ours = message(&octets).unwrap();
        let theirs = Oracle::from_octets(&octets[..]).unwrap();
        prop_assert_eq!(ours.id(), theirs.header().id());
        prop_assert_eq!(ours.is_response(), theirs.header().qr());
        prop_assert_eq!(ours.opcode(), theirs.header().opcode().to_int());
        prop_assert_eq!(ours.rcode(), theirs.header().rcode().to_int());
        prop_assert_eq!(ours.is_truncated(), theirs.header().tc());
        let facts = our_facts(&octets);
        prop_assert_eq!(facts.len(), model.questions.len() + model.answers.len());
        prop_assert!(facts.iter().all(Option::is_some));
        prop_assert_eq!(facts, their_facts(&octets));
    }

    /// Of a damaged message both read the same, up to the first thing that either refuses.
    #[test]
    fn damaged_messages_are_read_as_the_oracle_reads_them(
        model in model(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut octets = model.octets();
        // The header stays, so that both read the same sections.
        let body = octets.len() - HEADER_LEN;
        for (at, value) in damage {
            if body > 0 {
                octets[HEADER_LEN + at.index(body)] = value;
            }
        }
        octets.truncate(octets.len() - cut.index(body + 1) / 4);
        agree(&octets)?;
    }
}

#[test]
fn samples_with_any_octet_changed_are_read_as_the_oracle_reads_them() {
    for sample in ALL {
        for at in HEADER_LEN..sample.len() {
            for value in 0..=u8::MAX {
                let mut octets = sample.to_vec();
                octets[at] = value;
                agree(&octets).unwrap();
            }
        }
    }
}

/// Compares what stands before the first thing that either cannot read.
fn agree(octets: &[u8]) -> Result<(), TestCaseError> {
    let ours = our_facts(octets);
    let theirs = their_facts(octets);
    for (number, (our, their)) in ours.iter().zip(&theirs).enumerate() {
        if our.is_none() || their.is_none() {
            break;
        }
        prop_assert_eq!(our, their, "item {} of {:02x?}", number, octets);
    }
    Ok(())
}

/// What a question or record says; names as labels in lower case.
#[derive(Debug, Eq, PartialEq)]
struct Fact {
    name: Labels,
    rtype: u16,
    class: u16,
    ttl: u32,
    data: Data,
}

type Labels = Vec<Vec<u8>>;

#[derive(Debug, Eq, PartialEq)]
enum Data {
    Question,
    A([u8; 4]),
    Aaaa([u8; 16]),
    Cname(Labels),
    Https(u16, Labels, Option<Vec<u8>>),
    Other,
    Malformed,
}

/// All questions and records, `None` for what cannot be read.
fn our_facts(octets: &[u8]) -> Vec<Option<Fact>> {
    let message = message(octets).unwrap();
    let questions = message.questions().map(|it| {
        let it = it.ok()?;
        Some(Fact {
            name: our_labels(it.name)?,
            rtype: it.qtype,
            class: it.qclass,
            ttl: 0,
            data: Data::Question,
        })
    });
    let answers = message.answers().map(|it| {
        let it = it.ok()?;
        Some(Fact {
            name: our_labels(it.owner)?,
            rtype: it.rtype,
            class: it.class,
            ttl: it.ttl,
            data: our_data(it.data)?,
        })
    });
    questions.chain(answers).collect()
}

fn our_data(data: RecordData<'_>) -> Option<Data> {
    Some(match data {
        RecordData::A(address) => Data::A(address),
        RecordData::Aaaa(address) => Data::Aaaa(address),
        RecordData::Cname(target) => Data::Cname(our_labels(target)?),
        RecordData::Https {
            priority,
            target,
            ech,
        }
        | RecordData::Svcb {
            priority,
            target,
            ech,
        } => Data::Https(priority, our_labels(target)?, ech.map(<[u8]>::to_vec)),
        RecordData::Other => Data::Other,
        RecordData::Malformed(_) => Data::Malformed,
    })
}

/// Reads the labels back from text, so that what is written is compared.
fn our_labels(name: WireName<'_>) -> Option<Labels> {
    let mut text = String::new();
    name.write_to(&mut text).ok()?;
    let mut labels = Labels::new();
    let mut octets = text.bytes();
    let mut label = Vec::new();
    while let Some(octet) = octets.next() {
        match octet {
            b'.' => labels.push(std::mem::take(&mut label)),
            b'\\' => match octets.next().unwrap() {
                digit @ b'0'..=b'9' => {
                    let mut value = u16::from(digit - b'0');
                    for _ in 0..2 {
                        value = value * 10 + u16::from(octets.next().unwrap() - b'0');
                    }
                    label.push(u8::try_from(value).unwrap());
                }
                escaped => label.push(escaped),
            },
            _ => label.push(octet),
        }
    }
    if !text.is_empty() {
        labels.push(label);
    }
    Some(labels)
}

/// The same from the oracle. It ends a section at a bad name, where ours goes on.
fn their_facts(octets: &[u8]) -> Vec<Option<Fact>> {
    let message = Oracle::from_octets(octets).unwrap();
    let mut facts = Vec::new();
    for question in message.question() {
        facts.push(question.ok().map(|it| Fact {
            name: their_labels(it.qname()),
            rtype: it.qtype().to_int(),
            class: it.qclass().to_int(),
            ttl: 0,
            data: Data::Question,
        }));
    }
    let Ok(answers) = message.answer() else {
        facts.push(None);
        return facts;
    };
    for record in answers {
        facts.push(record.ok().map(|it| Fact {
            name: their_labels(&it.owner()),
            rtype: it.rtype().to_int(),
            class: it.class().to_int(),
            ttl: it.ttl().as_secs(),
            data: their_data(&it),
        }));
    }
    facts
}

fn their_data(record: &domain::base::ParsedRecord<'_, &[u8]>) -> Data {
    if record.class() != Class::IN {
        return Data::Other;
    }
    let data = match record.rtype() {
        Rtype::A => record
            .to_record::<A>()
            .map(|it| it.map(|it| Data::A(it.data().addr().octets()))),
        Rtype::AAAA => record
            .to_record::<Aaaa>()
            .map(|it| it.map(|it| Data::Aaaa(it.data().addr().octets()))),
        Rtype::CNAME => record
            .to_record::<Cname<ParsedName<_>>>()
            .map(|it| it.map(|it| Data::Cname(their_labels(it.data().cname())))),
        Rtype::HTTPS => record
            .to_record::<Https<&[u8], ParsedName<&[u8]>>>()
            .map(|it| it.map(|it| their_binding(it.data()))),
        Rtype::SVCB => record
            .to_record::<Svcb<&[u8], ParsedName<&[u8]>>>()
            .map(|it| it.map(|it| their_binding(it.data()))),
        _ => return Data::Other,
    };
    data.ok().flatten().unwrap_or(Data::Malformed)
}

fn their_binding<V>(data: &SvcbRdata<V, &[u8], ParsedName<&[u8]>>) -> Data {
    let ech = data
        .params()
        .iter_raw()
        .find_map(|it| (it.key().to_int() == 5).then(|| it.as_slice().to_vec()));
    Data::Https(data.priority(), their_labels(data.target()), ech)
}

fn their_labels(name: &impl ToName) -> Labels {
    name.iter_labels()
        .filter(|it| !it.is_root())
        .map(|it| it.as_slice().to_ascii_lowercase())
        .collect()
}

/// A message to be built.
#[derive(Clone, Debug)]
struct Model {
    id: u16,
    flags: u16,
    questions: Vec<(Labels, u16, u16)>,
    answers: Vec<(Labels, u32, ModelData)>,
    /// Whether names are compressed.
    is_compressed: bool,
}

#[derive(Clone, Debug)]
enum ModelData {
    A([u8; 4]),
    Aaaa([u8; 16]),
    Cname(Labels),
    Https(u16, Labels, Vec<(u16, Vec<u8>)>),
    Text(u16, Vec<u8>),
}

impl Model {
    fn octets(&self) -> Vec<u8> {
        let mut builder = Builder {
            octets: Vec::new(),
            suffixes: HashMap::new(),
            is_compressed: self.is_compressed,
        };
        let questions = u16::try_from(self.questions.len()).unwrap();
        let answers = u16::try_from(self.answers.len()).unwrap();
        for field in [self.id, self.flags, questions, answers, 0, 0] {
            builder.u16(field);
        }
        for (name, qtype, qclass) in &self.questions {
            builder.name(name);
            builder.u16(*qtype);
            builder.u16(*qclass);
        }
        for (owner, ttl, data) in &self.answers {
            builder.name(owner);
            builder.u16(data.rtype());
            builder.u16(CLASS_IN);
            builder.octets.extend(ttl.to_be_bytes());
            builder.sized(|it| data.build(it));
        }
        builder.octets
    }
}

impl ModelData {
    fn rtype(&self) -> u16 {
        match self {
            Self::A(_) => TYPE_A,
            Self::Aaaa(_) => TYPE_AAAA,
            Self::Cname(_) => TYPE_CNAME,
            Self::Https(..) => TYPE_HTTPS,
            Self::Text(rtype, _) => *rtype,
        }
    }

    fn build(&self, builder: &mut Builder) {
        match self {
            Self::A(address) => builder.octets.extend(address),
            Self::Aaaa(address) => builder.octets.extend(address),
            Self::Cname(target) => builder.name(target),
            Self::Https(priority, target, parameters) => {
                builder.u16(*priority);
                // RFC 9460 section 2.2: not compressed.
                let is_compressed = std::mem::replace(&mut builder.is_compressed, false);
                builder.name(target);
                builder.is_compressed = is_compressed;
                for (key, value) in parameters {
                    builder.u16(*key);
                    builder.sized(|it| it.octets.extend(value));
                }
            }
            Self::Text(_, octets) => builder.octets.extend(octets),
        }
    }
}

struct Builder {
    octets: Vec<u8>,
    /// Where names that have been written stand.
    suffixes: HashMap<Labels, u16>,
    is_compressed: bool,
}

impl Builder {
    fn u16(&mut self, value: u16) {
        self.octets.extend(value.to_be_bytes());
    }

    fn sized(&mut self, build: impl FnOnce(&mut Self)) {
        let start = self.octets.len();
        self.u16(0);
        build(self);
        let len = u16::try_from(self.octets.len() - start - 2).unwrap();
        self.octets[start..start + 2].copy_from_slice(&len.to_be_bytes());
    }

    fn name(&mut self, labels: &[Vec<u8>]) {
        for (number, label) in labels.iter().enumerate() {
            if let Some(&at) = self.suffixes.get(&labels[number..])
                && self.is_compressed
            {
                return self.u16(0xc000 | at);
            }
            if let Ok(at @ 0..0x4000) = u16::try_from(self.octets.len()) {
                self.suffixes.insert(labels[number..].to_vec(), at);
            }
            self.octets.push(u8::try_from(label.len()).unwrap());
            self.octets.extend(label);
        }
        self.octets.push(0);
    }
}

fn model() -> impl Strategy<Value = Model> {
    let question = (labels(), prop_oneof![Just(1), any::<u16>()], any::<u16>());
    let answer = (labels(), 0..0x8000_0000_u32, data());
    (
        (any::<u16>(), any::<u16>(), any::<bool>()),
        proptest::collection::vec(question, 0..3),
        proptest::collection::vec(answer, 0..8),
    )
        .prop_map(|((id, flags, is_compressed), questions, answers)| Model {
            id,
            flags,
            questions,
            answers,
            is_compressed,
        })
}

/// Names of few distinct labels, so that there is something to compress, and of any octets.
fn labels() -> impl Strategy<Value = Labels> {
    let label = prop_oneof![
        4 => "[a-c]{1,2}".prop_map(String::into_bytes),
        2 => "[A-Za-z0-9_-]{1,20}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 1..=40),
    ];
    proptest::collection::vec(label, 0..6)
}

fn data() -> impl Strategy<Value = ModelData> {
    let parameters = proptest::collection::btree_map(
        prop_oneof![Just(KEY_ECH), 7_u16..100],
        proptest::collection::vec(any::<u8>(), 0..10),
        0..4,
    );
    let other = prop_oneof![Just(16_u16), Just(2), Just(65_280)];
    prop_oneof![
        any::<[u8; 4]>().prop_map(ModelData::A),
        any::<[u8; 16]>().prop_map(ModelData::Aaaa),
        labels().prop_map(ModelData::Cname),
        (any::<u16>(), labels(), parameters).prop_map(|(it, to, all)| ModelData::Https(
            it,
            to,
            all.into_iter().collect()
        )),
        (other, proptest::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(rtype, octets)| ModelData::Text(rtype, octets)),
    ]
}

const KEY_ECH: u16 = 5;
