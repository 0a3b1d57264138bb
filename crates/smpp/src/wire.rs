//! The kinds of fields of clause 3.1, each with its reader and, below it, its writer.
//!
//! The tables of `pdu.rs` name these methods: what a field *is* stands there once, how such a field is read, written and
//! shown stands here once.

use nom::{
    IResult, Parser,
    bytes::complete::{take, take_till},
    number::complete::{be_u8, be_u16, be_u32},
};

use crate::{
    Destination, Header, Octets, Oddity, Status, Tag, Tlv, Tlvs, Unsuccessful,
    error::{DecodeError, EncodeError, Problem},
};

/// A field of a table: its name and its longest value in octets, NUL included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) most: usize,
}

/// Takes fields from the front of a body.
pub(crate) struct BodyReader<'a, 'b> {
    header: Header,
    rest: &'a [u8],
    /// Octets of the PDU, so that places count from its header.
    length: usize,
    oddities: &'b mut Vec<Oddity>,
}

impl<'a, 'b> BodyReader<'a, 'b> {
    /// A reader of the body of `pdu`, whose header was read before.
    pub(crate) fn new(header: Header, pdu: &'a [u8], oddities: &'b mut Vec<Oddity>) -> Self {
        Self {
            header,
            rest: pdu.get(crate::HEADER_LENGTH..).unwrap_or_default(),
            length: pdu.len(),
            oddities,
        }
    }

    /// A number of one octet.
    pub(crate) fn octet(&mut self, spec: Spec) -> Result<u8, DecodeError> {
        self.number(spec.name, 1, be_u8::<&[u8], nom::error::Error<&[u8]>>)
    }

    /// An error_status_code.
    fn status(&mut self) -> Result<Status, DecodeError> {
        let code = self.number("error_status_code", 4, be_u32::<&[u8], nom::error::Error<&[u8]>>)?;
        Ok(Status(code))
    }

    /// A C-octet string. One that ends with the PDU is taken as it is, and so is one that is too long.
    pub(crate) fn string(&mut self, spec: Spec) -> Result<Octets, DecodeError> {
        if self.ends_before(spec.name, 1)? {
            return Ok(Octets::EMPTY);
        }
        let (rest, value) = until_nul(self.rest).unwrap_or((&[], self.rest));
        match rest.split_first() {
            Some((_nul, rest)) => self.rest = rest,
            None => {
                self.rest = &[];
                self.oddities.push(Oddity::NoNul(spec.name));
            }
        }
        if value.len() >= spec.most {
            self.too_long(spec, value.len() + 1);
        }
        if !value.is_ascii() {
            self.oddities.push(Oddity::NotAscii(spec.name));
        }
        Ok(Octets::new(value))
    }

    /// A time, a C-octet string of 1 or 17 octets (clause 7.1.1).
    pub(crate) fn time(&mut self, spec: Spec) -> Result<Octets, DecodeError> {
        let text = self.string(spec)?;
        if !matches!(text.len() + 1, 1 | 17) {
            self.oddities.push(Oddity::TimeLength(spec.name, text.len() + 1));
        }
        Ok(text)
    }

    /// sm_length and short_message.
    pub(crate) fn message(&mut self, spec: Spec) -> Result<Octets, DecodeError> {
        let octet = self.at();
        let length = usize::from(self.octet(SM_LENGTH)?);
        let taken: IResult<&[u8], &[u8]> = take(length).parse(self.rest);
        let Ok((rest, text)) = taken else {
            let error = self.short(SM_LENGTH.name, length);
            return Err(DecodeError { octet, ..error });
        };
        self.rest = rest;
        if length > spec.most {
            self.too_long(spec, length);
        }
        Ok(Octets::new(text))
    }

    /// number_of_dests and the destinations.
    pub(crate) fn destinations(&mut self, _: Spec) -> Result<Vec<Destination>, DecodeError> {
        let count = self.octet(NUMBER_OF_DESTS)?;
        let mut destinations = Vec::new();
        for _ in 0..count {
            destinations.push(self.destination()?);
        }
        Ok(destinations)
    }

    fn destination(&mut self) -> Result<Destination, DecodeError> {
        let octet = self.at();
        match self.octet(DEST_FLAG)? {
            1 => Ok(Destination::Address {
                ton: self.octet(DEST_ADDR_TON)?,
                npi: self.octet(DEST_ADDR_NPI)?,
                address: self.string(DESTINATION_ADDR)?,
            }),
            2 => Ok(Destination::List(self.string(DL_NAME)?)),
            flag => Err(DecodeError {
                header: self.header,
                field: DEST_FLAG.name,
                octet,
                problem: Problem::DestFlag(flag),
            }),
        }
    }

