//! Message ids and the forms in which one and the same is written.
//!
//! Message centres answer a submit_sm with one form of a number and write another into the receipt: hexadecimal here,
//! decimal there, in upper case or with leading zeros. What belongs together is found by a key that folds these.

use crate::Octets;

/// How a peer writes a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IdForm {
    /// As text. Case and leading zeros do not count.
    #[default]
    Text,
    /// As text, octet by octet: ids that tell upper from lower case, as in base 62.
    Exact,
    /// Decimal.
    Decimal,
    /// Hexadecimal.
    Hexadecimal,
}

/// How a peer writes ids in its responses and in its receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct IdForms {
    /// In submit_sm_resp.
    pub response: IdForm,
    /// In receipts.
    pub receipt: IdForm,
}

/// In what two ids agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Agreement {
    /// Octet by octet.
    Same,
    /// But for upper case and lower case.
    Case,
    /// But for leading zeros, and perhaps case.
    Padding,
    /// The first is hexadecimal, the second decimal.
    HexadecimalThenDecimal,
    /// The first is decimal, the second hexadecimal.
    DecimalThenHexadecimal,
}

impl IdForm {
    /// What ids of one number have in common, whichever of the forms they are written in. An id that is no number of the
    /// form is folded as text.
    pub fn key(self, id: &[u8]) -> Octets {
        let number = match self {
            Self::Exact => return id.trim_ascii().into(),
            Self::Text => None,
            Self::Decimal => number(id, 10),
            Self::Hexadecimal => number(id, 16),
        };
        match number {
            Some(number) => format!("{number:x}").into(),
            None => folded(id).into(),
        }
    }

    /// `text`, `exact`, `decimal` or `hex`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Exact => "exact",
            Self::Decimal => "decimal",
            Self::Hexadecimal => "hex",
        }
    }

    /// The form that [`IdForm::name`] calls so.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Text, Self::Exact, Self::Decimal, Self::Hexadecimal]
            .into_iter()
            .find(|form| form.name() == name)
    }
}

impl IdForms {
    /// Whether a receipt's id is that of a response.
    pub fn agree(self, response: &[u8], receipt: &[u8]) -> bool {
        self.response.key(response) == self.receipt.key(receipt)
    }

    /// The forms that Kannel's `msg-id-type` stands for: bit 0 set where responses are hexadecimal, bit 1 where receipts
    /// are; both are decimal otherwise.
    pub fn from_kannel(bits: u8) -> Self {
        let form = |bit: u8| match bits & bit {
            0 => IdForm::Decimal,
            _ => IdForm::Hexadecimal,
        };
        Self {
            response: form(1),
            receipt: form(2),
        }
    }
}

impl Agreement {
    /// In what an id of a response and one of a receipt agree, if in anything. Two numbers that agree as text are never
    /// taken for different forms.
    pub fn of(response: &[u8], receipt: &[u8]) -> Option<Self> {
        if response.is_empty() || receipt.is_empty() {
            return None;
        }
        if response == receipt {
            return Some(Self::Same);
        }
        if response.eq_ignore_ascii_case(receipt) {
            return Some(Self::Case);
        }
        if folded(response) == folded(receipt) {
            return Some(Self::Padding);
        }
        let same = |one: Option<u128>, other: Option<u128>| one.is_some() && one == other;
        if same(number(response, 16), number(receipt, 10)) {
            return Some(Self::HexadecimalThenDecimal);
        }
        if same(number(response, 10), number(receipt, 16)) {
            return Some(Self::DecimalThenHexadecimal);
        }
        None
    }

    /// The agreement in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "the same",
            Self::Case => "the same but for upper and lower case",
            Self::Padding => "the same but for leading zeros",
            Self::HexadecimalThenDecimal => "hexadecimal in the response, decimal in the receipt",
            Self::DecimalThenHexadecimal => "decimal in the response, hexadecimal in the receipt",
        }
    }
}

/// A number of 128 bits at most; nothing for what is no number.
fn number(id: &[u8], radix: u32) -> Option<u128> {
    let text = std::str::from_utf8(id).ok()?.trim();
    let is_number = text.bytes().all(|octet| char::from(octet).is_digit(radix));
    if !is_number {
        return None;
    }
    u128::from_str_radix(text, radix).ok()
}

/// Lower case, without blanks around it and without leading zeros.
fn folded(id: &[u8]) -> Vec<u8> {
    let id = id.trim_ascii();
    let padding = id
        .iter()
        .take_while(|octet| **octet == b'0' || octet.is_ascii_whitespace());
    let padding = padding.count().min(id.len().saturating_sub(1));
    id[padding..].to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_one_number_agree() {
        use Agreement::*;
        let cases: [(&str, &str, Option<Agreement>); 11] = [
            ("38601fa", "0059113978", Some(HexadecimalThenDecimal)),
            ("1d305b4c", "0489708364", Some(HexadecimalThenDecimal)),
            ("0489708364", "1d305b4c", Some(DecimalThenHexadecimal)),
            ("1d305b4c", "1D305B4C", Some(Case)),
            ("000012", "12", Some(Padding)),
            ("0A", "a", Some(Padding)),
            ("12", "12", Some(Same)),
            ("0", "000", Some(Padding)),
            ("12", "13", None),
            ("", "", None),
            ("uuid-1", "uuid-2", None),
        ];
        for (response, receipt, wanted) in cases {
            let got = Agreement::of(response.as_bytes(), receipt.as_bytes());
            assert_eq!(got, wanted, "{response} {receipt}");
        }
    }

    #[test]
    fn keys_are_found_by_the_forms_that_the_operator_names() {
        let mixed = IdForms {
            response: IdForm::Hexadecimal,
            receipt: IdForm::Decimal,
        };
        assert!(mixed.agree(b"38601FA", b"0059113978"));
        assert!(!IdForms::default().agree(b"38601FA", b"0059113978"));
        assert!(IdForms::default().agree(b"00ab", b"AB"));
        assert_eq!(IdForms::from_kannel(1), mixed);
        assert!(mixed.agree(b"not-a-number", b"NOT-A-NUMBER"));
        let exact = IdForms {
            response: IdForm::Exact,
            receipt: IdForm::Exact,
        };
        assert!(exact.agree(b"0aB", b"0aB") && !exact.agree(b"0aB", b"0ab") && !exact.agree(b"0aB", b"aB"));
        let long = [b'9'; 64];
        assert!(mixed.agree(&long, &long));
    }
}
