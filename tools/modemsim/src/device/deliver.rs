//! Receiving: stored with `+CMTI` and `+CDSI`, or routed with `+CMT` and `+CDS` and acknowledged by `+CNMA` (TS 27.005 3.4.1,
//! 3.4.4).

use crate::clock::Nanos;
use crate::storage::{Status, Stored};
use crate::wire;

use super::command::{Form, parameters};
use super::memory::Store;
use super::submit::{Prompt, Purpose};
use super::{Device, Effect, Fail, Flow, Wake};

/// What became of a message that the network handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The modem has it and has said so to the network.
    Kept,
    /// It was routed; [`Effect::Acknowledged`] or [`Effect::NotAcknowledged`] follows.
    Routed,
    /// There is no room.
    Full,
    /// The modem cannot be reached, or waits for an acknowledgement.
    Unreachable,
}

/// The routed message that waits for `+CNMA`.
#[derive(Debug, Clone, Copy)]
pub(super) struct AwaitedAck {
    ticket: u32,
}

impl Device {
    /// A DELIVER or STATUS-REPORT from the network. `smsc` and the TPDU make up the PDU; `ack_timeout` is how long a routed one
    /// may wait for `+CNMA`.
    pub(crate) fn deliver(&mut self, smsc: &[u8], tpdu: &[u8], ack_timeout: Nanos, now: Nanos) -> Taken {
        self.now = now;
        if !self.reachable() || self.session.awaited_ack.is_some() || self.faults.hang {
            return Taken::Unreachable;
        }
        let is_report = tpdu.first().is_some_and(|first| first & 0x03 == 0x02);
        let pdu = [smsc, tpdu].concat();
        let taken = if is_report {
            self.take_report(pdu, tpdu.len())
        } else {
            self.take_message(pdu, tpdu)
        };
        match taken {
            Taken::Routed => self.await_ack(ack_timeout),
            Taken::Full => self.says_full(),
            _ => {}
        }
        if matches!(taken, Taken::Kept | Taken::Routed) {
            *(if is_report {
                &mut self.counts.reports
            } else {
                &mut self.counts.received
            }) += 1;
        }
        taken
    }

    /// Phase 2+ routing: the network waits for `+CNMA`.
    fn routed(&self) -> Taken {
        if self.session.csms == 1 {
            Taken::Routed
        } else {
            Taken::Kept
        }
    }

    fn take_message(&mut self, pdu: Vec<u8>, tpdu: &[u8]) -> Taken {
        let class = wire::class_of(tpdu);
        let [mode, mt, ..] = self.session.cnmi;
        // Mode 0 keeps announcements in the modem (TS 27.005 3.4.1).
        let mt = if mode == 0 { 0 } else { mt };
        if mt == 2 && class != Some(2) || mt == 3 && class == Some(3) {
            self.urc_with_pdu(&format!("+CMT: ,{}", tpdu.len()), &pdu);
            return self.routed();
        }
        if class == Some(0) && !self.profile.stores_class0 {
            return Taken::Kept;
        }
        let store = if class == Some(2) {
            Store::Sim
        } else {
            self.session.stores[2]
        };
        let Some(place) = self.keep(
            store,
            Stored {
                status: Status::Unread,
                pdu,
            },
        ) else {
            return Taken::Full;
        };
        if mt != 0 {
            let name = self.faults.wrong_memory.clone().unwrap_or_else(|| store.name().into());
            self.urc(&format!("+CMTI: \"{name}\",{place}"));
        }
        Taken::Kept
    }

    fn take_report(&mut self, pdu: Vec<u8>, tpdu_len: usize) -> Taken {
        match self.session.cnmi[3] {
            1 => {
                self.urc_with_pdu(&format!("+CDS: {tpdu_len}"), &pdu);
                self.routed()
            }
            2 => {
                let store = if self.own_reports.size() > 0 {
                    Store::Reports
                } else {
                    self.session.stores[2]
                };
                let Some(place) = self.keep(
                    store,
                    Stored {
                        status: Status::Unread,
                        pdu,
                    },
                ) else {
                    return Taken::Full;
                };
                let name = self.profile.cdsi_memory.clone().unwrap_or_else(|| store.name().into());
                self.urc(&format!("+CDSI: \"{name}\",{place}"));
                Taken::Kept
            }
            // The modem takes it and tells nobody.
            _ => Taken::Kept,
        }
    }

