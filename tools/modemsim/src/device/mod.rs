//! One modem as a value: octets and the time go in ([`Device::receive`], [`Device::tick`]); octets to write
//! ([`Device::out`]) and effects on the world around it ([`Device::effects`]) come out. It knows neither line nor network.

mod call;
mod command;
mod deliver;
mod errors;
mod general;
mod memory;
mod pin;
mod radio;
mod session;
mod submit;
mod ussd;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::card::{Card, LockState};
use crate::clock::{Clock, Nanos};
use crate::fault::Fault;
use crate::profile::Profile;
use crate::record::Counts;
use crate::settings::{ModemSpec, UssdNode};
use crate::storage::Memory;

use command::{Command, behind_at};
pub(crate) use deliver::Taken;
pub(crate) use errors::Fail;
use session::Session;
pub(crate) use submit::{Place, Plan, Submission};

/// A modem with the SIM in it.
#[derive(Debug)]
pub(crate) struct Device {
    profile: Arc<Profile>,
    imei: String,
    card: Card,
    card_in: bool,
    /// The modem's own memories: they survive power off.
    own_messages: Memory,
    own_reports: Memory,
    radio: radio::Radio,
    ussd: BTreeMap<String, UssdNode>,
    session: Session,
    mode: Mode,
    /// The command line as far as it has come.
    line: Vec<u8>,
    /// What came while a command was at work.
    backlog: Vec<u8>,
    /// Unsolicited lines that wait for the end of a prompt.
    held: Vec<u8>,
    faults: Faults,
    /// Turns the time that comes in into the network's local time.
    clock: Arc<Clock>,
    ussd_delay: Nanos,
    now: Nanos,
    /// Grows with each power off: what was planned before is void.
    epoch: u32,
    /// Octets to write.
    pub(crate) out: Vec<u8>,
    /// What the world is asked to do.
    pub(crate) effects: Vec<Effect>,
    pub(crate) counts: Counts,
}

/// What a modem asks of the world around it.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Hand a message to the network; [`Device::submitted`] ends it.
    Submit(Submission),
    /// Call [`Device::tick`] after so long.
    After(Nanos, Wake),
    /// Waiting messages may be tried again.
    Reachable,
    /// The routed message was acknowledged.
    Acknowledged,
    /// The routed message was not acknowledged in time.
    NotAcknowledged,
    /// The line is cut.
    Unplug,
}

/// What a modem wakes up for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wake {
    Booted,
    Ready,
    Registered,
    Noise,
    Ussd,
    Ring,
    AckDue(u32),
    Flood { left: u32, every: Nanos, line: String },
}

/// What octets mean that come now.
#[derive(Debug)]
enum Mode {
    Off,
    Command,
    /// Behind the prompt, up to Ctrl-Z or ESC.
    Prompt(submit::Prompt),
    /// A command is at work; what comes waits.
    Busy,
}

/// Switched faults and those that wait for their moment.
#[derive(Debug, Default)]
struct Faults {
    hang: bool,
    hang_after_ctrl_z: Option<bool>,
    hang_at: Option<String>,
    reply_lost: bool,
    send_errors: Vec<submit::SendError>,
    unplug_in_pdu: bool,
    unplug_after_ctrl_z: Option<bool>,
    memory_full: bool,
    wrong_memory: Option<String>,
    report_before_reply: bool,
    echo_storm: usize,
}

/// How a command ended.
enum Flow {
    /// `OK`, once all commands of the line are done.
    Done,
    /// The final result was given, or there is none.
    Final,
    /// The prompt was given.
    Prompt(submit::Prompt),
    /// The result follows later.
    Busy,
}