    /// no_unsuccess and those destinations.
    pub(crate) fn unsuccessful(&mut self, _: Spec) -> Result<Vec<Unsuccessful>, DecodeError> {
        if self.ends_before(NO_UNSUCCESS.name, 1)? {
            return Ok(Vec::new());
        }
        let count = self.octet(NO_UNSUCCESS)?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(Unsuccessful {
                ton: self.octet(DEST_ADDR_TON)?,
                npi: self.octet(DEST_ADDR_NPI)?,
                address: self.string(DESTINATION_ADDR)?,
                status: self.status()?,
            });
        }
        Ok(list)
    }

    /// Everything that is left, of a PDU that nobody knows.
    pub(crate) fn unknown(&mut self) -> Octets {
        Octets::new(std::mem::take(&mut self.rest))
    }

    /// The optional parameters, which is what stands behind the last field.
    pub(crate) fn tlvs(&mut self) -> Tlvs {
        if self.rest.is_empty() {
            return Tlvs::NONE;
        }
        let mut tlvs = Tlvs::NONE;
        while self.rest.len() >= TLV_HEADER {
            let Ok((rest, (tag, length))) = tlv_header(self.rest) else {
                break;
            };
            let value: IResult<&[u8], &[u8]> = take(usize::from(length)).parse(rest);
            let Ok((rest, value)) = value else {
                self.oddities.push(Oddity::CutTlv(tag));
                tlvs.cut_off();
                self.rest = &[];
                break;
            };
            self.rest = rest;
            let (shortest, longest) = tag.lengths();
            if !(shortest..=longest).contains(&value.len()) {
                let octets = value.len();
                self.oddities.push(Oddity::TlvLength { tag, octets });
            }
            tlvs.push(tag, value);
        }
        if !self.rest.is_empty() {
            self.oddities.push(Oddity::Trailing(self.rest.len()));
            // A NUL or two at the end are no parameter; this was to be the message.
            if self.rest.starts_with(&Tag::MESSAGE_PAYLOAD.0.to_be_bytes()) {
                tlvs.cut_off();
            }
        }
        tlvs
    }

    /// Whether nothing is left, in a response, whose end peers leave out.
    fn ends_before(&mut self, field: &'static str, needed: usize) -> Result<bool, DecodeError> {
        if !self.rest.is_empty() {
            return Ok(false);
        }
        if !self.header.command.is_response() {
            return Err(self.short(field, needed));
        }
        self.oddities.push(Oddity::Missing(field));
        Ok(true)
    }

    fn number<N: Default>(
        &mut self,
        field: &'static str,
        octets: usize,
        mut parser: impl Parser<&'a [u8], Output = N, Error = nom::error::Error<&'a [u8]>>,
    ) -> Result<N, DecodeError> {
        if self.ends_before(field, octets)? {
            return Ok(N::default());
        }
        let Ok((rest, number)) = parser.parse(self.rest) else {
            return Err(self.short(field, octets));
        };
        self.rest = rest;
        Ok(number)
    }

    fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    fn short(&self, field: &'static str, needed: usize) -> DecodeError {
        DecodeError {
            header: self.header,
            field,
            octet: self.at(),
            problem: Problem::Short {
                needed,
                present: self.rest.len(),
            },
        }
    }

    fn too_long(&mut self, spec: Spec, octets: usize) {
        self.oddities.push(Oddity::Long {
            field: spec.name,
            octets,
            most: spec.most,
        });
    }
}

