//! Other settings for a gateway that works.
//!
//! Everything that can be wrong with them is looked for before anything changes, so that a file is taken whole or not at
//! all. Then each part takes its own: the gateway's flows first, so that a slot that goes is given nothing more before its
//! port is closed, the pool after them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use consumers::attendance::Keyring;
use consumers::{Change, Consumer, Rules};
use futures_util::future::{BoxFuture, FutureExt};
use gateway::{AttendanceDesk, AuditEntry, Error, ErrorKind, Origin, SettingsDesk};
use message::{Reloaded, RouteId};
use rustls::ServerConfig;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use crate::config::{self, Difference, Log, Settings};
use crate::confine::Confined;
use crate::consuming;
use crate::held_back::hold_back;
use crate::logging;
use crate::running::Running;
use crate::smpp::SmppOffice;

/// Somebody who wants the settings read again, and waits for what came of it.
pub(crate) type Wisher = oneshot::Sender<Reloaded>;

/// Where others ask for the settings to be read again.
#[derive(Debug, Clone)]
pub(crate) struct Bell(mpsc::Sender<Wisher>);

impl Bell {
    /// A bell, and who hears it.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Wisher>) {
        let (ring, heard) = mpsc::channel(WISHES);
        (Self(ring), heard)
    }
}

impl SettingsDesk for Bell {
    fn reload<'a>(&'a self, origin: &'a Origin) -> BoxFuture<'a, Result<Reloaded, Error>> {
        async move {
            let who = origin.token.as_ref().map(ToString::to_string);
            info!(token = who.as_deref(), "asked to read the settings again");
            let stopping = || Error::new(ErrorKind::Unavailable, "the gateway is stopping");
            let (done, answer) = oneshot::channel();
            self.0.send(done).await.map_err(|_| stopping())?;
            answer.await.map_err(|_| stopping())
        }
        .boxed()
    }
}

/// What the gateway was started with.
#[derive(Debug)]
pub(crate) struct Start {
    /// Where its settings come from.
    pub(crate) file: PathBuf,
    /// What it may do since.
    pub(crate) confined: Confined,
}

/// Reads the file again and takes it, or leaves everything as it is. The log and health tell the same.
pub(crate) async fn reload(start: &Start, running: &mut Running) -> Reloaded {
    let file = start.file.as_path();
    let read = match config::load(file) {
        Ok(settings) => running.take(settings, start).await,
        Err(faults) => Err(start.confined.explained(&faults)),
    };
    match read {
        Ok(Difference { changed, needs_restart }) => {
            let digest = config::digest(file);
            running
                .note("config", format!("{digest}; changed: {}", listed(&changed)))
                .await;
            info!("the settings are read again; changed: {}", listed(&changed));
            if !needs_restart.is_empty() {
                warn!("changed in the file, and needs a restart: {}", listed(&needs_restart));
            }
            Reloaded {
                taken: true,
                changed,
                needs_restart,
                faults: Vec::new(),
            }
        }
        Err(faults) => {
            faults.iter().for_each(|fault: &String| error!("{fault}"));
            running.not_reloaded(&faults);
            running.note("config.refused", config::digest(file)).await;
            error!("nothing is changed: {} is not right", file.display());
            Reloaded {
                faults,
                ..Reloaded::default()
            }
        }
    }
}

/// Other settings in which nothing is wrong, with what was read for them. Nothing of it is in force yet.
struct Checked {
    /// As they will be in force: what needs a restart is as it was.
    settings: Settings,
    difference: Difference,
    /// Consumers that are new or have other settings.
    fresh: Vec<Arc<dyn Consumer>>,
    tls: Arc<ServerConfig>,
    upstreams: esme::Prepared,
    flows: gateway::Prepared,
}

impl Running {
    /// Takes other settings as far as a running gateway can; what is different.
    async fn take(&mut self, settings: Settings, start: &Start) -> Result<Difference, Vec<String>> {
        let mut checked = self.check(settings, start).await?;
        // The last two that may fail. A consumer that is new gets what happens from here on.
        let last_event = self
            .enlist(&checked.settings.store)
            .await
            .map_err(|fault| vec![fault])?;
        // Tokens and certificate, which are taken both or neither.
        match self.api.reload(&checked.settings.api).await {
            Ok(shown) => checked.difference.shows(shown),
            Err(error) => {
                if let Err(fault) = self.enlist(&self.settings.store).await {
                    error!("{fault}");
                }
                return Err(vec![error.to_string()]);
            }
        }
        Ok(self.adopt(checked, last_event).await)
    }

