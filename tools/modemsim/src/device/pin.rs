//! The SIM: PIN, PUK, the tries that are left, and who the SIM is (TS 27.007 8.3, 8.65, 8.17, 7.1, 5.2).

use crate::card::LockState;

use super::command::{Command, Form, parameters};
use super::{Device, Effect, Fail, Flow};

impl Device {
    /// Refuses what the SIM's state does not allow.
    pub(super) fn gate(&self, command: &Command<'_>) -> Result<(), Fail> {
        let name = command.name.as_str();
        if ALWAYS.contains(&name) || self.is_counter(&command.spelled()) {
            return Ok(());
        }
        let needs_sim = NEEDS_SIM.contains(&name) || self.profile.iccid.contains_key(&command.spelled());
        let gated = if self.profile.pin_gates_all {
            self.card.lock.state() != LockState::Open
        } else {
            needs_sim
        };
        if !gated && !needs_sim {
            return Ok(());
        }
        // A SIM lists its number and its ICCID before the PIN is known; messages it does not.
        if OPEN_ON_CARD.contains(&name) || self.profile.iccid.contains_key(&command.spelled()) {
            return if self.card_in { Ok(()) } else { Err(Fail::Cme(10)) };
        }
        self.card_state(name)
    }

    fn card_state(&self, name: &str) -> Result<(), Fail> {
        let messages = MESSAGES.contains(&name);
        let (cme, cms) = match self.card.lock.state() {
            _ if !self.card_in || self.session.cfun == 0 => (10, 310),
            LockState::Pin => (11, 311),
            LockState::Puk => (12, 316),
            LockState::Dead => (13, 313),
            LockState::Open => return Ok(()),
        };
        Err(if messages { Fail::Cms(cms) } else { Fail::Cme(cme) })
    }

    /// The SIM answers messages only some time after the PIN.
    pub(super) fn messages_usable(&self) -> Result<(), Fail> {
        if self.now < self.session.messages_ready_at {
            Err(Fail::Cms(314))
        } else {
            Ok(())
        }
    }

    pub(super) fn execute_sim_command(&mut self, command: &Command<'_>) -> Option<Result<Flow, Fail>> {
        if let Some(answer) = self.profile.iccid.get(&command.spelled()) {
            let line = answer.replace("{iccid}", &self.card.iccid);
            self.info(&line);
            return Some(Ok(Flow::Done));
        }
        if self.is_counter(&command.spelled()) {
            return Some(self.counter(&command.spelled()));
        }
        Some(match command.name.as_str() {
            "+CPIN" => self.cpin(command.form),
            "+CPINR" if self.profile.cpinr => self.cpinr(command.form),
            "+CSIM" if self.profile.csim => self.csim(command.form),
            "+CIMI" => self.plain(command.form, |device| device.card.imsi.clone()),
            "+CNUM" => self.plain(command.form, |device| {
                let number = device.to_charset(&device.card.number);
                format!("+CNUM: ,\"{number}\",145")
            }),
            "+CLCK" => self.clck(command.form),
            "+CRSM" => Err(Fail::Cme(4)),
            _ => return None,
        })
    }

    /// A command without parameters that answers one line.
    pub(super) fn plain(&mut self, form: Form<'_>, line: impl Fn(&Self) -> String) -> Result<Flow, Fail> {
        if form == Form::Run {
            let line = line(self);
            self.info(&line);
        }
        if matches!(form, Form::Run | Form::Test) {
            Ok(Flow::Done)
        } else {
            Err(Fail::Plain)
        }
    }

    fn cpin(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        if !self.card_in {
            return Err(Fail::Cme(10));
        }
        match form {
            Form::Read => {
                if self.session.cfun == 0 {
                    return Err(Fail::Cme(13));
                }
                if self.card.lock.state() == LockState::Dead {
                    return Err(Fail::Cme(13));
                }
                self.info(&format!("+CPIN: {}", self.lock_words()));
                Ok(if self.profile.cpin_ok { Flow::Done } else { Flow::Final })
            }
            Form::Test => Ok(Flow::Done),
            Form::Set(value) => self.enter_pin(&parameters(value)),
            Form::Run => Err(Fail::Plain),
        }
    }

    fn enter_pin(&mut self, parameters: &[&str]) -> Result<Flow, Fail> {
        let before = self.card.lock.state();
        let right = match (before, parameters) {
            (LockState::Open, _) => return Err(Fail::Cme(3)),
            (LockState::Dead, _) => return Err(Fail::Cme(13)),
            (LockState::Pin, [pin]) => self.card.lock.enter_pin(pin),
            (LockState::Puk, [puk, new_pin]) => self.card.lock.enter_puk(puk, new_pin),
            (LockState::Puk, _) => return Err(Fail::Cme(12)),
            _ => return Err(Fail::Cme(50)),
        };
        self.counts.pins_entered += 1;
        if right {
            self.card_is_seen();
            self.effects.push(Effect::Reachable);
            return Ok(Flow::Done);
        }
        match self.card.lock.state() {
            LockState::Puk if before == LockState::Pin => Err(Fail::Cme(12)),
            _ => Err(Fail::Cme(16)),
        }
    }

