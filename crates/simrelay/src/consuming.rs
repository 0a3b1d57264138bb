//! Makes the consumers of a configuration.

use std::sync::Arc;

use consumers::Consumer;
use consumers::alerts::{AlertMail, Alerts};
use consumers::attendance::{Attendance, Keyring, Office};
use consumers::mail::{Bounces, Mail};
use consumers::webhook::{Config, Webhook};
use gateway::{Gateway, Tally};
use store::Store;

use crate::config::Settings;
use crate::failure::Failure;

/// Attendance, before there is a gateway to answer requests.
pub(crate) struct AttendanceDesk {
    config: consumers::attendance::Config,
    office: Office,
}

/// Reads the keys of attendance; none where it is not configured.
pub(crate) fn attendance(settings: &Settings, store: &Store) -> Result<Option<AttendanceDesk>, Failure> {
    let mut config = settings.attendance.clone();
    config.projection = config.projection.map(|file| settings.data.join(file));
    let Some(file) = config.key_file.clone() else {
        return Ok(None);
    };
    let told = format!("attendance.key_file: {}", file.display());
    let keyring = Keyring::load(file).map_err(|error| Failure::refused(format!("{told}: {error}")))?;
    tracing::info!("attendance is taken: {}", keyring.current());
    let office = Office::new(&config, keyring, store.clone());
    Ok(Some(AttendanceDesk { config, office }))
}

impl AttendanceDesk {
    /// What answers the questions about it.
    pub(crate) fn office(&self) -> &Office {
        &self.office
    }

    /// Opens it. It takes messages by what they say, so it stands before those that copy.
    pub(crate) fn open(self, gateway: &Gateway) -> Arc<dyn Consumer> {
        Arc::new(Attendance::new(self.config, self.office, gateway.clone()))
    }
}

/// All other consumers in their order; with attendance and alerts before them it is that of [`Settings::consumers`].
pub(crate) fn consumers(settings: &Settings, store: &Store, tally: &Tally) -> Result<Vec<Arc<dyn Consumer>>, Failure> {
    let mut consumers: Vec<Arc<dyn Consumer>> = Vec::new();
    if settings.mail.is_on() {
        let mail = Mail::new(&settings.mail).counted(tally);
        consumers.push(Arc::new(match &settings.mail_to_sms.domain {
            Some(domain) => mail.with_replies_to(domain),
            None => mail,
        }));
    }
    if settings.alerts.mails() {
        consumers.push(Arc::new(AlertMail::new(&settings.mail, store.clone()).counted(tally)));
    }
    if settings.has_bounces() {
        consumers.push(Arc::new(Bounces::new(&settings.mail).counted(tally)));
    }
    for config in &settings.webhooks {
        consumers.push(hook(config)?);
    }
    Ok(consumers)
}

/// Those of them that are new or have other settings than before.
pub(crate) fn fresh(
    old: &Settings,
    new: &Settings,
    store: &Store,
    tally: &Tally,
) -> Result<Vec<Arc<dyn Consumer>>, Failure> {
    let known = old.consumers();
    let mut settings = new.clone();
    settings.webhooks.retain(|hook| !old.webhooks.contains(hook));
    let mut fresh = consumers(&settings, store, tally)?;
    let hooks: Vec<String> = settings.webhooks.iter().map(Config::consumer).collect();
    fresh.retain(|consumer| {
        let name = consumer.name().to_owned();
        old.mail != new.mail || !known.contains(&name) || hooks.contains(&name)
    });
    Ok(fresh)
}

fn hook(config: &consumers::webhook::Config) -> Result<Arc<dyn Consumer>, Failure> {
    let refused = |error| Failure::refused(format!("webhooks.{}: {error}", config.name));
    Ok(Arc::new(Webhook::new(config.clone()).map_err(refused)?))
}

/// Begins to work alerts. Needs a runtime.
pub(crate) fn alerts(config: &consumers::alerts::Config, store: &Store, gateway: &Gateway) -> Alerts {
    Alerts::start(config.clone(), store.clone(), gateway.clone())
}
