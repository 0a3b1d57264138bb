//! Incoming calls: RING with the caller's number, until someone hangs up (TS 27.007 6.11, 7.6; V.250 6.3).

use crate::clock::Nanos;

use super::command::{Command, Form, parameters};
use super::{Device, Effect, Fail, Flow, MILLISECOND, Wake};

/// A call that rings.
#[derive(Debug, Clone)]
pub(super) struct Ringing {
    from: String,
    rings_left: u32,
}

impl Device {
    /// Someone calls; after `rings` rings the caller gives up.
    pub(crate) fn call(&mut self, from: &str, rings: u32, now: Nanos) {
        self.now = now;
        if !self.reachable() || self.session.ringing.is_some() {
            return;
        }
        self.session.ringing = Some(Ringing {
            from: from.into(),
            rings_left: rings,
        });
        self.rings();
    }

    pub(super) fn rings(&mut self) {
        let Some(call) = self.session.ringing.as_mut() else {
            return;
        };
        if call.rings_left == 0 {
            return self.call_ends();
        }
        call.rings_left -= 1;
        let from = call.from.clone();
        let ring = if self.session.crc {
            "+CRING: VOICE".into()
        } else {
            self.profile.ring.clone()
        };
        self.urc(&ring);
        if self.session.clip {
            let kind = if from.starts_with('+') { 145 } else { 129 };
            let number = self.to_charset(&from);
            self.urc(&format!("+CLIP: \"{number}\",{kind},,,,0"));
        }
        self.after(RING_PERIOD, Wake::Ring);
    }

    pub(super) fn execute_call_command(&mut self, command: &Command<'_>) -> Option<Result<Flow, Fail>> {
        Some(match command.name.as_str() {
            "+CLIP" => self.call_switch("+CLIP", command.form),
            "+CRC" => self.call_switch("+CRC", command.form),
            "H" | "+CHUP" => {
                self.session.ringing = None;
                Ok(Flow::Done)
            }
            "+CLCC" => self.list_calls(),
            "A" | "D" => self.no_carrier(),
            "+CUSD" => self.cusd(command.form),
            _ => return None,
        })
    }

    fn call_ends(&mut self) {
        self.session.ringing = None;
        let line = self.profile.hangup.clone();
        self.urc(&line);
    }

    fn call_switch(&mut self, name: &str, form: Form<'_>) -> Result<Flow, Fail> {
        let on = if name == "+CLIP" {
            self.session.clip
        } else {
            self.session.crc
        };
        match form {
            Form::Read if name == "+CLIP" => self.info(&format!("+CLIP: {},1", u8::from(on))),
            Form::Read => self.info(&format!("{name}: {}", u8::from(on))),
            Form::Test => self.info(&format!("{name}: (0,1)")),
            Form::Run => return Err(Fail::Plain),
            Form::Set(value) => {
                let on = parameters(value)[0] == "1";
                *(if name == "+CLIP" {
                    &mut self.session.clip
                } else {
                    &mut self.session.crc
                }) = on;
            }
        }
        Ok(Flow::Done)
    }

    fn list_calls(&mut self) -> Result<Flow, Fail> {
        if let Some(call) = self.session.ringing.clone() {
            self.info(&format!("+CLCC: 1,1,4,0,0,\"{}\",145", call.from));
        }
        Ok(Flow::Done)
    }

    /// There is no voice here: an answered or dialled call ends at once.
    fn no_carrier(&mut self) -> Result<Flow, Fail> {
        self.session.ringing = None;
        self.effects.push(Effect::Reachable);
        Err(Fail::Text("NO CARRIER".into()))
    }
}

const RING_PERIOD: Nanos = 3000 * MILLISECOND;
