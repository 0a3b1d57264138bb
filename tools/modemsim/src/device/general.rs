//! Who the modem is, how its line behaves, and the settings of messages (V.250, TS 27.007 5 and 8, TS 27.005 3.1 to 3.3).

use super::command::{Command, Form, parameters};
use super::{Device, Fail, Flow};

impl Device {
    pub(super) fn execute_general_command(&mut self, command: &Command<'_>) -> Option<Result<Flow, Fail>> {
        let form = command.form;
        Some(match command.name.as_str() {
            "" => Ok(Flow::Done),
            "E" | "V" | "Q" => self.switch(&command.name, form),
            "Z" | "&F" => {
                self.session.reset_line(&self.profile.clone());
                Ok(Flow::Done)
            }
            "&W" => {
                self.counts.nvram_writes += 1;
                Ok(Flow::Done)
            }
            "X" | "S" | "L" | "M" | "T" | "P" | "O" | "&C" | "&D" | "&S" | "&K" | "&V" | "\\Q" => Ok(Flow::Done),
            "I" => self.identify(),
            "+CGMI" | "+GMI" => self.plain(form, |device| device.profile.maker.clone()),
            "+CGMM" | "+GMM" => self.plain(form, |device| device.profile.model.clone()),
            "+CGMR" | "+GMR" if self.profile.revision.is_empty() => Err(Fail::Plain),
            "+CGMR" | "+GMR" => self.plain(form, |device| device.profile.revision.clone()),
            "+CGSN" | "+GSN" => self.plain(form, |device| device.imei.clone()),
            "+GCAP" => self.plain(form, |_| "+GCAP: +CGSM,+DS,+ES".into()),
            "+CLAC" => self.list_commands(),
            "+CMEE" => self.cmee(form),
            "+CSCS" => self.cscs(form),
            "+CCLK" => self.cclk(form),
            "+CBC" => self.plain(form, |_| "+CBC: 0,100,4000".into()),
            "+CPAS" => self.plain(form, |device| {
                format!("+CPAS: {}", if device.session.ringing.is_some() { 3 } else { 0 })
            }),
            "+IPR" => self.one_value("+IPR", form, "115200", "(0,9600,115200)"),
            "+ICF" | "+IFC" | "+CTZR" | "+CTZU" | "+CGEREP" | "+CSSN" | "+COLP" | "+CVHU" | "+CMUT" | "+CSTA" => {
                Ok(Flow::Done)
            }
            "+CPBS" => self.one_value("+CPBS", form, "\"SM\",0,250", "(\"SM\")"),
            _ => return self.execute_call_command(command),
        })
    }

    /// ATE, ATV, ATQ: off without a number or with 0.
    fn switch(&mut self, name: &str, form: Form<'_>) -> Result<Flow, Fail> {
        let on = match form {
            Form::Run | Form::Set("0") => false,
            Form::Set("1") => true,
            _ => return Err(Fail::Plain),
        };
        match name {
            "E" => self.session.echo = on,
            "V" => self.session.verbose = on,
            _ => self.session.quiet = on,
        }
        Ok(Flow::Done)
    }

    fn identify(&mut self) -> Result<Flow, Fail> {
        let profile = self.profile.clone();
        self.info(&format!("Manufacturer: {}", profile.maker.trim()));
        self.info(&format!("Model: {}", profile.model.trim()));
        self.info(&format!("Revision: {}", profile.revision));
        self.info(&format!("IMEI: {}", self.imei.clone()));
        Ok(Flow::Done)
    }

    fn list_commands(&mut self) -> Result<Flow, Fail> {
        for name in LISTED {
            self.info(name);
        }
        Ok(Flow::Done)
    }

    fn cmee(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        match form {
            Form::Read => self.info(&format!("+CMEE: {}", self.session.cmee)),
            Form::Test => self.info("+CMEE: (0-2)"),
            Form::Set(value) => self.session.cmee = number(value, 0..=2)?,
            Form::Run => self.session.cmee = 0,
        }
        Ok(Flow::Done)
    }

    fn cscs(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        match form {
            Form::Read => self.info(&format!("+CSCS: \"{}\"", self.session.charset.clone())),
            Form::Test => {
                let list: Vec<_> = self.profile.charsets.iter().map(|name| format!("\"{name}\"")).collect();
                self.info(&format!("+CSCS: ({})", list.join(",")));
            }
            Form::Set(value) => {
                let name = parameters(value)[0];
                let known = self.profile.charsets.iter().find(|known| *known == name);
                self.session.charset = known.cloned().ok_or(Fail::Cme(4))?;
            }
            Form::Run => return Err(Fail::Plain),
        }
        Ok(Flow::Done)
    }

    fn cclk(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        if form == Form::Read {
            let time = self.clock.cclk(self.now);
            self.info(&format!("+CCLK: \"{time}\""));
        }
        Ok(Flow::Done)
    }

