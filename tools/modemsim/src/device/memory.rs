//! Memories of messages: which is in use (`+CPMS`), reading, listing and deleting (TS 27.005 3.2.2, 3.4.2, 3.4.3, 3.5.4).

use crate::profile::EmptyPlace;
use crate::storage::{Memory, Status, Stored};
use crate::wire;

use super::command::{Form, parameters};
use super::{Device, Effect, Fail, Flow};

/// A memory by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// `SM`
    Sim,
    /// `ME`
    Own,
    /// `MT`: the modem's own places, then the SIM's.
    Both,
    /// `SR`
    Reports,
}

impl Store {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "SM" => Self::Sim,
            "ME" => Self::Own,
            "MT" => Self::Both,
            "SR" => Self::Reports,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sim => "SM",
            Self::Own => "ME",
            Self::Both => "MT",
            Self::Reports => "SR",
        }
    }
}

impl Device {
    pub(super) fn cpms(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        match form {
            Form::Test => self.cpms_test(),
            Form::Read => {
                let shown = self
                    .session
                    .stores
                    .map(|store| format!("\"{}\",{}", store.name(), self.fill(store)));
                self.info(&format!("+CPMS: {}", shown.join(",")));
            }
            Form::Set(value) => {
                self.choose_stores(value)?;
                let shown = self.session.stores.map(|store| self.fill(store));
                self.info(&format!("+CPMS: {}", shown.join(",")));
            }
            Form::Run => return Err(Fail::Plain),
        }
        Ok(Flow::Done)
    }

    pub(super) fn cmgr(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        let Form::Set(value) = form else {
            return if form == Form::Test {
                Ok(Flow::Done)
            } else {
                Err(Fail::Cms(302))
            };
        };
        let store = self.session.stores[0];
        let place = self
            .place(value)
            .filter(|&place| place < self.size(store))
            .ok_or(Fail::Cms(321))?;
        let Some(message) = self.stored_mut(store, place) else {
            return self.empty_place();
        };
        let status = message.status;
        if status == Status::Unread {
            message.status = Status::Read;
        }
        let message = message.clone();
        self.show("+CMGR: ", status, &message);
        Ok(Flow::Done)
    }

    pub(super) fn cmgl(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        let wanted = match form {
            Form::Test => {
                self.info("+CMGL: (0-4)");
                return Ok(Flow::Done);
            }
            Form::Set(value) => wanted_status(value.trim())?,
            _ => Some(Status::Unread),
        };
        let store = self.session.stores[0];
        for place in 0..self.size(store) {
            let Some(message) = self.stored_mut(store, place) else {
                continue;
            };
            let status = message.status;
            if wanted.is_some_and(|wanted| wanted != status) {
                continue;
            }
            if status == Status::Unread {
                message.status = Status::Read;
            }
            let message = message.clone();
            let prefix = format!("+CMGL: {},", place + self.profile.index_base);
            self.show(&prefix, status, &message);
        }
        Ok(Flow::Done)
    }

    pub(super) fn cmgd(&mut self, form: Form<'_>) -> Result<Flow, Fail> {
        let store = self.session.stores[0];
        let value = match form {
            Form::Set(value) => value,
            Form::Test => {
                let base = self.profile.index_base;
                let places: Vec<_> = (0..self.size(store))
                    .filter(|&place| self.stored_mut(store, place).is_some())
                    .collect();
                let places: Vec<_> = places.iter().map(|place| (place + base).to_string()).collect();
                self.info(&format!("+CMGD: ({}),(0-4)", places.join(",")));
                return Ok(Flow::Done);
            }
            _ => return Err(Fail::Cms(302)),
        };
        let parameters = parameters(value);
        let flag = parameters
            .get(1)
            .filter(|flag| !flag.is_empty())
            .map_or(Ok(0), |flag| flag.parse::<u8>());
        match flag.map_err(|_| Fail::Cms(302))? {
            0 => {
                let place = self
                    .place(parameters[0])
                    .filter(|&place| place < self.size(store))
                    .ok_or(Fail::Cms(321))?;
                self.delete(store, place);
            }
            flag @ 1..=4 => self.delete_by_flag(store, flag),
            _ => return Err(Fail::Cms(302)),
        }
        self.effects.push(Effect::Reachable);
        Ok(Flow::Done)
    }

    /// Which messages `<delflag>` means (TS 27.005 3.5.4).
    fn delete_by_flag(&mut self, store: Store, flag: u8) {
        for place in 0..self.size(store) {
            let status = self.stored_mut(store, place).map(|message| message.status);
            let goes = match status {
                None => false,
                Some(Status::Read) => true,
                Some(Status::Sent) => flag >= 2,
                Some(Status::Unsent) => flag >= 3,
                Some(Status::Unread) => flag == 4,
            };
            if goes {
                self.delete(store, place);
            }
        }
    }

    fn delete(&mut self, store: Store, place: usize) {
        let (memory, place) = self.memory(store, place);
        if memory.take(place).is_some() {
            self.counts.deleted += 1;
        }
    }

