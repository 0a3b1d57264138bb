//! Network: registration, operator, signal (TS 27.007 7.2, 7.3, 8.5, 8.69, 10.1.20, 10.1.22).

use crate::settings::ModemSpec;

use super::command::{Command, Form, parameters};
use super::{Device, Effect, Fail, Flow};

/// What the radio sees.
#[derive(Debug)]
pub(super) struct Radio {
    pub(super) signal: u8,
    /// `<stat>` where it is not as the profile registers.
    stat: Option<u8>,
    operator: String,
    plmn: String,
}

impl Radio {
    pub(super) fn new(spec: &ModemSpec) -> Self {
        Self {
            signal: spec.signal,
            stat: None,
            operator: spec.operator.clone(),
            plmn: spec.plmn.clone(),
        }
    }
}

impl Device {
    pub(super) fn execute_radio_command(&mut self, command: &Command<'_>) -> Option<Result<Flow, Fail>> {
        let form = command.form;
        Some(match command.name.as_str() {
            "+CREG" => self.registration("+CREG", 0, form),
            "+CGREG" => self.registration("+CGREG", 1, form),
            "+CEREG" => self.registration("+CEREG", 2, form),
            "+COPS" => self.cops(form),
            "+CSQ" => self.plain(form, |device| format!("+CSQ: {},99", device.shown_signal())),
            "+CESQ" => self.plain(form, |device| {
                format!("+CESQ: {},99,255,255,20,40", device.shown_rxlev())
            }),
            "+CFUN" => self.cfun(form),
            "+CGATT" => self.one_value("+CGATT", form, "1", "(0,1)"),
            "+CGACT" => self.one_value("+CGACT", form, "1,0", "(0,1)"),
            "+CGDCONT" => self.one_value(
                "+CGDCONT",
                form,
                "1,\"IP\",\"internet\",,0,0",
                "(1-16),\"IP\",,,(0-2),(0-4)",
            ),
            "+CGPADDR" => self.one_value("+CGPADDR", form, "1", "(1)"),
            _ => return None,
        })
    }

    pub(super) fn radio_on(&self) -> bool {
        self.session.cfun == 1
    }

    /// Registered for messages if any of the three is (home, roaming, or for messages only).
    pub(super) fn registered(&self) -> bool {
        (0..3).any(|domain| matches!(self.stat(domain), 1 | 5 | 6 | 7 | 9 | 10))
    }

    /// The network lets go of the modem, or takes it.
    pub(super) fn network_changed(&mut self, stat: u8) {
        self.radio.stat = Some(stat);
        self.tell_registration();
        if self.reachable() {
            self.effects.push(Effect::Reachable);
        }
    }

    pub(super) fn is_registered(&mut self) {
        self.tell_registration();
        self.effects.push(Effect::Reachable);
    }

    fn tell_registration(&mut self) {
        for (domain, name) in ["+CREG", "+CGREG", "+CEREG"].into_iter().enumerate() {
            if self.session.creg[domain] > 0 && self.profile.registered[domain] != UNKNOWN {
                let line = format!("{name}: {}{}", self.stat(domain), self.place_of_cell(domain));
                self.urc(&line);
            }
        }
    }

    fn registration(&mut self, name: &str, domain: usize, form: Form<'_>) -> Result<Flow, Fail> {
        if self.profile.registered[domain] == UNKNOWN {
            return Err(Fail::Plain);
        }
        match form {
            Form::Test => self.info(&format!("{name}: (0-2)")),
            Form::Read | Form::Run => {
                let (n, stat, cell) = (self.session.creg[domain], self.stat(domain), self.place_of_cell(domain));
                self.info(&format!("{name}: {n},{stat}{cell}"));
            }
            Form::Set(value) => {
                let n = parameters(value)[0].parse().ok().filter(|n| *n <= 2);
                self.session.creg[domain] = n.ok_or(Fail::Cme(50))?;
            }
        }
        Ok(Flow::Done)
    }

