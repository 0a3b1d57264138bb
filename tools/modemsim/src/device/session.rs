//! Settings that are lost with power.

use crate::clock::Nanos;
use crate::profile::Profile;

use super::call::Ringing;
use super::deliver::AwaitedAck;
use super::memory::Store;
use super::ussd::Dialogue;

/// What `ATZ` and a reboot bring back to its start.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) echo: bool,
    pub(super) verbose: bool,
    pub(super) quiet: bool,
    pub(super) cmee: u8,
    pub(super) cfun: u8,
    pub(super) charset: String,
    pub(super) csms: u8,
    pub(super) cmms: u8,
    pub(super) csdh: u8,
    /// fo, vp, pid, dcs of text mode.
    pub(super) csmp: [u8; 4],
    pub(super) cnmi: [u8; 5],
    pub(super) stores: [Store; 3],
    /// `<n>` of `+CREG`, `+CGREG`, `+CEREG`.
    pub(super) creg: [u8; 3],
    pub(super) cops_format: u8,
    pub(super) clip: bool,
    pub(super) crc: bool,
    pub(super) cusd: u8,
    pub(super) dialogue: Option<Dialogue>,
    pub(super) ringing: Option<Ringing>,
    pub(super) awaited_ack: Option<AwaitedAck>,
    pub(super) ack_tickets: u32,
    pub(super) messages_ready_at: Nanos,
    pub(super) registered_at: Nanos,
    pub(super) busy_commands: u8,
    pub(super) noise_made: usize,
}

impl Session {
    pub(super) fn new(profile: &Profile) -> Self {
        let store = Store::from_name(&profile.default_memory).unwrap_or(Store::Sim);
        let third = if profile.memories[2].contains(&profile.default_memory) {
            store
        } else {
            Store::Sim
        };
        Self {
            echo: profile.echo,
            verbose: true,
            quiet: false,
            cmee: 0,
            cfun: 1,
            charset: profile.charsets.first().cloned().unwrap_or_else(|| "GSM".into()),
            csms: 0,
            cmms: 0,
            csdh: 0,
            csmp: [17, 167, 0, 0],
            cnmi: profile.cnmi_default,
            stores: [store, store, third],
            creg: [0; 3],
            cops_format: 0,
            clip: false,
            crc: false,
            cusd: 0,
            dialogue: None,
            ringing: None,
            awaited_ack: None,
            ack_tickets: 0,
            messages_ready_at: 0,
            registered_at: 0,
            busy_commands: 0,
            noise_made: 0,
        }
    }

    /// `ATZ` and `AT&F`: the settings of a command line, not those of SIM and network.
    pub(super) fn reset_line(&mut self, profile: &Profile) {
        let fresh = Self::new(profile);
        (self.echo, self.verbose, self.quiet) = (fresh.echo, fresh.verbose, fresh.quiet);
        (self.cmee, self.clip, self.crc) = (fresh.cmee, false, false);
        (self.creg, self.charset) = (fresh.creg, fresh.charset);
    }
}
