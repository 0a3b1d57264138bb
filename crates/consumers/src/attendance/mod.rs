//! Attendance by SMS: employees' phones say *Arrival 08.00* in a ciphered text, the gateway keeps it and acknowledges.
//!
//! - [`protocol`] is the wire, both versions of it, as pure functions: texts in; what they say and what to answer out.
//! - [`Keys`] is what stands in the key file, [`Keyring`] the keys in use, [`KeyFile`] the file being changed; [`Config`]
//!   holds the settings.
//! - [`Attendance`] is the consumer: it reads a message by the keys, has it judged inside of the store's transaction, by
//!   what came before it, and keeps it there with the state and the acknowledgement that follow.
//! - [`Office`] answers what is asked: the last words, the history, and who is in, by the hours of work.
//!
//! Every message it takes is in the history with its verdict, good or bad. A sender learns nothing from a bad one: all
//! are met with the same silence. `docs/attendance.md` tells what the first version can and cannot promise.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use gateway::{Gateway, Origin};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use message::{Api, Counted, Event, Inbound, SendRequest};
use store::{AttendanceKnown, AttendanceRequest, AttendanceRuling, Attended, Delivery, NewMessage};

use crate::{Consumer, Patience, Verdict, Wish, clock};

mod config;
mod hours;
mod judge;
mod keyfile;
mod keyring;
mod keys;
mod office;
mod projection;
pub mod protocol;
mod reading;
mod roll;

pub use config::Config;
pub use hours::{Day, Person, TimeOfDay};
pub use keyfile::{KeyFile, KeyFileError, NewDevice};
pub use keyring::Keyring;
pub use keys::{Device, Keys, KeysError, LineFault, Mode};
pub use office::Office;

use judge::{Circumstances, Judgement, judge};
use keys::FirstVersion;
use projection::Projection;
use protocol::{Delimiter, v1, v2};
use reading::{Found, Reading};

/// The consumer of attendance requests.
#[derive(Debug)]
pub struct Attendance {
    config: Arc<Config>,
    office: Office,
    gateway: Gateway,
    projection: Option<Projection>,
}

/// A request on its way through the store's transaction.
struct Case {
    config: Arc<Config>,
    gateway: Gateway,
    message: Inbound,
    reading: Reading,
    first_version: FirstVersion,
    zone: TimeZone,
}

impl Attendance {
    /// A consumer with an office's keys and store. The gateway sends the acknowledgements. Needs a runtime: the
    /// projection is made by a task of its own.
    pub fn new(config: Config, office: Office, gateway: Gateway) -> Self {
        let projection = config
            .projection
            .clone()
            .map(|file| Projection::new(file, office.store().clone()));
        Self {
            projection,
            config: Arc::new(config),
            office,
            gateway,
        }
    }

    async fn attend(&self, delivery: &Delivery, message: &Inbound) -> Verdict {
        let keys = self.office.keyring().current();
        let reading = Reading::of(message, &keys);
        let (version, device) = (reading.version, reading.device.and_then(|id| keys.device(id)));
        let request = AttendanceRequest {
            event: delivery.event_id,
            message: message.id,
            sender: message.from.clone(),
            person: device.map_or(&message.from, |device| &device.owner).clone(),
            sim: message.sim.clone(),
            service_centre_time: message.service_centre_time,
            received_at: message.received_at,
            version,
            frame: reading.frame,
            device: reading.device,
            own_devices: keys.devices_of(&message.from),
            lately: SignedDuration::from_secs(self.config.window_s.into()),
        };
        let case = Case {
            config: Arc::clone(&self.config),
            gateway: self.gateway.clone(),
            message: message.clone(),
            reading,
            first_version: keys.first_version(&message.from),
            zone: self.office.hours().zone().clone(),
        };
        match self.office.store().attend(request, move |known| case.rule(known)).await {
            Ok(kept) => {
                if let Attended::Now { verdict, answer } = kept.into_inner() {
                    self.gateway.tally().count(Counted::Attendance {
                        version,
                        verdict: verdict.to_owned(),
                    });
                    answer.map(|answer| self.gateway.accepted(Api::Attendance, answer));
                    self.projection.iter().for_each(Projection::renew);
                }
                Verdict::Done
            }
            Err(trouble) => Verdict::later(trouble.to_string()),
        }
    }
}

