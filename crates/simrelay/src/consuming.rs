//! Makes the consumers of a configuration.

use std::sync::Arc;

use consumers::Consumer;
use consumers::attendance::{Attendance, Keys};
use consumers::mail::Mail;
use consumers::webhook::Webhook;
use gateway::Gateway;
use store::Store;

use crate::config::Settings;
use crate::failure::Failure;

/// The consumer of attendance requests, before there is a gateway to answer them.
pub(crate) struct AttendanceDesk {
    config: consumers::attendance::Config,
    keys: Keys,
}

/// Reads the keys of attendance; none where it is not configured.
pub(crate) fn attendance(settings: &Settings) -> Result<Option<AttendanceDesk>, Failure> {
    let mut config = settings.attendance.clone();
    config.projection = config.projection.map(|file| settings.data.join(file));
    let Some(file) = &config.key_file else { return Ok(None) };
    let keys = Keys::load(file)
        .map_err(|error| Failure::refused(format!("attendance.key_file: {}: {error}", file.display())))?;
    tracing::info!("attendance is taken: {keys}");
    Ok(Some(AttendanceDesk { config, keys }))
}

impl AttendanceDesk {
    /// Opens it. It takes messages by what they say, so it stands before those that copy.
    pub(crate) fn open(self, store: &Store, gateway: &Gateway) -> Arc<dyn Consumer> {
        Arc::new(Attendance::new(self.config, self.keys, store.clone(), gateway.clone()))
    }
}

/// All other consumers in their order; with attendance before them it is that of [`Settings::consumers`].
pub(crate) fn consumers(settings: &Settings) -> Result<Vec<Arc<dyn Consumer>>, Failure> {
    let mut consumers: Vec<Arc<dyn Consumer>> = Vec::new();
    if settings.mail.is_on() {
        consumers.push(Arc::new(Mail::new(&settings.mail)));
    }
    for config in &settings.webhooks {
        let hook = Webhook::new(config.clone())
            .map_err(|error| Failure::refused(format!("webhooks.{}: {error}", config.name)))?;
        consumers.push(Arc::new(hook));
    }
    Ok(consumers)
}
