//! Requests: from handles, from the control socket, and what they are told.

use std::path::Path;
use std::time::Duration;

use crate::Error;
use crate::clock::Nanos;
use crate::command::{Command, Kept, ModemView, Reply};
use crate::control::Control;
use crate::incoming;
use crate::record::{Arrived, Stats};

use super::{Answer, CONTROL, Request, Slot, World};

impl World {
    pub(super) fn requests_came(&mut self) {
        let _ = rustix::io::read(&*self.wake, &mut [0; 8]);
        while let Ok((request, reply)) = self.requests.try_recv() {
            let answer = match request {
                Request::Command(command) => self.command(command).map(Answer::Reply),
                Request::Plug(spec) => self.plug(&spec),
                Request::Listen(path) => self.listen(&path).map(|()| Answer::Reply(Reply::Done)),
            };
            // A handle that no longer waits does not matter.
            let _ = reply.send(answer);
        }
    }

    fn listen(&mut self, path: &Path) -> Result<(), Error> {
        let control = Control::listen(path, &self.epoll, CONTROL)?;
        self.control = Some(control);
        Ok(())
    }

    pub(super) fn control_came(&mut self, token: u64) {
        let Some(control) = self.control.as_mut() else {
            return;
        };
        let lines = control.ready(token, &self.epoll);
        let answers: Vec<_> = lines.iter().map(|line| self.answer_line(line)).collect();
        if let Some(control) = self.control.as_mut() {
            control.answer(token, &self.epoll, &answers);
        }
    }

    fn answer_line(&mut self, line: &str) -> serde_json::Value {
        let asked = serde_json::from_str::<Command>(line).map_err(|error| error.to_string());
        match asked.and_then(|command| self.command(command).map_err(|error| error.to_string())) {
            Ok(reply) => serde_json::json!({ "reply": reply }),
            Err(error) => serde_json::json!({ "error": error }),
        }
    }

    fn command(&mut self, command: Command) -> Result<Reply, Error> {
        let now = self.clock.now();
        match command {
            Command::Modems => {
                return Ok(Reply::Modems(
                    self.slots.iter().map(|slot| slot.view(&self.dir)).collect(),
                ));
            }
            Command::Stats => return Ok(Reply::Stats(self.stats())),
            Command::Sent { from } => return Ok(Reply::Sent(self.exchange.sent(from))),
            Command::Times => return Ok(Reply::Times(self.exchange.times())),
            Command::Arrived { from } => return Ok(Reply::Arrived(self.arrivals(from))),
            Command::Stored { modem } => return Ok(Reply::Stored(self.slot(modem)?.kept())),
            Command::Forget => {
                self.exchange.forget();
                self.arrived.clear();
            }
            Command::Fault { modem, fault } => {
                self.slot(modem)?;
                self.fault(modem, fault, now)?;
            }
            Command::Rules { rules } => self.exchange.set_rules(rules),
            Command::Latency { us } => self.exchange.set_latency(Duration::from_micros(us)),
            Command::Text { to, from, text } => self.text(&to, &from, &text, now)?,
            Command::Pdu { to, tpdu } => {
                let line = self.exchange.line_of(&to).ok_or(Error::Unknown(to))?;
                self.exchange.push(line, hex::decode(&tpdu).map_err(|_| Error::NotHex)?);
                self.hand_over(line, now);
                self.step(line, now);
            }
            Command::Call { modem, from, rings } => {
                self.slot(modem)?.device.call(&from, rings, now);
                self.step(modem, now);
            }
            Command::Ussd { modem, page } => {
                self.slot(modem)?.device.ussd_from_network(page, now);
                self.step(modem, now);
            }
            Command::Stop => self.running = false,
        }
        Ok(Reply::Done)
    }

    fn slot(&mut self, modem: usize) -> Result<&mut Slot, Error> {
        self.slots.get_mut(modem).ok_or(Error::NoModem(modem))
    }

    fn text(&mut self, to: &str, from: &str, text: &str, now: Nanos) -> Result<(), Error> {
        let line = self.exchange.line_of(to).ok_or_else(|| Error::Unknown(to.into()))?;
        self.texts = self.texts.wrapping_add(1);
        let scts = self.exchange.stamp(now);
        for deliver in incoming::delivers(from, text, scts, self.texts)? {
            self.exchange.push(line, deliver);
        }
        self.hand_over(line, now);
        self.step(line, now);
        Ok(())
    }

    fn stats(&self) -> Stats {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let processor_us = u64::try_from(used.tv_sec * 1_000_000 + used.tv_nsec / 1000).unwrap_or(0);
        Stats {
            processor_us,
            ..self.exchange.stats.clone()
        }
    }

    fn arrivals(&self, from: usize) -> Vec<Arrived> {
        let records = self.arrived.iter().skip(from);
        let shown = records.map(|record| Arrived {
            modem: record.modem,
            to: self.slots[record.modem].device.number().into(),
            tpdu: hex::encode_upper(&record.tpdu),
            text: incoming::text_of_arrival(&record.tpdu),
            announced_us: self.clock.unix_us(record.at),
        });
        shown.collect()
    }
}

impl Slot {
    pub(super) fn view(&self, dir: &Path) -> ModemView {
        ModemView {
            port: self
                .port
                .as_ref()
                .map_or_else(|| dir.join(&self.name), |port| port.link().into()),
            number: self.device.number().into(),
            profile: self.profile.clone(),
            plugged: self.port.is_some(),
            in_use: self.port.as_ref().is_some_and(|port| port.in_use),
            counts: self.device.counts.clone(),
        }
    }

    pub(super) fn kept(&self) -> Vec<Kept> {
        let shown = self.device.stored().map(|(memory, index, message)| Kept {
            memory: memory.into(),
            index,
            status: message.status.code(),
            pdu: hex::encode_upper(&message.pdu),
        });
        shown.collect()
    }
}