    pub(super) fn csms(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        match form {
            Form::Read => self.info(&format!("+CSMS: {},1,1,1", self.session.csms)),
            Form::Test => {
                let list: Vec<_> = self.profile.csms.iter().map(u8::to_string).collect();
                self.info(&format!("+CSMS: ({})", list.join(",")));
            }
            Form::Set(value) => {
                let service: u8 = parameters(value)[0].parse().map_err(|_| Fail::Cms(303))?;
                self.session.csms = Some(service)
                    .filter(|service| self.profile.csms.contains(service))
                    .ok_or(Fail::Cms(303))?;
                self.info("+CSMS: 1,1,1");
            }
            Form::Run => return Err(Fail::Plain),
        }
        Ok(Flow::Done)
    }

    pub(super) fn cmgf(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        match form {
            Form::Read => self.info("+CMGF: 0"),
            Form::Test => self.info("+CMGF: (0)"),
            // PDU mode only.
            Form::Set(value) => drop(number(value, 0..=0)?),
            Form::Run => {}
        }
        Ok(Flow::Done)
    }

    pub(super) fn cmms(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        if !self.profile.cmms {
            return Err(Fail::Plain);
        }
        match form {
            Form::Read => self.info(&format!("+CMMS: {}", self.session.cmms)),
            Form::Test => self.info("+CMMS: (0-2)"),
            Form::Set(value) => self.session.cmms = number(value, 0..=2)?,
            Form::Run => return Err(Fail::Plain),
        }
        Ok(Flow::Done)
    }

    pub(super) fn csmp(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        match form {
            Form::Read => self.info(&format!(
                "+CSMP: {}",
                self.session.csmp.map(|value| value.to_string()).join(",")
            )),
            Form::Set(value) => {
                for (at, parameter) in parameters(value)
                    .into_iter()
                    .enumerate()
                    .filter(|(_, parameter)| !parameter.is_empty())
                {
                    *self.session.csmp.get_mut(at).ok_or(Fail::Cms(302))? =
                        parameter.parse().map_err(|_| Fail::Cms(302))?;
                }
                if self.profile.csmp_clears_csca {
                    self.card.smsc.clear();
                }
            }
            Form::Test => {}
            Form::Run => return Err(Fail::Plain),
        }
        Ok(Flow::Done)
    }

    pub(super) fn csdh(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        match form {
            Form::Read => self.info(&format!("+CSDH: {}", self.session.csdh)),
            Form::Test => self.info("+CSDH: (0,1)"),
            Form::Set(value) => self.session.csdh = number(value, 0..=1)?,
            Form::Run => return Err(Fail::Plain),
        }
        Ok(Flow::Done)
    }

    pub(super) fn csca(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        if form != Form::Test {
            self.messages_usable()?;
        }
        match form {
            Form::Read if self.card.smsc.is_empty() => {}
            Form::Read => {
                let kind = if self.card.smsc.starts_with('+') { 145 } else { 129 };
                let shown = self.to_charset(&self.card.smsc);
                self.info(&format!("+CSCA: \"{shown}\",{kind}"));
            }
            Form::Set(value) => {
                let parameters = parameters(value);
                let number = self.charset_meaning(parameters[0]);
                let plus = parameters.get(1) == Some(&"145") && !number.starts_with('+');
                self.card.smsc = if plus { format!("+{number}") } else { number };
            }
            Form::Test => {}
            Form::Run => return Err(Fail::Plain),
        }
        Ok(Flow::Done)
    }

    pub(super) fn cgsms(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        self.one_value("+CGSMS", form, "3", "(0-3)")
    }

    pub(super) fn cscb(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        self.one_value("+CSCB", form, "0,\"\",\"\"", "(0,1)")
    }

    /// A string as `+CSCS` wants it: UCS-2 goes in hexadecimal.
    pub(super) fn to_charset(&self, text: &str) -> String {
        if self.session.charset != "UCS2" {
            return text.into();
        }
        text.encode_utf16().map(|unit| format!("{unit:04X}")).collect()
    }

    /// What a string given under `+CSCS` means; what is no UCS-2 in hexadecimal is taken as it stands.
    pub(super) fn charset_meaning(&self, text: &str) -> String {
        if self.session.charset != "UCS2" {
            return text.into();
        }
        ucs2_hex(text).unwrap_or_else(|| text.into())
    }
}

/// UCS-2 in hexadecimal as text.
pub(super) fn ucs2_hex(text: &str) -> Option<String> {
    let octets = hex::decode(text).ok().filter(|octets| octets.len().is_multiple_of(2))?;
    let units: Vec<u16> = octets
        .chunks(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16(&units).ok()
}

fn number(value: &str, range: std::ops::RangeInclusive<u8>) -> Result<u8, Fail> {
    parameters(value)[0]
        .parse()
        .ok()
        .filter(|value| range.contains(value))
        .ok_or(Fail::Cme(50))
}

/// What `AT+CLAC` lists.
const LISTED: [&str; 34] = [
    "E", "V", "Q", "Z", "I", "&F", "D", "H", "+CMEE", "+CGMI", "+CGMM", "+CGMR", "+CGSN", "+CIMI", "+CCID", "+CNUM",
    "+CPIN", "+CREG", "+CGREG", "+COPS", "+CSQ", "+CSCA", "+CSCS", "+CSMS", "+CMGF", "+CPMS", "+CNMI", "+CMGS",
    "+CMGR", "+CMGL", "+CMGD", "+CMGW", "+CMSS", "+CUSD",
];