    fn place_of_cell(&self, domain: usize) -> String {
        let shown = self.session.creg[domain] == 2 && matches!(self.stat(domain), 1 | 5 | 6);
        if shown {
            format!(",\"84CD\",\"00D30173\",{}", self.profile.act)
        } else {
            String::new()
        }
    }

    fn stat(&self, domain: usize) -> u8 {
        let usual = self.profile.registered[domain];
        if usual == UNKNOWN || !self.radio_on() || !self.sim_usable() {
            return 0;
        }
        match self.radio.stat {
            _ if usual == 0 => 0,
            Some(1) | None if self.now < self.session.registered_at => 2,
            Some(1) | None => usual,
            Some(stat) => stat,
        }
    }

    fn shown_signal(&self) -> u8 {
        if self.radio_on() { self.radio.signal } else { UNKNOWN }
    }

    /// `<rxlev>` of `+CESQ` counts in steps of 1 dB where `<rssi>` of `+CSQ` counts in steps of 2.
    fn shown_rxlev(&self) -> u8 {
        let signal = self.shown_signal();
        if signal == UNKNOWN {
            UNKNOWN
        } else {
            signal.saturating_mul(2)
        }
    }

    fn cops(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        let act = self.profile.act;
        match form {
            Form::Read | Form::Run if !self.registered() => self.info("+COPS: 0"),
            Form::Read | Form::Run => {
                let format = self.session.cops_format;
                let name = if format == 2 {
                    self.radio.plmn.clone()
                } else {
                    self.to_charset(&self.radio.operator)
                };
                self.info(&format!("+COPS: 0,{format},\"{name}\",{act}"));
            }
            Form::Test => {
                let (name, plmn) = (self.radio.operator.clone(), self.radio.plmn.clone());
                self.info(&format!(
                    "+COPS: (2,\"{name}\",\"{name}\",\"{plmn}\",{act}),,(0-4),(0-2)"
                ));
            }
            Form::Set(value) => match parameters(value)[..] {
                ["3", format, ..] => self.session.cops_format = format.parse().map_err(|_| Fail::Cme(50))?,
                ["0" | "1" | "4", ..] => self.network_changed(1),
                ["2", ..] => self.network_changed(0),
                _ => return Err(Fail::Cme(50)),
            },
        }
        Ok(Flow::Done)
    }

    fn cfun(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        match form {
            Form::Test => self.info("+CFUN: (0,1,4),(0,1)"),
            Form::Read => self.info(&format!("+CFUN: {}", self.session.cfun)),
            Form::Run => return Err(Fail::Plain),
            Form::Set(value) => return self.set_cfun(&parameters(value)),
        }
        Ok(Flow::Done)
    }

    fn set_cfun(&mut self, parameters: &[&str]) -> Result<Flow, Fail> {
        let level: u8 = parameters[0]
            .parse()
            .ok()
            .filter(|level| matches!(level, 0 | 1 | 4))
            .ok_or(Fail::Cme(50))?;
        if parameters.get(1) == Some(&"1") {
            self.ok();
            let said = std::mem::take(&mut self.out);
            self.reboot();
            self.out = said;
            return Ok(Flow::Final);
        }
        let before = std::mem::replace(&mut self.session.cfun, level);
        if level == 0 {
            // Minimum functionality cuts the SIM's power.
            self.card.lock.close();
        }
        if level == 1 {
            self.session.busy_commands = self.profile.busy_after_cfun;
            if before != 1 {
                self.card_is_seen();
            }
        }
        Ok(Flow::Done)
    }

    /// A command with one fixed answer that takes any setting.
    pub(super) fn one_value(&mut self, name: &str, form: Form<'_>, answer: &str, range: &str) -> Result<Flow, Fail> {
        match form {
            Form::Read => self.info(&format!("{name}: {answer}")),
            Form::Test => self.info(&format!("{name}: {range}")),
            _ => {}
        }
        Ok(Flow::Done)
    }
}

/// The command is unknown to this make; the signal is not known.
const UNKNOWN: u8 = 99;