impl Device {
    pub(crate) fn new(spec: &ModemSpec, clock: Arc<Clock>) -> Self {
        let profile = Arc::new(spec.profile.clone());
        Self {
            imei: spec.imei.clone(),
            card: Card::new(spec),
            card_in: true,
            own_messages: Memory::new(profile.me_size),
            own_reports: Memory::new(profile.sr_size),
            radio: radio::Radio::new(spec),
            ussd: spec.ussd.clone(),
            session: Session::new(&profile),
            mode: Mode::Off,
            line: Vec::new(),
            backlog: Vec::new(),
            held: Vec::new(),
            faults: Faults::default(),
            clock,
            ussd_delay: 0,
            now: 0,
            epoch: 0,
            out: Vec::new(),
            effects: Vec::new(),
            counts: Counts::default(),
            profile,
        }
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(crate) fn number(&self) -> &str {
        &self.card.number
    }

    /// Power on without the noise of a boot: the modem has long been running when it is first seen.
    pub(crate) fn power_on(&mut self, now: Nanos) {
        self.now = now;
        self.start_up();
    }

    /// Power off: the session is gone, memories and SIM stay.
    pub(crate) fn power_off(&mut self) {
        self.epoch += 1;
        self.mode = Mode::Off;
        self.session = Session::new(&self.profile);
        self.card.lock.close();
        self.out.clear();
        self.line.clear();
        self.backlog.clear();
        self.held.clear();
    }

    /// Octets from the line.
    pub(crate) fn receive(&mut self, bytes: &[u8], now: Nanos) {
        self.now = now;
        for _ in 0..self.faults.echo_storm {
            self.out.extend_from_slice(bytes);
        }
        if !self.faults.hang {
            self.feed(bytes);
        }
    }

    /// A wake-up asked for by [`Effect::After`].
    pub(crate) fn tick(&mut self, wake: Wake, now: Nanos) {
        self.now = now;
        match wake {
            Wake::Booted => {
                self.mode = Mode::Command;
                self.lines(&self.profile.clone().boot_urcs);
                self.start_up();
            }
            Wake::Ready => self.sim_is_ready(),
            Wake::Registered => self.is_registered(),
            Wake::Noise => self.make_noise(),
            Wake::Ussd => self.ussd_answers(),
            Wake::Ring => self.rings(),
            Wake::AckDue(ticket) => self.ack_is_due(ticket),
            Wake::Flood { left, every, line } => self.flood(left, every, &line),
        }
    }

    /// Puts a fault into force that concerns the modem or its SIM; those of the line are the port's.
    pub(crate) fn fault(&mut self, fault: Fault, now: Nanos) {
        self.now = now;
        match fault {
            Fault::Heal => self.faults = Faults::default(),
            Fault::Bytes { hex } => self.out.extend(hex::decode(hex).unwrap_or_default()),
            Fault::EchoStorm { times } => self.faults.echo_storm = times,
            Fault::Hang => self.faults.hang = true,
            Fault::HangAfterCtrlZ { sent } => self.faults.hang_after_ctrl_z = Some(sent),
            Fault::HangAt { command } => self.faults.hang_at = Some(command),
            Fault::ReplyLost => self.faults.reply_lost = true,
            Fault::SendError {
                count,
                cms,
                cme,
                delay_ms,
                sent,
            } => {
                let fail = cms.map(Fail::Cms).or(cme.map(Fail::Cme)).unwrap_or(Fail::Plain);
                self.faults.send_errors.push(submit::SendError {
                    left: count,
                    fail,
                    delay: delay_ms * MILLISECOND,
                    sent,
                });
            }
            Fault::UnplugInPdu => self.faults.unplug_in_pdu = true,
            Fault::UnplugAfterCtrlZ { sent } => self.faults.unplug_after_ctrl_z = Some(sent),
            Fault::Reboot => self.reboot(),
            Fault::MemoryFull { on } => self.set_full(on),
            Fault::WrongMemory { name } => self.faults.wrong_memory = Some(name),
            Fault::ReportBeforeReply => self.faults.report_before_reply = true,
            Fault::UrcFlood { count, line, every_ms } => self.flood(count, every_ms * MILLISECOND, &line),
            Fault::Imei { imei } => self.imei = imei,
            other => self.fault_of_sim_or_radio(other),
        }
    }

    /// Whether it waits for the text of a message.
    pub(crate) fn is_at_prompt(&self) -> bool {
        matches!(self.mode, Mode::Prompt(_))
    }

    /// Whether the network can hand over a message now.
    pub(crate) fn reachable(&self) -> bool {
        self.sim_usable() && self.radio_on() && self.registered() && self.now >= self.session.messages_ready_at
    }

    fn fault_of_sim_or_radio(&mut self, fault: Fault) {
        match fault {
            Fault::SimOut => self.card_in = false,
            Fault::SimIn => {
                self.card_in = true;
                self.card.lock.close();
                self.card_is_seen();
            }
            Fault::SimLocked { pin } => {
                self.card.lock.pin = Some(pin);
                self.card.lock.close();
            }
            Fault::Iccid { iccid } => self.card.iccid = iccid,
            Fault::PinTries { pin, puk } => (self.card.lock.pin_tries, self.card.lock.puk_tries) = (pin, puk),
            Fault::Registration { stat } => self.network_changed(stat),
            Fault::Signal { rssi } => self.radio.signal = rssi,
            _ => {}
        }
    }

    fn start_up(&mut self) {
        self.counts.boots += 1;
        self.mode = Mode::Command;
        self.card_is_seen();
        if self.profile.noise_ms > 0 && !self.profile.noise.is_empty() {
            self.after(self.profile.noise_ms * MILLISECOND, Wake::Noise);
        }
    }

    fn reboot(&mut self) {
        self.power_off();
        self.after(self.profile.boot_ms * MILLISECOND, Wake::Booted);
    }

    /// The card is read: with an open lock the rest follows by itself.
    fn card_is_seen(&mut self) {
        if !self.sim_usable() {
            return;
        }
        let ready = self.profile.sim_busy_ms * MILLISECOND;
        let registered = ready + self.profile.register_ms * MILLISECOND;
        self.session.messages_ready_at = self.now + ready;
        self.session.registered_at = self.now + registered;
        if ready > 0 || !self.profile.ready_urcs.is_empty() {
            self.after(ready, Wake::Ready);
        }
        self.after(registered, Wake::Registered);
    }

    fn sim_is_ready(&mut self) {
        self.lines(&self.profile.clone().ready_urcs);
        self.effects.push(Effect::Reachable);
    }

    fn sim_usable(&self) -> bool {
        self.card_in
            && self.session.cfun != 0
            && self.card.lock.state() == LockState::Open
            && !matches!(self.mode, Mode::Off)
    }

    fn make_noise(&mut self) {
        let profile = Arc::clone(&self.profile);
        let line = &profile.noise[self.session.noise_made % profile.noise.len()];
        self.session.noise_made += 1;
        self.out_or_held().extend_from_slice(b"\r\n");
        self.out_or_held().extend_from_slice(line.as_bytes());
        self.out_or_held().extend_from_slice(profile.noise_end.as_bytes());
        self.after(profile.noise_ms * MILLISECOND, Wake::Noise);
    }

    fn flood(&mut self, count: u32, every: Nanos, line: &str) {
        let now = if every == 0 { count } else { count.min(1) };
        for _ in 0..now {
            self.urc(line);
        }
        if count > now {
            self.after(
                every,
                Wake::Flood {
                    left: count - now,
                    every,
                    line: line.into(),
                },
            );
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.mode {
                Mode::Off => return,
                Mode::Busy => return self.keep_for_later(rest),
                Mode::Command => self.feed_line(rest),
                Mode::Prompt(_) => self.feed_prompt(rest),
            };
        }
    }

    fn keep_for_later(&mut self, bytes: &[u8]) {
        let room = BACKLOG_LIMIT.saturating_sub(self.backlog.len());
        self.backlog.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The command at work is done: what came meanwhile is taken up.
    fn resume(&mut self) {
        self.mode = Mode::Command;
        let backlog = std::mem::take(&mut self.backlog);
        self.feed(&backlog);
    }

    fn feed_line<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let end = bytes.iter().position(|&byte| byte == b'\r');
        let (piece, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        if self.session.echo {
            self.out.extend_from_slice(piece);
        }
        self.line.extend_from_slice(piece);
        if end.is_some() || self.line.len() > LINE_LIMIT {
            let line = std::mem::take(&mut self.line);
            self.execute_line(&line);
            if self.line.is_empty() {
                self.line = line;
                self.line.clear();
            }
        }
        rest
    }

    fn execute_line(&mut self, line: &[u8]) {
        // ESC and Ctrl-Z that nobody waited for end what stood before them.
        let start = line
            .iter()
            .rposition(|byte| matches!(byte, 0x1A | 0x1B))
            .map_or(0, |at| at + 1);
        let text: String = line[start..].iter().map(|&byte| char::from(byte)).collect();
        let Some(mut rest) = behind_at(text.trim_end()) else {
            return;
        };
        self.counts.commands += 1;
        loop {
            let (command, tail) = Command::take(rest);
            if self.faults.hang_at.as_ref() == Some(&command.name) {
                self.faults.hang = true;
                return;
            }
            match self.execute(&command) {
                Ok(Flow::Done) if tail.is_empty() => return self.ok(),
                Ok(Flow::Done) => rest = tail,
                Ok(Flow::Final) => return,
                Ok(Flow::Busy) => return self.mode = Mode::Busy,
                Ok(Flow::Prompt(prompt)) => return self.open_prompt(prompt),
                Err(fail) => return self.fail(&fail),
            }
        }
    }

    fn execute(&mut self, command: &Command<'_>) -> Result<Flow, Fail> {
        if self.session.busy_commands > 0 {
            self.session.busy_commands -= 1;
            return Err(Fail::Cme(515));
        }
        if let Some(flow) = self.answered_by_profile(command) {
            return flow;
        }
        self.gate(command)?;
        self.execute_message_command(command)
            .or_else(|| self.execute_radio_command(command))
            .or_else(|| self.execute_sim_command(command))
            .or_else(|| self.execute_general_command(command))
            .unwrap_or(Err(Fail::Plain))
    }

    fn execute_message_command(&mut self, command: &Command<'_>) -> Option<Result<Flow, Fail>> {
        Some(match command.name.as_str() {
            "+CMGS" => self.cmgs(command.form),
            "+CMGW" => self.cmgw(command.form),
            "+CMSS" => self.cmss(command.form),
            "+CMGR" => self.cmgr(command.form),
            "+CMGL" => self.cmgl(command.form),
            "+CMGD" => self.cmgd(command.form),
            "+CNMA" => self.cnma(command.form),
            "+CNMI" => self.cnmi(command.form),
            "+CPMS" => self.cpms(command.form),
            "+CSMS" => self.csms(command.form),
            "+CMGF" => self.cmgf(command.form),
            "+CMMS" => self.cmms(command.form),
            "+CSMP" => self.csmp(command.form),
            "+CSDH" => self.csdh(command.form),
            "+CSCA" => self.csca(command.form),
            "+CGSMS" => self.cgsms(command.form),
            "+CSCB" => self.cscb(command.form),
            _ => return None,
        })
    }

    /// Answers that a profile gives outright.
    fn answered_by_profile(&mut self, command: &Command<'_>) -> Option<Result<Flow, Fail>> {
        if self.profile.answers.is_empty() && self.profile.iccid.is_empty() && self.profile.pin_counter.is_empty() {
            return None;
        }
        let profile = Arc::clone(&self.profile);
        let spelled = command.spelled();
        let lines = profile.answers.get(&spelled)?;
        let Some((last, before)) = lines.split_last() else {
            return Some(Ok(Flow::Done));
        };
        for line in before {
            self.info(line);
        }
        match last.as_str() {
            "-" => return Some(Ok(Flow::Final)),
            "OK" => return Some(Ok(Flow::Done)),
            "ERROR" => return Some(Err(Fail::Plain)),
            _ => {}
        }
        if last.starts_with("+CME ERROR") || last.starts_with("+CMS ERROR") || last == "COMMAND NOT SUPPORT" {
            return Some(Err(Fail::Text(last.clone())));
        }
        self.info(last);
        Some(Ok(Flow::Done))
    }

    /// A line of information before the final result.
    fn info(&mut self, text: &str) {
        if self.profile.leading_crlf {
            self.out.extend_from_slice(b"\r\n");
        }
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    fn urc(&mut self, text: &str) {
        let out = self.out_or_held();
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    fn lines(&mut self, lines: &[String]) {
        for line in lines {
            self.urc(line);
        }
    }

    /// Where unsolicited lines go: behind a prompt they wait.
    fn out_or_held(&mut self) -> &mut Vec<u8> {
        if matches!(self.mode, Mode::Prompt(_)) {
            &mut self.held
        } else {
            &mut self.out
        }
    }

    fn ok(&mut self) {
        self.final_result("OK", 0);
    }

    fn fail(&mut self, fail: &Fail) {
        let text = fail.text(self.session.cmee);
        self.final_result(&text, 4);
    }

    /// A final result, as a word or as a number (V.250 5.7.1).
    fn final_result(&mut self, text: &str, number: u8) {
        if self.session.quiet {
            return;
        }
        if !self.session.verbose {
            return self.out.extend_from_slice(format!("{number}\r").as_bytes());
        }
        self.info(text);
    }

    fn after(&mut self, delay: Nanos, wake: Wake) {
        self.effects.push(Effect::After(delay, wake));
    }
}

/// A millisecond.
const MILLISECOND: Nanos = 1_000_000;
/// Octets that wait while a command is at work; more are lost, as in a modem.
const BACKLOG_LIMIT: usize = 8192;
/// Octets of a command line; a longer one is executed as far as it came, and fails.
const LINE_LIMIT: usize = 2048;

#[cfg(test)]
mod tests {
    use crate::dice::Dice;

    use super::*;

    /// Pieces that lines are made of: commands, parameters, ends, noise.
    const PIECES: [&str; 44] = [
        "AT", "at", "+CMGS", "+CMGW", "+CMSS", "+CMGR", "+CMGL", "+CMGD", "+CNMI", "+CNMA", "+CPMS", "+CSMP", "+CSCA",
        "+CUSD", "+CPIN", "+CSIM", "+COPS", "+CREG", "+CFUN", "+CSCS", "+CLCK", "+CCLK", "E0", "V1", "&F", "D123",
        "S0", "=", "?", "=?", ",", ",,,,,,", "\"", "\"SM\"", "\"UCS2\"", "0", "1", "23", "00", "0051AB", ";", "\r",
        "\u{1a}", "\u{1b}",
    ];

    #[test]
    fn no_input_makes_a_modem_panic() {
        let mut dice = Dice::default();
        let clock = Arc::new(Clock::new(4));
        for name in Profile::names() {
            let profile = Profile::find(name).unwrap();
            let mut device = Device::new(
                &ModemSpec {
                    profile,
                    ..ModemSpec::new(0)
                },
                Arc::clone(&clock),
            );
            device.power_on(0);
            for step in 0..20_000 {
                let piece = PIECES[usize::from(dice.octet()) % PIECES.len()];
                let noise = [dice.octet()];
                let bytes = if dice.percent() < 3 { &noise } else { piece.as_bytes() };
                device.receive(bytes, step * MILLISECOND);
                for effect in std::mem::take(&mut device.effects) {
                    match effect {
                        Effect::Submit(submission) => device.submitted(Ok(7), submission.place.is_some(), step),
                        Effect::After(_, wake) if wake != Wake::Noise => device.tick(wake, step * MILLISECOND),
                        _ => {}
                    }
                }
                device.out.clear();
            }
            assert!(device.counts.commands > 100, "{name}");
        }
    }
}
