//! Sending: `+CMGS`, `+CMGW`, `+CMSS` and the prompt (TS 27.005 3.5.1, 3.5.3, 3.5.2, 4.3).

use crate::clock::Nanos;
use crate::storage::{Status, Stored};
use crate::wire::{self, Submit};

use super::command::{Form, parameters};
use super::memory::Store;
use super::{Device, Effect, Fail, Flow, Mode};

/// What the text behind a prompt is for.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) purpose: Purpose,
    pub(super) text: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(super) enum Purpose {
    /// `+CMGS` with the length of the TPDU.
    Send(usize),
    /// `+CMGW` with the length of the TPDU and the status to keep it under.
    Write(usize, Status),
    /// `+CNMA` with an acknowledgement PDU.
    Acknowledge,
}

/// A message on its way from the modem to the network.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) tpdu: Vec<u8>,
    /// When Ctrl-Z or `AT+CMSS` came.
    pub(crate) asked: Nanos,
    pub(crate) plan: Plan,
    /// The place it is sent from by `+CMSS`.
    pub(crate) place: Option<Place>,
}

/// A place in a memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    store: Store,
    place: usize,
}

/// What faults make of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// All is well.
    Normal,
    /// The report is to come before the reply.
    ReportFirst,
    /// An error after so long; with `sent` the message goes out all the same.
    Fail { fail: Fail, delay: Nanos, sent: bool },
    /// No reply; with `sent` the message goes out at once.
    Silent { sent: bool },
}

/// The next `left` submissions fail.
#[derive(Debug, Clone)]
pub(super) struct SendError {
    pub(super) left: u32,
    pub(super) fail: Fail,
    pub(super) delay: Nanos,
    pub(super) sent: bool,
}

impl Device {
    pub(super) fn cmgs(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        let Form::Set(value) = form else {
            return if form == Form::Test {
                Ok(Flow::Done)
            } else {
                Err(Fail::Cms(302))
            };
        };
        self.messages_usable()?;
        let parameters = parameters(value);
        Ok(prompt(Purpose::Send(tpdu_length(parameters[0])?)))
    }

    pub(super) fn cmgw(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        let Form::Set(value) = form else {
            return if form == Form::Test {
                Ok(Flow::Done)
            } else {
                Err(Fail::Cms(302))
            };
        };
        self.messages_usable()?;
        let parameters = parameters(value);
        let status = match parameters.get(1) {
            None | Some(&"") => Status::Unsent,
            Some(code) => code.parse().ok().and_then(Status::from_code).ok_or(Fail::Cms(302))?,
        };
        Ok(prompt(Purpose::Write(tpdu_length(parameters[0])?, status)))
    }

    pub(super) fn cmss(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        let Form::Set(value) = form else {
            return if form == Form::Test {
                Ok(Flow::Done)
            } else {
                Err(Fail::Cms(302))
            };
        };
        self.messages_usable()?;
        let store = self.session.stores[1];
        let place = self
            .place(parameters(value)[0])
            .filter(|&place| place < self.size(store))
            .ok_or(Fail::Cms(321))?;
        let message = self.stored_mut(store, place).ok_or(Fail::Cms(321))?;
        let start = message.pdu.len() - message.tpdu_len();
        let tpdu = message.pdu[start..].to_vec();
        Submit::decode(&tpdu).map_err(|_| Fail::Cms(304))?;
        self.hand_in(tpdu, Some(Place { store, place }))
    }

    pub(super) fn open_prompt(&mut self, prompt: Prompt) {
        self.out.extend_from_slice(self.profile.prompt.as_bytes());
        self.mode = Mode::Prompt(prompt);
    }

    /// Octets behind the prompt; gives back those behind Ctrl-Z or ESC.
    pub(super) fn feed_prompt<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let end = bytes.iter().position(|byte| matches!(byte, 0x1A | 0x1B));
        let (piece, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        if std::mem::take(&mut self.faults.unplug_in_pdu) {
            self.effects.push(Effect::Unplug);
            return &[];
        }
        if self.session.echo {
            self.out.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
        }
        let Mode::Prompt(prompt) = &mut self.mode else {
            return rest;
        };
        prompt.text.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
        let too_long = prompt.text.len() > PDU_LIMIT;
        let Some(end) = end.map(|end| bytes[end]).or(too_long.then_some(ESC)) else {
            return rest;
        };
        let Mode::Prompt(prompt) = std::mem::replace(&mut self.mode, Mode::Command) else {
            return rest;
        };
        if end == ESC {
            self.prompt_left()
        } else {
            self.prompt_done(&prompt)
        }
        self.release_held();
        rest
    }

    /// The network's word on a submission; `stored`: by `+CMSS`.
    pub(crate) fn submitted(&mut self, result: Result<u8, Fail>, stored: bool, now: Nanos) {
        self.now = now;
        match result {
            Ok(reference) => {
                let name = if stored { "+CMSS" } else { "+CMGS" };
                self.info(&format!("{name}: {reference}"));
                self.ok();
            }
            Err(fail) => {
                self.counts.refused += 1;
                self.fail(&fail);
            }
        }
        self.resume();
    }