    /// Looks for everything that can be wrong with other settings, and changes nothing.
    async fn check(&self, mut settings: Settings, start: &Start) -> Result<Checked, Vec<String>> {
        let told = |fault: String| vec![fault];
        let mut difference = Difference::between(&self.settings, &settings);
        settings = self.in_force(settings);
        let held = hold_back(&self.settings, &mut settings, |port| start.confined.reaches(port));
        settings.store.consumers = settings.consumers();
        settings.store.alert_consumers = settings.alert_consumers();
        difference.changed = Difference::between(&self.settings, &settings).changed;
        difference.needs_restart.extend(held);
        let doubled = named_twice(&self.settings, &settings);
        if !doubled.is_empty() {
            return Err(doubled);
        }
        let fresh = consuming::fresh(&self.settings, &settings, &self.store, self.gateway().tally());
        let fresh = fresh.map_err(|failure| told(said(&failure)))?;
        let lacks = start.confined.lacks(&settings, &start.file);
        if !lacks.is_empty() {
            return Err(lacks);
        }
        let tls = SmppOffice::tls(&settings.smpp, &self.api).map_err(|failure| told(said(&failure)))?;
        self.check_keys(&settings)?;
        let troubles = settings.pool.check();
        if !troubles.is_empty() {
            return Err(troubles.iter().map(|trouble| format!("[pool]: {trouble}")).collect());
        }
        let upstreams = self.upstreams.prepare(&settings.upstreams);
        let upstreams = upstreams.map_err(|error| told(error.to_string()))?;
        let (config, retention) = (settings.gateway.clone(), settings.retention.clone());
        let flows = self.gateway().prepare(config, settings.route_settings(), retention);
        let flows = flows.await.map_err(|error| told(error.to_string()))?;
        Ok(Checked {
            settings,
            difference,
            fresh,
            tls,
            upstreams,
            flows,
        })
    }

    /// Puts other settings in force: the flows first, so that a route that goes is given nothing more.
    async fn adopt(&mut self, checked: Checked, last_event: i64) -> Difference {
        let Checked {
            settings,
            difference,
            mut fresh,
            tls,
            upstreams,
            flows,
        } = checked;
        logging::adopt(&settings.log);
        self.gateway().adopt(flows).await;
        self.adopt_routes(&settings, upstreams).await;
        if let Some(office) = &self.office {
            office.adopt(&settings.attendance);
            match office.reload().await {
                Ok(keys) => info!("attendance is taken: {keys}"),
                Err(error) => error!("attendance keeps its keys: {error}"),
            }
        }
        if settings.alerts != self.settings.alerts {
            self.alerts.adopt(settings.alerts.clone()).await;
        }
        if settings.alerts.hears() && !self.settings.alerts.hears() {
            fresh.push(Arc::new(self.alerts.clone()));
        }
        if let Some(smpp) = &self.smpp {
            let _apart = self.threads.enter();
            fresh.extend(smpp.adopt(&settings, tls));
        }
        let change = Change {
            names: settings.consumers(),
            fresh,
            rules: Rules::new(settings.rules.clone()),
            last_event,
        };
        self.room.adopt(change).await;
        difference.changed.iter().for_each(|what| info!("taken: {what}"));
        self.settings = settings;
        difference
    }

    /// The modems and upstreams, after the flows know which there are.
    async fn adopt_routes(&self, settings: &Settings, upstreams: esme::Prepared) {
        if let Err(error) = self.gateway().adopt_care(settings.care_settings()).await {
            error!("balances and tests stay as they were: {error}");
        }
        self.carrier.journal_in(journals(settings));
        if let Err(troubles) = self.pool.reload(settings.pool()).await {
            // They were checked above.
            troubles.iter().for_each(|trouble| error!("[pool]: {trouble}"));
        }
        {
            // As at the start.
            let _apart = self.threads.enter();
            self.upstreams.adopt(upstreams);
        }
        self.gateway().look_at_routes().await;
    }

    /// Notes in the audit log what the gateway did by itself.
    pub(crate) async fn note(&self, what: &'static str, facts: String) {
        let entry = AuditEntry {
            facts: Some(facts),
            ..AuditEntry::new(what, jiff::Timestamp::now())
        };
        if let Err(error) = self.gateway().audit(entry).await {
            warn!(what, "not in the audit log: {error}");
        }
    }

