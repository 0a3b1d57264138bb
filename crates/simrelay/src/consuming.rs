//! Makes the consumers of a configuration.

use std::sync::Arc;

use consumers::Consumer;
use consumers::webhook::Webhook;

use crate::config::Settings;
use crate::failure::Failure;

/// All consumers in their order, which is that of [`Settings::consumers`].
pub(crate) fn consumers(settings: &Settings) -> Result<Vec<Arc<dyn Consumer>>, Failure> {
    let mut consumers: Vec<Arc<dyn Consumer>> = Vec::new();
    for config in &settings.webhooks {
        let hook = Webhook::new(config.clone())
            .map_err(|error| Failure::refused(format!("webhooks.{}: {error}", config.name)))?;
        consumers.push(Arc::new(hook));
    }
    Ok(consumers)
}