    /// No reply comes, and the modem goes on.
    pub(crate) fn submission_forgotten(&mut self) {
        if matches!(self.mode, Mode::Busy) {
            self.resume();
        }
    }

    /// The SIM's next TP-MR, at the moment the network accepts.
    pub(crate) fn next_reference(&mut self) -> u8 {
        self.counts.sent += 1;
        self.card.next_reference()
    }

    fn prompt_left(&mut self) {
        if let Some(reply) = self.profile.escape_reply.clone() {
            self.final_result(&reply, 0);
        }
    }

    fn prompt_done(&mut self, prompt: &Prompt) {
        let flow = match &prompt.purpose {
            Purpose::Send(length) => self.send(*length, &prompt.text),
            Purpose::Write(length, status) => self.write(*length, *status, &prompt.text),
            Purpose::Acknowledge => self.acknowledge(),
        };
        match flow {
            Ok(Flow::Busy) => self.mode = Mode::Busy,
            Ok(Flow::Done) => self.ok(),
            Ok(_) => {}
            Err(fail) => {
                self.counts.refused += 1;
                self.fail(&fail);
            }
        }
    }

    fn send(&mut self, length: usize, text: &[u8]) -> Result<Flow, Fail> {
        let mut pdu = Vec::with_capacity(text.len() / 2);
        wire::unhex(text, &mut pdu).map_err(|_| Fail::Cms(304))?;
        let (smsc, tpdu) = wire::split_smsc(&pdu, length).map_err(|_| Fail::Cms(304))?;
        Submit::decode(tpdu).map_err(|_| Fail::Cms(304))?;
        if smsc.len() < 2 && self.card.smsc.is_empty() {
            return Err(Fail::Cms(330));
        }
        let cut = smsc.len();
        pdu.drain(..cut);
        self.hand_in(pdu, None)
    }

    pub(super) fn hand_in(&mut self, tpdu: Vec<u8>, place: Option<Place>) -> Result<Flow, Fail> {
        if !self.radio_on() || !self.registered() {
            return Err(Fail::Cms(331));
        }
        let plan = self.plan();
        // Without power nothing is marked any more.
        let place = place.filter(|_| self.faults.unplug_after_ctrl_z.is_none());
        self.effects.push(Effect::Submit(Submission {
            tpdu,
            asked: self.now,
            plan,
            place,
        }));
        if let Some(_sent) = self.faults.unplug_after_ctrl_z.take() {
            self.effects.push(Effect::Unplug);
        }
        Ok(Flow::Busy)
    }

    fn plan(&mut self) -> Plan {
        if let Some(sent) = self.faults.unplug_after_ctrl_z {
            return Plan::Silent { sent };
        }
        if let Some(sent) = self.faults.hang_after_ctrl_z.take() {
            self.faults.hang = true;
            return Plan::Silent { sent };
        }
        if std::mem::take(&mut self.faults.reply_lost) {
            return Plan::Silent { sent: true };
        }
        if let Some(error) = self.faults.send_errors.first_mut() {
            let SendError { fail, delay, sent, .. } = error.clone();
            error.left = error.left.saturating_sub(1);
            self.faults.send_errors.retain(|error| error.left > 0);
            return Plan::Fail { fail, delay, sent };
        }
        if std::mem::take(&mut self.faults.report_before_reply) {
            Plan::ReportFirst
        } else {
            Plan::Normal
        }
    }

    fn write(&mut self, length: usize, status: Status, text: &[u8]) -> Result<Flow, Fail> {
        let mut pdu = Vec::with_capacity(text.len() / 2);
        wire::unhex(text, &mut pdu).map_err(|_| Fail::Cms(304))?;
        wire::split_smsc(&pdu, length).map_err(|_| Fail::Cms(304))?;
        let place = self
            .keep(self.session.stores[1], Stored { status, pdu })
            .ok_or(Fail::Cms(322))?;
        self.info(&format!("+CMGW: {place}"));
        Ok(Flow::Done)
    }

    /// The network has taken what is stored there: from now on the modem says so, whatever becomes of its reply.
    pub(crate) fn mark_sent(&mut self, place: Place) {
        if !self.profile.cmss_marks_sent {
            return;
        }
        if let Some(message) = self.stored_mut(place.store, place.place) {
            message.status = Status::Sent;
        }
    }

    fn release_held(&mut self) {
        if !matches!(self.mode, Mode::Prompt(_)) {
            let held = std::mem::take(&mut self.held);
            self.out.extend_from_slice(&held);
        }
    }
}

fn prompt(purpose: Purpose) -> Flow {
    Flow::Prompt(Prompt {
        purpose,
        text: Vec::with_capacity(400),
    })
}

/// `<length>`: octets of a TPDU (TS 27.005 3.1); more than 176 there never are.
fn tpdu_length(parameter: &str) -> Result<usize, Fail> {
    parameter
        .parse()
        .ok()
        .filter(|length| (1..=176).contains(length))
        .ok_or(Fail::Cms(304))
}

const ESC: u8 = 0x1B;
/// Characters behind a prompt before the modem gives up.
const PDU_LIMIT: usize = 1024;
