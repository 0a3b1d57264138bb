//! USSD: dialogues with the network, from either side (TS 27.007 7.15).

use crate::clock::Nanos;
use crate::profile::UssdForm;
use crate::septets;
use crate::settings::UssdNode;

use super::command::{Form, parameters};
use super::general::ucs2_hex;
use super::{Device, Effect, Fail, Flow, Wake};

/// A dialogue that goes on.
#[derive(Debug, Clone)]
pub(super) struct Dialogue {
    /// The page shown last; `None` before the first.
    page: Option<UssdNode>,
    /// What was asked and is not answered yet.
    asked: Option<String>,
}

impl Device {
    pub(super) fn cusd(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        match form {
            Form::Read => self.info(&format!("+CUSD: {}", self.session.cusd)),
            Form::Test => self.info("+CUSD: (0-2)"),
            Form::Run => return Err(Fail::Plain),
            Form::Set(value) => return self.ussd_request(&parameters(value)),
        }
        Ok(Flow::Done)
    }

    /// The network opens a dialogue by itself.
    pub(crate) fn ussd_from_network(&mut self, page: UssdNode, now: Nanos) {
        self.now = now;
        self.ussd_page(page);
    }

    /// How long the network takes to answer.
    pub(crate) fn set_ussd_delay(&mut self, delay: Nanos) {
        self.ussd_delay = delay;
    }

    pub(super) fn ussd_answers(&mut self) {
        let Some(dialogue) = self.session.dialogue.clone() else {
            return;
        };
        let Some(asked) = dialogue.asked else { return };
        let next = match dialogue.page {
            Some(page) => page.answers.get(&asked).cloned(),
            None => self.ussd.get(&asked).cloned(),
        };
        match next {
            Some(page) => self.ussd_page(page),
            // Unknown code or answer: "operation not supported".
            None => {
                self.session.dialogue = None;
                self.urc("+CUSD: 4");
            }
        }
    }

    fn ussd_request(&mut self, parameters: &[&str]) -> Result<Flow, Fail> {
        let presentation: u8 = parameters[0].parse().ok().filter(|n| *n <= 2).ok_or(Fail::Cme(50))?;
        if presentation == 2 {
            self.session.dialogue = None;
            return Ok(Flow::Done);
        }
        self.session.cusd = presentation;
        let Some(request) = parameters.get(1).filter(|text| !text.is_empty()) else {
            return Ok(Flow::Done);
        };
        if !self.registered() {
            return Err(Fail::Cme(30));
        }
        let asked = Some(self.ussd_meaning(request).ok_or(Fail::Cme(50))?);
        let page = self.session.dialogue.take().and_then(|dialogue| dialogue.page);
        self.session.dialogue = Some(Dialogue { page, asked });
        if self.profile.ussd_before_ok {
            self.ussd_answers();
        } else {
            self.effects.push(Effect::After(self.ussd_delay, Wake::Ussd));
        }
        Ok(Flow::Done)
    }

    fn ussd_page(&mut self, page: UssdNode) {
        let ends = page.answers.is_empty();
        let text = self.ussd_string(&page.text);
        let dcs = self.profile.ussd_dcs.map_or(String::new(), |dcs| format!(",{dcs}"));
        if ends && self.profile.ussd_extra_release {
            let notice = self.ussd_string("Initiating Release");
            self.urc(&format!("+CUSD: 2,\"{notice}\"{dcs}"));
        }
        self.urc(&format!("+CUSD: {},\"{text}\"{dcs}", u8::from(!ends)));
        self.session.dialogue = (!ends).then_some(Dialogue {
            page: Some(page),
            asked: None,
        });
    }

    fn ussd_string(&self, text: &str) -> String {
        match self.profile.ussd {
            UssdForm::Plain => text.into(),
            UssdForm::Charset => self.to_charset(text),
            UssdForm::Ucs2 => text.encode_utf16().map(|unit| format!("{unit:04X}")).collect(),
            UssdForm::Packed => hex::encode_upper(septets::pack_ussd(text)),
        }
    }

    /// The text of a request; `None` where it is not in the form this make wants.
    fn ussd_meaning(&self, request: &str) -> Option<String> {
        match self.profile.ussd {
            UssdForm::Plain => Some(request.into()),
            UssdForm::Charset => Some(self.charset_meaning(request)),
            UssdForm::Ucs2 => ucs2_hex(request),
            UssdForm::Packed => hex::decode(request).ok().map(|octets| septets::unpack_ussd(&octets)),
        }
    }
}
