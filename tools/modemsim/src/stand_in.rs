//! A generic modem that answers for a trace what is not in it. It has a SIM without a PIN, is registered at once, takes every
//! message, and gives no reports.

use std::sync::Arc;

use crate::clock::Clock;
use crate::device::{Device, Effect, Wake};
use crate::profile::Profile;
use crate::settings::ModemSpec;

/// The modem, without a line and without a network: it answers before it is asked for more.
#[derive(Debug)]
pub(crate) struct StandIn {
    device: Device,
    clock: Arc<Clock>,
}

impl StandIn {
    /// A modem that has long been running.
    pub(crate) fn new() -> Self {
        let clock = Arc::new(Clock::new(0));
        let spec = ModemSpec {
            profile: Profile {
                // The trace may have switched it off where nobody tells this one.
                echo: false,
                ..Profile::default()
            },
            ..ModemSpec::new(0)
        };
        let mut device = Device::new(&spec, Arc::clone(&clock));
        device.power_on(clock.now());
        let mut modem = Self { device, clock };
        modem.settle();
        modem
    }

    /// What it says to this.
    pub(crate) fn answer(&mut self, octets: &[u8]) -> Vec<u8> {
        self.device.receive(octets, self.clock.now());
        self.settle()
    }

    /// It gave a prompt: what comes is a message for it.
    pub(crate) fn is_at_prompt(&self) -> bool {
        self.device.is_at_prompt()
    }

    /// Does what it asks of the world, as far as there is one, and gives what it says.
    fn settle(&mut self) -> Vec<u8> {
        for _ in 0..MOST_STEPS {
            let effects = std::mem::take(&mut self.device.effects);
            if effects.is_empty() {
                break;
            }
            effects.into_iter().for_each(|effect| self.follow(effect));
        }
        std::mem::take(&mut self.device.out)
    }

    fn follow(&mut self, effect: Effect) {
        let now = self.clock.now();
        match effect {
            Effect::Submit(submission) => {
                let reference = self.device.next_reference();
                self.device.submitted(Ok(reference), submission.place.is_some(), now);
            }
            Effect::After(_, wake @ (Wake::Booted | Wake::Ready | Wake::Registered | Wake::Ussd)) => {
                self.device.tick(wake, now);
            }
            _ => {}
        }
    }
}

/// One command has fewer consequences.
const MOST_STEPS: usize = 16;