impl Consumer for Attendance {
    fn name(&self) -> &str {
        NAME
    }

    fn wish(&self, event: &Event) -> Wish {
        match event {
            Event::Message(message) if self.config.concerns(message) => Wish::Take,
            _ => Wish::Pass,
        }
    }

    fn work<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Verdict> {
        async move {
            match &delivery.event {
                Event::Message(message) => self.attend(delivery, message).await,
                _ => Verdict::Done,
            }
        }
        .boxed()
    }

    /// Only the gateway's own store can fail it, so it is tried for as long as that takes.
    fn patience(&self) -> Patience {
        Patience {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
            oldest: None,
            at_once: AT_ONCE,
            ..Patience::default()
        }
    }
}

impl Case {
    /// Judges the request; asked by the store, inside of the transaction that keeps it.
    fn rule(&self, known: &AttendanceKnown) -> AttendanceRuling {
        let around = Circumstances {
            sender: &self.message.from,
            first_version: self.first_version,
            service_centre_time: self.message.service_centre_time,
            received_at: self.message.received_at,
            zone: &self.zone,
        };
        let judged = judge(&self.reading, known, around, &self.config);
        let answer = self.answer(&judged).and_then(|text| self.draft(text));
        let mut flags = judged.flags;
        if judged.answer.is_some() && answer.is_none() {
            flags.push("unanswerable");
        }
        AttendanceRuling {
            verdict: judged.verdict,
            bad: judged.bad,
            flags,
            status: judged.status,
            time: judged.time,
            is_state: judged.is_state,
            ends_first: judged.ends_first,
            skew_s: judged.skew_s,
            counter: judged.counter,
            counters: judged.counters,
            answer,
        }
    }

    /// The text of the answer. What goes over a SIM is a text, so it is delimited by dollars, whatever the request was.
    fn answer(&self, judged: &Judgement) -> Option<String> {
        let status = judged.answer?;
        match self.reading.found.as_ref().ok()? {
            Found::First(request, key) => Some(Delimiter::Dollar.wrap(&v1::encode(&request.acknowledgement(), key))),
            Found::Second(found) => {
                let answer = v2::Answer {
                    status,
                    counter: found.request.counter,
                    unix_time: unix_time(clock::now()),
                    request: found.reference,
                };
                let mut nonce = [0; v2::NONCE];
                getrandom::fill(&mut nonce).ok()?;
                Some(answer.seal(self.reading.device?, &found.key, nonce))
            }
        }
    }

    /// The answer as a message: from the SIM that the request came to, as the phone expects it.
    fn draft(&self, text: String) -> Option<NewMessage> {
        let request = SendRequest {
            to: self.message.from.to_string(),
            text,
            from: Some(self.message.sim.to_string()),
            report: Some(true),
            ..SendRequest::default()
        };
        let drafted = self.gateway.draft(&Origin::operator(), request);
        drafted
            .inspect_err(
                |trouble| tracing::warn!(message = %self.message.id, %trouble, "no acknowledgement can be sent"),
            )
            .ok()
    }
}

/// Seconds since 1970, as far as 32 bits go: to 2106.
fn unix_time(now: Timestamp) -> u32 {
    u32::try_from(now.as_second()).unwrap_or(u32::MAX)
}

/// The consumer's name, in the configuration and in its rows.
pub const NAME: &str = "attendance";
/// Requests worked at the same time: they share a sync of the disk.
const AT_ONCE: usize = 32;