    fn lock_words(&self) -> &'static str {
        match self.card.lock.state() {
            LockState::Open => "READY",
            LockState::Pin => "SIM PIN",
            LockState::Puk | LockState::Dead => "SIM PUK",
        }
    }

    fn cpinr(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        if form == Form::Test {
            return Ok(Flow::Done);
        }
        if !self.card_in {
            return Err(Fail::Cme(10));
        }
        let (pin, puk) = (self.card.lock.pin_tries, self.card.lock.puk_tries);
        for (name, left, all) in [
            ("SIM PIN", pin, 3),
            ("SIM PUK", puk, 10),
            ("SIM PIN2", 3, 3),
            ("SIM PUK2", 10, 10),
        ] {
            let asked = matches!(form, Form::Set(value) if value.trim_matches('"') != name);
            if !asked {
                self.info(&format!("+CPINR: {name},{left},{all}"));
            }
        }
        Ok(Flow::Done)
    }

    /// VERIFY without data tells the tries and costs none (TS 102 221 11.1.9): `63Cx`.
    fn csim(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        let Form::Set(value) = form else {
            return if form == Form::Test {
                Ok(Flow::Done)
            } else {
                Err(Fail::Plain)
            };
        };
        if !self.card_in {
            return Err(Fail::Cme(10));
        }
        let parameters = parameters(value);
        let (Some(length), Some(apdu)) = (parameters[0].parse::<usize>().ok(), parameters.get(1)) else {
            return Err(Fail::Cme(50));
        };
        if length != apdu.len() {
            return Err(Fail::Cme(50));
        }
        let tries = match *apdu {
            "0020000100" => self.card.lock.pin_tries,
            "002C000100" => self.card.lock.puk_tries,
            "0020008100" => 3,
            "002C008100" => 10,
            _ => {
                self.info("+CSIM: 4,\"6D00\"");
                return Ok(Flow::Done);
            }
        };
        // No try left reads as "authentication method blocked".
        let word = if tries == 0 {
            "6983".into()
        } else {
            format!("63C{tries:X}")
        };
        self.info(&format!("+CSIM: 4,\"{word}\""));
        Ok(Flow::Done)
    }

    fn is_counter(&self, spelled: &str) -> bool {
        self.profile.pin_counter.contains_key(spelled)
    }

    fn counter(&mut self, spelled: &str) -> Result<Flow, Fail> {
        if !self.card_in {
            return Err(Fail::Cme(10));
        }
        let lines = self.profile.pin_counter.get(spelled).cloned().unwrap_or_default();
        for line in lines {
            let line = line.replace("{pin}", &self.card.lock.pin_tries.to_string());
            let line = line.replace("{puk}", &self.card.lock.puk_tries.to_string());
            let line = line
                .replace("{pin2}", "3")
                .replace("{puk2}", "10")
                .replace("{state}", self.lock_words());
            self.info(&line);
        }
        Ok(Flow::Done)
    }

    fn clck(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        match form {
            Form::Test => self.info("+CLCK: (\"SC\")"),
            Form::Set(value) => match parameters(value)[..] {
                ["SC", "2", ..] => self.info(&format!("+CLCK: {}", u8::from(self.card.lock.pin.is_some()))),
                _ => return Err(Fail::Cme(3)),
            },
            _ => return Err(Fail::Plain),
        }
        Ok(Flow::Done)
    }
}

/// Work whatever the SIM's state.
const ALWAYS: [&str; 14] = [
    "", "Z", "E", "V", "Q", "&F", "+CFUN", "+CMEE", "+CPIN", "+CPINR", "+CSIM", "+CGSN", "+CLAC", "+WIND",
];
/// Read from the card without a PIN.
const OPEN_ON_CARD: [&str; 1] = ["+CCID"];
/// Need the card to be open.
const NEEDS_SIM: [&str; 16] = [
    "+CIMI", "+CNUM", "+CSCA", "+CPMS", "+CMGS", "+CMGW", "+CMSS", "+CMGR", "+CMGL", "+CMGD", "+CNMI", "+CNMA",
    "+CSMP", "+CUSD", "+CLCK", "D",
];
/// Fail with `+CMS ERROR`.
const MESSAGES: [&str; 10] = [
    "+CSCA", "+CPMS", "+CMGS", "+CMGW", "+CMSS", "+CMGR", "+CMGL", "+CMGD", "+CNMI", "+CNMA",
];