/// Writes fields behind each other, as strictly as the specification.
pub(crate) struct BodyWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> BodyWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    pub(crate) fn octet(&mut self, value: &u8, _: Spec) -> Result<(), EncodeError> {
        self.out.push(*value);
        Ok(())
    }

    pub(crate) fn string(&mut self, value: &Octets, spec: Spec) -> Result<(), EncodeError> {
        if value.len() >= spec.most {
            return Err(EncodeError::Long {
                field: spec.name,
                octets: value.len() + 1,
                most: spec.most,
            });
        }
        if value.contains(&0) {
            return Err(EncodeError::Nul(spec.name));
        }
        self.out.extend_from_slice(value);
        self.out.push(0);
        Ok(())
    }

    pub(crate) fn time(&mut self, value: &Octets, spec: Spec) -> Result<(), EncodeError> {
        match value.len() {
            0 | 16 => self.string(value, spec),
            _ => Err(EncodeError::Time(spec.name)),
        }
    }

    pub(crate) fn message(&mut self, value: &Octets, spec: Spec) -> Result<(), EncodeError> {
        let length = u8::try_from(value.len()).ok();
        let Some(length) = length.filter(|length| usize::from(*length) <= spec.most) else {
            return Err(EncodeError::Long {
                field: spec.name,
                octets: value.len(),
                most: spec.most,
            });
        };
        self.out.push(length);
        self.out.extend_from_slice(value);
        Ok(())
    }

    pub(crate) fn destinations(&mut self, list: &[Destination], spec: Spec) -> Result<(), EncodeError> {
        self.count(list.len(), spec)?;
        for destination in list {
            match destination {
                Destination::Address { ton, npi, address } => {
                    self.out.extend([1, *ton, *npi]);
                    self.string(address, DESTINATION_ADDR)?;
                }
                Destination::List(name) => {
                    self.out.push(2);
                    self.string(name, DL_NAME)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn unsuccessful(&mut self, list: &[Unsuccessful], spec: Spec) -> Result<(), EncodeError> {
        self.count(list.len(), spec)?;
        for one in list {
            self.out.extend([one.ton, one.npi]);
            self.string(&one.address, DESTINATION_ADDR)?;
            self.out.extend(one.status.0.to_be_bytes());
        }
        Ok(())
    }

    /// The body of a PDU that nobody knows.
    pub(crate) fn octets(&mut self, octets: &[u8]) -> Result<(), EncodeError> {
        self.out.extend_from_slice(octets);
        Ok(())
    }

    pub(crate) fn tlvs(&mut self, tlvs: &Tlvs) -> Result<(), EncodeError> {
        tlvs.iter().try_for_each(|tlv| self.tlv(tlv))
    }

    fn tlv(&mut self, Tlv { tag, value }: &Tlv) -> Result<(), EncodeError> {
        let length = u16::try_from(value.len()).map_err(|_| EncodeError::TlvLong(*tag))?;
        self.out.extend(tag.0.to_be_bytes());
        self.out.extend(length.to_be_bytes());
        self.out.extend_from_slice(value);
        Ok(())
    }

    fn count(&mut self, count: usize, spec: Spec) -> Result<(), EncodeError> {
        let fits = u8::try_from(count).ok().filter(|_| count <= spec.most);
        let count = fits.ok_or(EncodeError::Long {
            field: spec.name,
            octets: count,
            most: spec.most,
        })?;
        self.out.push(count);
        Ok(())
    }
}

/// A field as it is shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Number(u8),
    /// A C-octet string or a time.
    Text(&'a [u8]),
    /// The octets of a message.
    Octets(&'a [u8]),
    /// Where a submit_multi goes.
    Destinations(&'a [Destination]),
    /// Where a submit_multi could not go.
    Unsuccessful(&'a [Unsuccessful]),
}

impl<'a> Value<'a> {
    pub(crate) fn octet(value: &'a u8) -> Self {
        Self::Number(*value)
    }

    pub(crate) fn string(value: &'a Octets) -> Self {
        Self::Text(value)
    }

    pub(crate) fn time(value: &'a Octets) -> Self {
        Self::Text(value)
    }

    pub(crate) fn message(value: &'a Octets) -> Self {
        Self::Octets(value)
    }

    pub(crate) fn destinations(value: &'a [Destination]) -> Self {
        Self::Destinations(value)
    }

    pub(crate) fn unsuccessful(value: &'a [Unsuccessful]) -> Self {
        Self::Unsuccessful(value)
    }
}

fn until_nul(octets: &[u8]) -> IResult<&[u8], &[u8]> {
    take_till(|octet| octet == 0).parse(octets)
}

fn tlv_header(octets: &[u8]) -> IResult<&[u8], (Tag, u16)> {
    (be_u16.map(Tag), be_u16).parse(octets)
}

/// Octets of a parameter's tag and length.
const TLV_HEADER: usize = 4;

const SM_LENGTH: Spec = Spec {
    name: "sm_length",
    most: 1,
};
const NUMBER_OF_DESTS: Spec = Spec {
    name: "number_of_dests",
    most: 1,
};
const NO_UNSUCCESS: Spec = Spec {
    name: "no_unsuccess",
    most: 1,
};
const DEST_FLAG: Spec = Spec {
    name: "dest_flag",
    most: 1,
};
const DEST_ADDR_TON: Spec = Spec {
    name: "dest_addr_ton",
    most: 1,
};
const DEST_ADDR_NPI: Spec = Spec {
    name: "dest_addr_npi",
    most: 1,
};
const DESTINATION_ADDR: Spec = Spec {
    name: "destination_addr",
    most: 21,
};
const DL_NAME: Spec = Spec {
    name: "dl_name",
    most: 21,
};
