//! Cell broadcast and USSD text: 3GPP TS 23.038 clause 5, TS 23.041 clause 9.4.1.
//!
//! USSD uses the coding scheme of cell broadcast, so `+CUSD` strings are read
//! by [`CbsDcs::decode`] too.

use crate::{Alphabet, Class, Content, DecodeError, gsm7, reader::Reader, ucs2};

/// The coding scheme of cell broadcast and USSD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CbsDcs(pub u8);

/// What a string says, and in which language if that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CbsText {
    /// Text, or octets where the scheme says 8 bit or compressed.
    pub content: Content,
    /// Two letters of ISO 639.
    pub language: Option<String>,
}

/// One page of a cell broadcast message as `+CBM` brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Serial number: scope, message code and update number in one.
    pub serial: u16,
    /// Message identifier, the "channel".
    pub message_id: u16,
    /// The coding scheme.
    pub dcs: CbsDcs,
    /// Which page, from 1.
    pub number: u8,
    /// Of how many.
    pub total: u8,
    /// Up to 82 octets of content.
    pub body: Vec<u8>,
}

impl CbsDcs {
    /// GSM 7 bit, language unspecified: what USSD requests use.
    pub const GSM7: Self = Self(0x0F);
    /// UCS-2 without a class.
    pub const UCS2: Self = Self(0x48);

    /// The alphabet; reserved values are GSM 7 bit.
    pub fn alphabet(self) -> Alphabet {
        match self.0 >> 4 {
            0x1 if self.0 == UCS2_WITH_LANGUAGE => Alphabet::Ucs2,
            0x4..=0x7 | 0x9 => match self.0 & 0x0C {
                0x04 => Alphabet::Data,
                0x08 => Alphabet::Ucs2,
                _ => Alphabet::Gsm7,
            },
            0xF if self.0 & 0x04 != 0 => Alphabet::Data,
            _ => Alphabet::Gsm7,
        }
    }

    /// Whether the text is compressed. It is not unpacked here.
    pub fn is_compressed(self) -> bool {
        matches!(self.0 >> 4, 0x6 | 0x7)
    }

    /// The class, where the scheme gives one.
    pub fn class(self) -> Option<Class> {
        matches!(self.0 >> 4, 0x5 | 0x7 | 0xF).then(|| Class::from_number(self.0))
    }

    /// The language that the scheme itself names, two letters of ISO 639.
    pub fn language(self) -> Option<&'static str> {
        let index = usize::from(self.0 & 0x0F);
        match self.0 >> 4 {
            0x0 => LANGUAGES.get(index).copied(),
            0x2 => MORE_LANGUAGES.get(index).copied(),
            _ => None,
        }
    }

    /// Reads a string. Never fails. The carriage return that fills packed
    /// text is taken away, and so is a language that stands before the text.
    pub fn decode(self, octets: &[u8]) -> CbsText {
        let named = self.language().map(str::to_owned);
        if self.is_compressed() || self.alphabet() == Alphabet::Data {
            return CbsText {
                content: Content::Data(octets.to_vec()),
                language: named,
            };
        }
        let (text, prefix) = match (self.0, self.alphabet()) {
            (UCS2_WITH_LANGUAGE, _) => {
                let (prefix, text) = octets.split_at(octets.len().min(2));
                (ucs2::decode_lossy(text), gsm7::decode_packed(prefix))
            }
            (GSM7_WITH_LANGUAGE, _) => split_language(&gsm7::decode_packed(octets)),
            (_, Alphabet::Ucs2) => (ucs2::decode_lossy(octets), String::new()),
            _ => (gsm7::decode_packed(octets), String::new()),
        };
        let language = named.or(Some(prefix).filter(|prefix| !prefix.is_empty()));
        CbsText {
            content: Content::Text(text),
            language,
        }
    }
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// See [`DecodeError`]: fewer than the six octets of the head.
    pub fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(octets);
        let mut pair = |field| {
            let octets = reader.take(2, field)?;
            Ok(u16::from_be_bytes([octets[0], octets[1]]))
        };
        let serial = pair("CBS serial number")?;
        let message_id = pair("CBS message identifier")?;
        let dcs = CbsDcs(reader.octet("CBS data coding scheme")?);
        let page = reader.octet("CBS page parameter")?;
        // A zero is read as one, clause 9.4.1.2.4.
        let (number, total) = ((page >> 4).max(1), (page & 0x0F).max(1));
        Ok(Self {
            serial,
            message_id,
            dcs,
            number,
            total,
            body: reader.rest().to_vec(),
        })
    }

    /// What the page says, without the carriage returns that fill it.
    pub fn text(&self) -> CbsText {
        let mut text = self.dcs.decode(&self.body);
        if let Content::Text(text) = &mut text.content {
            text.truncate(text.trim_end_matches('\r').len());
        }
        text
    }

    /// Where it is shown: 0 cell at once, 1 network, 2 location area, 3 cell.
    pub fn scope(&self) -> u8 {
        (self.serial >> 14).to_be_bytes()[1]
    }

    /// The message code of the serial number, ten bits.
    pub fn code(&self) -> u16 {
        self.serial >> 4 & 0x3FF
    }

    /// The update number of the serial number, four bits.
    pub fn update(&self) -> u8 {
        (self.serial & 0x0F).to_be_bytes()[1]
    }
}

/// Text that begins with two letters and a carriage return.
fn split_language(text: &str) -> (String, String) {
    match text.split_once('\r') {
        Some((language, rest)) if language.len() == 2 => (rest.to_owned(), language.to_owned()),
        _ => (text.to_owned(), String::new()),
    }
}

const GSM7_WITH_LANGUAGE: u8 = 0x10;
const UCS2_WITH_LANGUAGE: u8 = 0x11;

const LANGUAGES: [&str; 15] = [
    "de", "en", "it", "fr", "es", "nl", "sv", "da", "pt", "fi", "no", "el", "tr", "hu", "pl",
];
const MORE_LANGUAGES: [&str; 5] = ["cs", "he", "ar", "ru", "is"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_reads_anything() {
        for octet in 0..=255 {
            for octets in [&[][..], &[0x1B], &[0xFF; 82]] {
                let _ = CbsDcs(octet).decode(octets);
            }
        }
    }

    #[test]
    fn a_language_before_the_text_is_split_off() {
        let mut octets = gsm7::encode_packed("de\rHallo").unwrap();
        let text = CbsDcs(0x10).decode(&octets);
        assert_eq!(
            (text.content.text(), text.language.as_deref()),
            (Some("Hallo"), Some("de"))
        );
        octets = gsm7::encode_packed("ru").unwrap();
        octets.extend(ucs2::encode("Да"));
        let text = CbsDcs(0x11).decode(&octets);
        assert_eq!(
            (text.content.text(), text.language.as_deref()),
            (Some("Да"), Some("ru"))
        );
    }
}