    fn empty_place(&mut self) -> Result<Flow, Fail> {
        match self.profile.cmgr_empty {
            EmptyPlace::Error => return Err(Fail::Cms(321)),
            EmptyPlace::Ok => {}
            EmptyPlace::Zero => self.info("+CMGR: 0,,0"),
        }
        Ok(Flow::Done)
    }

    fn show(&mut self, prefix: &str, status: Status, message: &Stored) {
        self.info(&format!("{prefix}{},,{}", status.code(), message.tpdu_len()));
        wire::push_hex(&mut self.out, &message.pdu);
        self.out.extend_from_slice(b"\r\n");
    }

    fn cpms_test(&mut self) {
        let built = || {
            let lists = self.profile.memories.iter();
            let lists = lists.map(|names| {
                format!(
                    "({})",
                    names
                        .iter()
                        .map(|name| format!("\"{name}\""))
                        .collect::<Vec<_>>()
                        .join(",")
                )
            });
            lists.collect::<Vec<_>>().join(",")
        };
        let shown = self.profile.cpms_test.clone().unwrap_or_else(built);
        self.info(&format!("+CPMS: {shown}"));
    }

    fn choose_stores(&mut self, value: &str) -> Result<(), Fail> {
        let mut chosen = self.session.stores;
        for (at, name) in parameters(value).into_iter().enumerate() {
            let allowed = self
                .profile
                .memories
                .get(at)
                .is_some_and(|names| names.iter().any(|known| known == name));
            if name.is_empty() {
                continue;
            }
            chosen[at] = Store::from_name(name).filter(|_| allowed).ok_or(Fail::Cms(302))?;
        }
        self.session.stores = chosen;
        Ok(())
    }

    /// Used and total places, as `+CPMS` counts them.
    fn fill(&self, store: Store) -> String {
        let (used, size) = match store {
            Store::Sim => (self.card.messages.used(), self.card.messages.size()),
            Store::Own => (self.own_messages.used(), self.own_messages.size()),
            Store::Reports => (self.own_reports.used(), self.own_reports.size()),
            Store::Both => (
                self.card.messages.used() + self.own_messages.used(),
                self.size(Store::Both),
            ),
        };
        format!("{},{size}", if self.faults.memory_full { size } else { used })
    }

    pub(super) fn size(&self, store: Store) -> usize {
        match store {
            Store::Sim => self.card.messages.size(),
            Store::Own => self.own_messages.size(),
            Store::Reports => self.own_reports.size(),
            Store::Both => self.card.messages.size() + self.own_messages.size(),
        }
    }

    /// The place that a parameter means, counted from zero.
    pub(super) fn place(&self, parameter: &str) -> Option<usize> {
        parameter
            .trim()
            .parse::<usize>()
            .ok()?
            .checked_sub(self.profile.index_base)
    }

    /// The memory and the place in it, where `MT` is taken apart.
    pub(super) fn memory(&mut self, store: Store, place: usize) -> (&mut Memory, usize) {
        let own = self.own_messages.size();
        match store {
            Store::Sim => (&mut self.card.messages, place),
            Store::Own => (&mut self.own_messages, place),
            Store::Reports => (&mut self.own_reports, place),
            Store::Both if place < own => (&mut self.own_messages, place),
            Store::Both => (&mut self.card.messages, place - own),
        }
    }

    pub(super) fn stored_mut(&mut self, store: Store, place: usize) -> Option<&mut Stored> {
        let (memory, place) = self.memory(store, place);
        memory.get_mut(place)
    }

    /// Keeps a message and says where, counted as the modem counts; `None` when there is no room.
    pub(super) fn keep(&mut self, store: Store, message: Stored) -> Option<usize> {
        if self.faults.memory_full {
            return None;
        }
        let own = self.own_messages.size();
        let place = match store {
            Store::Sim => self.card.messages.put(message),
            Store::Own => self.own_messages.put(message),
            Store::Reports => self.own_reports.put(message),
            Store::Both if self.own_messages.used() < own => self.own_messages.put(message),
            Store::Both => self.card.messages.put(message).map(|place| place + own),
        };
        place.map(|place| place + self.profile.index_base)
    }

    pub(super) fn set_full(&mut self, on: bool) {
        self.faults.memory_full = on;
        if !on {
            self.effects.push(Effect::Reachable);
        }
    }

    /// Everything that SIM and modem keep: memory, place as the modem counts, message.
    pub(crate) fn stored(&self) -> impl Iterator<Item = (&'static str, usize, &Stored)> {
        let memories = [
            (Store::Sim, &self.card.messages),
            (Store::Own, &self.own_messages),
            (Store::Reports, &self.own_reports),
        ];
        let base = self.profile.index_base;
        memories.into_iter().flat_map(move |(store, memory)| {
            memory
                .iter()
                .map(move |(place, message)| (store.name(), place + base, message))
        })
    }
}

/// `<stat>` of `+CMGL`; `None` means all.
fn wanted_status(value: &str) -> Result<Option<Status>, Fail> {
    if value == "4" {
        return Ok(None);
    }
    value
        .parse()
        .ok()
        .and_then(Status::from_code)
        .map(Some)
        .ok_or(Fail::Cms(302))
}
