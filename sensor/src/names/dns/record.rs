//! Questions and records of a message, and the data of those that the sensor uses.

use super::{
    CLASS_IN, HEADER_LEN, TYPE_A, TYPE_AAAA, TYPE_CNAME, TYPE_HTTPS, TYPE_SVCB, WireName, name,
};
use crate::names::Malformed;
use crate::reader::Reader;

/// A question (RFC 1035 section 4.1.2).
#[derive(Clone, Copy, Debug)]
pub struct Question<'m> {
    /// QNAME: the name asked about.
    pub name: WireName<'m>,
    /// QTYPE: the record type asked for, known or not.
    pub qtype: u16,
    /// QCLASS: [`CLASS_IN`] nearly always.
    pub qclass: u16,
}

/// A resource record (RFC 1035 section 4.1.3).
#[derive(Clone, Copy, Debug)]
pub struct Record<'m> {
    /// NAME: what the record is about.
    pub owner: WireName<'m>,
    /// TYPE.
    pub rtype: u16,
    /// CLASS; in an OPT record the size of UDP payload (RFC 6891 section 6.1.2).
    pub class: u16,
    /// TTL in seconds; in an OPT record flags.
    pub ttl: u32,
    /// RDATA.
    pub data: RecordData<'m>,
}

/// What a record says, for the types of class IN that the sensor uses.
#[derive(Clone, Copy, Debug)]
pub enum RecordData<'m> {
    /// An IPv4 address (RFC 1035 section 3.4.1).
    A([u8; 4]),
    /// An IPv6 address (RFC 3596 section 2.2).
    Aaaa([u8; 16]),
    /// The name that the owner is an alias of (RFC 1035 section 3.3.1).
    Cname(WireName<'m>),
    /// How to reach an HTTPS service (RFC 9460).
    Https {
        /// SvcPriority: 0 means that the owner is an alias of the target.
        priority: u16,
        /// TargetName: the root means the owner itself.
        target: WireName<'m>,
        /// The `ech` parameter: an ECHConfigList (RFC 9848), not looked into; see
        /// [`ech_configs`](crate::names::tls::ech_configs).
        ech: Option<&'m [u8]>,
    },
    /// How to reach another service (RFC 9460); the fields are those of HTTPS.
    Svcb {
        /// SvcPriority.
        priority: u16,
        /// TargetName.
        target: WireName<'m>,
        /// The `ech` parameter.
        ech: Option<&'m [u8]>,
    },
    /// A type or class that is not looked into.
    Other,
    /// RDATA has the wrong size or form for its type.
    Malformed(Malformed),
}

/// Reads questions and records, one after the other.
pub(super) struct Cursor<'m> {
    /// The message up to the end of `rest`; pointers lead backwards, so names need no more.
    octets: &'m [u8],
    /// What has not been read.
    pub(super) rest: Reader<'m>,
    /// The bits of a record's class that are read.
    pub(super) class_bits: u16,
}

impl<'m> Cursor<'m> {
    pub(super) fn behind_header(octets: &'m [u8]) -> Self {
        let body = octets.get(HEADER_LEN..).unwrap_or_default();
        Self {
            octets,
            rest: Reader::new(body),
            class_bits: u16::MAX,
        }
    }