    /// Tells the store who consumes; the number of the last event before. Only where that is to change: the rest of the
    /// settings is taken also while the disk is full.
    async fn enlist(&self, new: &store::Config) -> Result<i64, String> {
        let (names, alerts) = (new.consumers.clone(), new.alert_consumers.clone());
        if self.store.tells(&names, &alerts) {
            return Ok(0);
        }
        let kept = self.store.adopt_consumers(names, alerts).await;
        let kept = kept.map_err(|error| format!("who gets events cannot be written down: {error}"))?;
        Ok(kept.into_inner())
    }

    /// Other settings as far as a running gateway can take them: what needs a restart is as it was, so that it is told
    /// again by the next reload.
    fn in_force(&self, settings: Settings) -> Settings {
        let old = &self.settings;
        let mut now = Settings {
            data: old.data.clone(),
            log: Log {
                level: settings.log.level.clone(),
                ..old.log.clone()
            },
            hardening: old.hardening.clone(),
            store: old.store.clone(),
            smtp: old.smtp.clone(),
            mail_to_sms: old.mail_to_sms.clone(),
            smpp: config::accounts_of(&settings.smpp, &old.smpp),
            ..settings
        };
        now.api = api::Config {
            tokens: now.api.tokens,
            legacy_tokens: now.api.legacy_tokens,
            xml_rpc: now.api.xml_rpc,
            certificate: now.api.certificate,
            key: now.api.key,
            ..old.api.clone()
        };
        now.attendance = config::hours_of(&now, old);
        now.alerts.listener = old.alerts.listener.clone();
        now.alerts.http = old.alerts.http.clone();
        now.alerts.mail = old.alerts.mail.clone();
        now
    }

    /// The key file of attendance, where it is read again.
    fn check_keys(&self, settings: &Settings) -> Result<(), Vec<String>> {
        let Some(file) = settings.attendance.key_file.clone().filter(|_| self.office.is_some()) else {
            return Ok(());
        };
        let told = format!("attendance.key_file: {}", file.display());
        let keys = Keyring::load(file).map(drop);
        keys.map_err(|error| vec![format!("{told}: {error}")])
    }
}

/// Names that would go from a slot to an upstream or back at once: what the one has under way is still told by that name.
fn named_twice(old: &Settings, new: &Settings) -> Vec<String> {
    let slots = new.pool.slots.keys().filter(|name| old.upstreams.contains_key(*name));
    let slots = slots.map(|name| format!("slots.{name}: an upstream had this name until now: {TWICE}"));
    let upstreams = new.upstreams.keys().filter(|name| old.pool.slots.contains_key(*name));
    let upstreams = upstreams.map(|name| format!("upstreams.{name}: a slot had this name until now: {TWICE}"));
    slots.chain(upstreams).collect()
}

/// The slots whose attempts are journalled on the modem.
pub(crate) fn journals(settings: &Settings) -> BTreeSet<RouteId> {
    let journals = settings.pool.slots.iter().filter(|(_, slot)| slot.journal);
    journals.map(|(name, _)| name.clone()).collect()
}

fn said(failure: &crate::failure::Failure) -> String {
    failure.sentence().unwrap_or_default().to_owned()
}

fn listed(what: &[String]) -> String {
    match what {
        [] => "nothing".to_owned(),
        what => what.join(", "),
    }
}

/// What to do about a name that is still in use.
const TWICE: &str = "choose another name, or take out the one and reload before the other comes";
/// Wishes that may wait while the settings are read; more wishers wait for a place.
const WISHES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::of_text as settings;

    #[test]
    fn a_slot_cannot_take_the_name_of_an_upstream_that_is_in_use() {
        let old = settings("[upstreams.phone]\naddress = 'a:1'\nsystem_id = 'relay'\n");
        let faults = named_twice(&old, &settings("[slots.phone]\nport = '/dev/a'\n"));
        assert!(
            matches!(&faults[..], [fault] if fault.starts_with("slots.phone: ")),
            "{faults:?}"
        );
        let other = settings("[slots.other]\nport = '/dev/a'\n");
        assert!(named_twice(&old, &other).is_empty());
        let slot = settings("[slots.phone]\nport = '/dev/a'\n");
        assert!(named_twice(&slot, &old)[0].starts_with("upstreams.phone: "));
    }
}
