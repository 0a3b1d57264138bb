//! Lines: writing, dripping, opening and closing, plugging and the faults of a line.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::event::epoll;
use rustix::fs::inotify;

use crate::Error;
use crate::clock::{Nanos, nanos};
use crate::device::Device;
use crate::fault::Fault;
use crate::port::Port;
use crate::settings::ModemSpec;

use super::{Answer, Due, Slot, World};

impl World {
    /// Writes what the device says, as far as the line takes it.
    pub(super) fn flush(&mut self, modem: usize) {
        let slot = &mut self.slots[modem];
        if slot.device.out.is_empty() {
            return self.set_interest(modem);
        }
        let Some(port) = &slot.port else {
            return slot.device.out.clear();
        };
        if !port.in_use || slot.device.out.len() > OUT_LIMIT {
            slot.device.counts.dropped_octets += slot.device.out.len() as u64;
            slot.device.out.clear();
            return;
        }
        if slot.drip.is_some() {
            return self.start_dripping(modem);
        }
        let written = port.write(&slot.device.out).unwrap_or(slot.device.out.len());
        if written == slot.device.out.len() {
            slot.device.out.clear()
        } else {
            drop(slot.device.out.drain(..written))
        }
        self.set_interest(modem);
    }

    fn start_dripping(&mut self, modem: usize) {
        let slot = &mut self.slots[modem];
        if !std::mem::replace(&mut slot.dripping, true) {
            self.drip(modem);
        }
    }

    pub(super) fn drip(&mut self, modem: usize) {
        let slot = &mut self.slots[modem];
        let (Some(period), Some(port), false) = (slot.drip, &slot.port, slot.device.out.is_empty()) else {
            slot.dripping = false;
            return self.flush(modem);
        };
        if port.write(&slot.device.out[..1]).unwrap_or(1) == 1 {
            slot.device.out.remove(0);
        }
        let due = self.clock.now() + period;
        self.timers.set(due, Due::Drip { modem });
    }

    pub(super) fn set_interest(&mut self, modem: usize) {
        let slot = &mut self.slots[modem];
        let Some(port) = &slot.port else { return };
        let mut wanted = epoll::EventFlags::empty();
        wanted.set(epoll::EventFlags::IN, slot.reads);
        wanted.set(
            epoll::EventFlags::OUT,
            !slot.device.out.is_empty() && slot.drip.is_none(),
        );
        if wanted != slot.interest {
            slot.interest = wanted;
            let _ = epoll::modify(
                &self.epoll,
                port.master(),
                epoll::EventData::new_u64(modem as u64),
                wanted,
            );
        }
    }

    /// Slaves were opened or closed by someone.
    pub(super) fn slaves_changed(&mut self) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut changes = Vec::new();
        let mut reader = inotify::Reader::new(&self.watcher, &mut buffer);
        while let Ok(event) = reader.next() {
            changes.push((event.wd(), event.events()));
            if reader.is_buffer_empty() {
                break;
            }
        }
        for (watch, events) in changes {
            let found = self
                .slots
                .iter_mut()
                .filter_map(|slot| slot.port.as_mut())
                .find(|port| port.watch == watch);
            let Some(port) = found else { continue };
            if events.contains(inotify::ReadFlags::OPEN) {
                port.in_use = true;
            } else if events.intersects(inotify::ReadFlags::CLOSE_WRITE | inotify::ReadFlags::CLOSE_NOWRITE) {
                // A line that cannot be looked after is as good as gone; the next replug makes a fresh one.
                let _ = port.closed_by_someone(self.watcher.as_fd());
            }
        }
    }

    pub(super) fn plug(&mut self, spec: &ModemSpec) -> Result<Answer, Error> {
        if self.exchange.line_of(&spec.number).is_some() {
            return Err(Error::Number(spec.number.clone()));
        }
        let index = self.slots.len();
        let mut device = Device::new(spec, Arc::clone(&self.clock));
        device.set_ussd_delay(nanos(self.exchange.settings().ussd_delay));
        self.exchange.subscribe(&spec.number, &spec.smsc);
        self.slots.push(Slot {
            name: spec.name.clone(),
            profile: spec.profile.name.clone(),
            device,
            port: None,
            interest: epoll::EventFlags::empty(),
            reads: true,
            drip: None,
            dripping: false,
            one_byte: false,
        });
        self.connect(index)?;
        let now = self.clock.now();
        self.slots[index].device.power_on(now);
        self.step(index, now);
        Ok(Answer::Plugged {
            index,
            path: self.dir.join(&spec.name),
        })
    }

    /// Gives a modem a fresh line.
    fn connect(&mut self, modem: usize) -> Result<(), Error> {
        let slot = &mut self.slots[modem];
        let port = Port::open(&self.dir.join(&slot.name), self.watcher.as_fd())?;
        slot.interest = epoll::EventFlags::IN;
        slot.reads = true;
        epoll::add(
            &self.epoll,
            port.master(),
            epoll::EventData::new_u64(modem as u64),
            slot.interest,
        )
        .map_err(io::Error::from)?;
        slot.port = Some(port);
        Ok(())
    }

    pub(super) fn unplug(&mut self, modem: usize, now: Nanos) {
        self.slots[modem].port = None;
        self.slots[modem].device.power_off();
        if self.exchange.was_routed(modem) {
            let retry = self.exchange.not_arrived(modem);
            self.plan(Some(retry), now);
        }
    }

    pub(super) fn fault(&mut self, modem: usize, fault: Fault, now: Nanos) -> Result<(), Error> {
        match fault {
            Fault::Garbage { bytes } => {
                let garbage: Vec<u8> = (0..bytes).map(|_| self.dice.octet()).collect();
                self.slots[modem].device.out.extend(garbage);
            }
            Fault::OneByte => (self.slots[modem].one_byte, self.slots[modem].drip) = (true, Some(QUICK_DRIP)),
            Fault::SlowBytes { ms } => self.slots[modem].drip = Some(ms * 1_000_000),
            Fault::StopReading => self.slots[modem].reads = false,
            Fault::Unplug => self.unplug(modem, now),
            Fault::Replug { name } => {
                self.unplug(modem, now);
                self.slots[modem].name = name.unwrap_or_else(|| self.slots[modem].name.clone());
                self.connect(modem)?;
                self.slots[modem].device.power_on(now);
            }
            Fault::Duplicate { times } => self.exchange.duplicate_next(modem, times),
            other => {
                let slot = &mut self.slots[modem];
                if other == Fault::Heal {
                    (slot.reads, slot.drip, slot.one_byte) = (true, None, false);
                }
                slot.device.fault(other, now);
                self.hand_over(modem, now);
            }
        }
        self.step(modem, now);
        self.set_interest(modem);
        Ok(())
    }
}

/// Octets that wait for a reader; beyond, all are dropped, as a modem does.
const OUT_LIMIT: usize = 1 << 20;
/// Between two octets where they come one by one.
const QUICK_DRIP: Nanos = 100_000;
