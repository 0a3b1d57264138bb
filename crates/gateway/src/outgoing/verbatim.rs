//! One SMS whose coding, header and octets the caller wrote: they go out as they are. Front ends whose callers make parts
//! themselves hand them in so.

use message::{Alphabet, Number, SendRequest};
use store::NewMessage;
use tpdu::{Content, Dcs, Submit, UserData, Validity};

use super::compose::{Form, Written, address};
use crate::{Error, Gateway, Origin};

/// The fields of a SUBMIT that the caller decides (TS 23.040 9.2.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verbatim {
    /// TP-PID.
    pub pid: u8,
    /// TP-DCS, which says class and alphabet too.
    pub dcs: Dcs,
    /// TP-RP.
    pub reply_path: bool,
    /// TP-UD with its header.
    pub user_data: UserData,
}

impl Gateway {
    /// What [`Gateway::draft`] makes of a text, of content that is written already. The request's text, class and wish for
    /// transliteration count for nothing. What it says is kept for people, octets in hex.
    ///
    /// # Errors
    /// All that can be said against the message.
    pub fn draft_verbatim(
        &self,
        origin: &Origin,
        request: SendRequest,
        content: &Verbatim,
    ) -> Result<NewMessage, Error> {
        self.draft_of(origin, request, |to, _, form| content.write(to, form))
    }
}

impl Verbatim {
    fn write(&self, to: &Number, form: &Form) -> Result<Written, Error> {
        let submit = Submit {
            report_request: form.report,
            reply_path: self.reply_path,
            pid: self.pid,
            validity: Some(Validity::lasting(form.validity.as_secs())),
            ..Submit::new(address(to), self.dcs, self.user_data.clone())
        };
        let tpdu = submit
            .encode()
            .map_err(|error| Error::invalid("text", error.to_string()))?;
        let (alphabet, told) = match self.user_data.content(self.dcs) {
            Content::Text(text) if self.dcs.alphabet() == tpdu::Alphabet::Ucs2 => (Alphabet::Ucs2, text),
            Content::Text(text) => (Alphabet::Gsm7, text),
            Content::Data(octets) => (Alphabet::Octets, tpdu::to_hex(&octets)),
        };
        Ok(Written {
            tpdus: vec![tpdu],
            alphabet,
            changed: Some(told),
        })
    }
}

/// Whether a SUBMIT says more than could be made of its text again; `parts`: how many its message has.
pub(super) fn is_verbatim(submit: &Submit, parts: usize) -> bool {
    let header = &submit.user_data.header;
    let shared = parts == 1 && header.concat().is_some();
    let usual = Dcs::new(submit.dcs.alphabet(), submit.dcs.class());
    shared
        || header.ports().is_some()
        || submit.pid != 0
        || submit.dcs != usual
        || submit.dcs.alphabet() == tpdu::Alphabet::Data
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tpdu::{Address, Concat, Header, Reference};

    use super::*;

    fn second_of_three() -> UserData {
        let concat = Concat {
            reference: Reference::Eight(7),
            total: 3,
            sequence: 2,
        };
        UserData {
            header: Header::new(vec![concat.element()]),
            body: b"part two".to_vec(),
            missing: 0,
        }
    }

    fn verbatim(dcs: Dcs, user_data: UserData) -> Verbatim {
        Verbatim {
            pid: 0,
            dcs,
            reply_path: false,
            user_data,
        }
    }

    fn form() -> Form {
        Form {
            report: true,
            validity: Duration::from_secs(3600),
            ..Form::default()
        }
    }

    #[test]
    fn header_coding_and_octets_go_out_as_they_came() {
        let to = Number::International("491711234567".into());
        let content = verbatim(Dcs::GSM7, second_of_three());
        let written = content.write(&to, &form()).expect("it fits");
        let Ok(tpdu::Tpdu::Submit(submit)) =
            tpdu::Pdu::decode_bare(&written.tpdus[0], tpdu::Direction::ToNetwork).map(|pdu| pdu.tpdu)
        else {
            panic!("a SUBMIT");
        };
        assert_eq!((submit.dcs, &submit.user_data), (Dcs::GSM7, &second_of_three()));
        assert!(submit.report_request && is_verbatim(&submit, 1) && !is_verbatim(&submit, 3));
        assert_eq!(written.changed.as_deref(), Some("part two"));
        let octets = verbatim(Dcs(0x04), UserData::data(vec![0, 0xAB]));
        let written = octets.write(&to, &form()).expect("it fits");
        assert_eq!(
            (written.alphabet, written.changed.as_deref()),
            (Alphabet::Octets, Some("00AB"))
        );
        let long = verbatim(Dcs(0x04), UserData::data(vec![0; 141]));
        assert_eq!(
            long.write(&to, &form()).map_err(|error| error.field).err(),
            Some(Some("text"))
        );
    }

    #[test]
    fn what_can_be_made_of_its_text_again_is_not_verbatim() {
        let submit = |dcs| Submit::new(Address::international("4917"), dcs, UserData::data(b"x".to_vec()));
        for (dcs, expected) in [
            (0x00, false),
            (0x10, false),
            (0x18, false),
            (0x08, false),
            (0x04, true),
            (0xC8, true),
        ] {
            assert_eq!(is_verbatim(&submit(Dcs(dcs)), 1), expected, "{dcs:#x}");
        }
    }
}