    pub(super) fn question(&mut self) -> Result<Question<'m>, Malformed> {
        let name = self.name().ok_or(Malformed::at("QNAME"))?;
        let qtype = self.rest.u16().ok_or(Malformed::at("QTYPE"))?;
        let qclass = self.rest.u16().ok_or(Malformed::at("QCLASS"))?;
        Ok(Question {
            name,
            qtype,
            qclass,
        })
    }

    pub(super) fn skip_questions(&mut self, count: u16) -> Result<(), Malformed> {
        for _ in 0..count {
            self.question()?;
        }
        Ok(())
    }

    pub(super) fn record(&mut self) -> Result<Record<'m>, Malformed> {
        Ok(self.record_and_data()?.0)
    }

    /// Reads a record, and gives its RDATA as it stands there too.
    pub(super) fn record_and_data(&mut self) -> Result<(Record<'m>, Reader<'m>), Malformed> {
        let owner = self.name().ok_or(Malformed::at("NAME"))?;
        let rtype = self.rest.u16().ok_or(Malformed::at("TYPE"))?;
        let class = self.rest.u16().ok_or(Malformed::at("CLASS"))? & self.class_bits;
        let ttl = self.rest.u32().ok_or(Malformed::at("TTL"))?;
        let len = self.rest.u16().ok_or(Malformed::at("RDLENGTH"))?;
        let rdata = self
            .rest
            .sub(usize::from(len))
            .ok_or(Malformed::at("RDATA"))?;
        let data = Self {
            octets: self.octets.get(..self.at()).unwrap_or_default(),
            rest: Reader::new(rdata.rest()),
            class_bits: self.class_bits,
        };
        let record = Record {
            owner,
            rtype,
            class,
            ttl,
            data: data.record_data(rtype, class),
        };
        Ok((record, rdata))
    }

    /// Reads what is left as RDATA.
    fn record_data(self, rtype: u16, class: u16) -> RecordData<'m> {
        if class != CLASS_IN {
            return RecordData::Other;
        }
        let data = match rtype {
            TYPE_A => self.rest.rest().try_into().ok().map(RecordData::A),
            TYPE_AAAA => self.rest.rest().try_into().ok().map(RecordData::Aaaa),
            TYPE_CNAME => self.cname(),
            TYPE_HTTPS => self
                .binding()
                .map(|(priority, target, ech)| RecordData::Https {
                    priority,
                    target,
                    ech,
                }),
            TYPE_SVCB => self
                .binding()
                .map(|(priority, target, ech)| RecordData::Svcb {
                    priority,
                    target,
                    ech,
                }),
            _ => Some(RecordData::Other),
        };
        data.unwrap_or(RecordData::Malformed(Malformed::at("RDATA")))
    }

    fn cname(mut self) -> Option<RecordData<'m>> {
        let target = self.name()?;
        self.rest.is_empty().then_some(RecordData::Cname(target))
    }

    /// RFC 9460 section 2.2: keys rise strictly, and the last value ends where RDATA does.
    fn binding(mut self) -> Option<(u16, WireName<'m>, Option<&'m [u8]>)> {
        let priority = self.rest.u16()?;
        let target = self.name()?;
        let mut ech = None;
        let mut last_key = None;
        while !self.rest.is_empty() {
            let key = self.rest.u16()?;
            let value = self.rest.sub_u16()?;
            if last_key >= Some(key) {
                return None;
            }
            last_key = Some(key);
            if key == KEY_ECH {
                ech = Some(value.rest());
            }
        }
        Some((priority, target, ech))
    }

    fn name(&mut self) -> Option<WireName<'m>> {
        let start = self.at();
        self.rest.skip(name::len_in_place(self.rest.rest())?)?;
        Some(WireName::new(self.octets, start))
    }

    /// Where reading goes on.
    const fn at(&self) -> usize {
        self.octets.len().saturating_sub(self.rest.len())
    }
}

/// SvcParamKey of `ech` (RFC 9848 section 4).
const KEY_ECH: u16 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::dns::message;
    use crate::names::dns::samples::{RESPONSE_AAAA, RESPONSE_CNAME_A, RESPONSE_HTTPS};

    #[test]
    fn an_https_record_holds_its_ech_parameter() {
        let record = only_answer(RESPONSE_HTTPS);
        let RecordData::Https {
            priority,
            target,
            ech,
        } = record.data
        else {
            panic!("{record:?}");
        };
        assert_eq!(priority, 1);
        assert!(target.is_root());
        assert_eq!(ech, Some(&[0xfe, 0x0d, 0, 0][..]));
    }

    #[test]
    fn https_parameters_must_rise_and_end_with_the_data() {
        let data_len = RESPONSE_HTTPS.len() - 18;
        let with_parameters = |parameters: &[u8]| {
            let mut octets = RESPONSE_HTTPS[..data_len + 3].to_vec();
            octets[data_len - 1] = u8::try_from(3 + parameters.len()).unwrap();
            octets.extend_from_slice(parameters);
            matches!(only_answer(&octets).data, RecordData::Https { .. })
        };
        assert!(with_parameters(b""));
        assert!(with_parameters(b"\0\x02\0\0\0\x03\0\x02\x01\xbb"));
        assert!(!with_parameters(b"\0\x03\0\x02\x01\xbb\0\x02\0\0"));
        assert!(!with_parameters(b"\0\x02\0\0\0\x02\0\0"));
        assert!(!with_parameters(b"\0\x03\0\x03\x01\xbb"));
        assert!(!with_parameters(b"\0\x03\0"));
    }

    #[test]
    fn an_aaaa_record_holds_its_address() {
        let address = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let data = only_answer(RESPONSE_AAAA).data;
        assert!(matches!(data, RecordData::Aaaa(it) if it == address));
    }

    #[test]
    fn a_cname_target_must_fill_its_data() {
        let mut octets = RESPONSE_CNAME_A.to_vec();
        octets[44] = 0x12;
        let alias = message(&octets).unwrap().answers().next().unwrap();
        assert!(matches!(alias.unwrap().data, RecordData::Malformed(_)));
        octets[44] = 0x10;
        let alias = message(&octets).unwrap().answers().next().unwrap();
        assert!(matches!(alias.unwrap().data, RecordData::Malformed(_)));
    }

    #[test]
    fn addresses_of_other_classes_are_not_addresses() {
        let mut octets = RESPONSE_AAAA.to_vec();
        let class = octets.len() - 16 - 7;
        assert_eq!(octets[class], 1);
        octets[class] = 3;
        assert!(matches!(only_answer(&octets).data, RecordData::Other));
    }

    fn only_answer(octets: &[u8]) -> Record<'_> {
        let mut answers = message(octets).unwrap().answers();
        let record = answers.next().unwrap().unwrap();
        assert!(answers.next().is_none());
        record
    }
}