    fn urc_with_pdu(&mut self, line: &str, pdu: &[u8]) {
        self.urc(line);
        let out = self.out_or_held();
        wire::push_hex(out, pdu);
        out.extend_from_slice(b"\r\n");
    }

    fn says_full(&mut self) {
        if let Some(line) = self.profile.full_urc.clone() {
            self.urc(&line);
        }
    }

    fn await_ack(&mut self, timeout: Nanos) {
        self.session.ack_tickets += 1;
        let ticket = self.session.ack_tickets;
        self.session.awaited_ack = Some(AwaitedAck { ticket });
        self.after(timeout, Wake::AckDue(ticket));
    }

    /// A missed `+CNMA` turns routing off: mt and ds become 0 (TS 27.005 3.4.1).
    pub(super) fn ack_is_due(&mut self, ticket: u32) {
        if self.session.awaited_ack.is_none_or(|awaited| awaited.ticket != ticket) {
            return;
        }
        self.session.awaited_ack = None;
        (self.session.cnmi[1], self.session.cnmi[3]) = (0, 0);
        self.counts.unacknowledged += 1;
        self.effects.push(Effect::NotAcknowledged);
    }

    pub(super) fn cnma(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        match form {
            Form::Test => {
                self.info("+CNMA: (0-2)");
                Ok(Flow::Done)
            }
            Form::Run => self.acknowledge(),
            Form::Set(value) => {
                let parameters = parameters(value);
                if parameters
                    .get(1)
                    .is_some_and(|length| !length.is_empty() && *length != "0")
                {
                    return Ok(Flow::Prompt(Prompt {
                        purpose: Purpose::Acknowledge,
                        text: Vec::new(),
                    }));
                }
                match parameters[0] {
                    "0" | "1" => self.acknowledge(),
                    "2" => self.refuse(),
                    _ => Err(Fail::Cms(302)),
                }
            }
            Form::Read => Err(Fail::Cms(303)),
        }
    }

    pub(super) fn acknowledge(&mut self) -> Result<Flow, Fail> {
        self.session.awaited_ack.take().ok_or(Fail::Cms(340))?;
        self.counts.acknowledged += 1;
        self.effects.push(Effect::Acknowledged);
        Ok(Flow::Done)
    }

    fn refuse(&mut self) -> Result<Flow, Fail> {
        self.session.awaited_ack.take().ok_or(Fail::Cms(340))?;
        self.effects.push(Effect::NotAcknowledged);
        Ok(Flow::Done)
    }

    pub(super) fn cnmi(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        match form {
            Form::Test => self.cnmi_test(),
            Form::Read => self.info(&format!(
                "+CNMI: {}",
                self.session.cnmi.map(|value| value.to_string()).join(",")
            )),
            Form::Set(value) => self.choose_cnmi(value)?,
            Form::Run => return Err(Fail::Plain),
        }
        Ok(Flow::Done)
    }

    fn cnmi_test(&mut self) {
        let list = |values: &Vec<u8>| format!("({})", values.iter().map(u8::to_string).collect::<Vec<_>>().join(","));
        let built = || self.profile.cnmi.iter().map(list).collect::<Vec<_>>().join(",");
        let shown = self.profile.cnmi_test.clone().unwrap_or_else(built);
        self.info(&format!("+CNMI: {shown}"));
    }

    fn choose_cnmi(&mut self, value: &str) -> Result<(), Fail> {
        // Values left out at the end are 0 where 0 is allowed (TS 27.005 3.4.1: the defaults of the maker).
        let mut chosen = self
            .profile
            .cnmi
            .clone()
            .map(|allowed| allowed.first().copied().unwrap_or(0));
        for (at, parameter) in parameters(value).into_iter().enumerate() {
            let allowed = self.profile.cnmi.get(at).ok_or(Fail::Cms(302))?;
            let number = match parameter {
                "" => Some(self.session.cnmi[at]),
                number => number.parse().ok().filter(|number| allowed.contains(number)),
            };
            chosen[at] = number.ok_or(Fail::Cms(303))?;
        }
        self.session.cnmi = chosen;
        Ok(())
    }
}
