//! Other settings while it runs.

use std::sync::Arc;

use store::Retention;

use crate::handle::lane;
use crate::in_force::Terms;
use crate::outgoing::desk::Reordered;
use crate::outgoing::dispatch::Command;
use crate::outgoing::lane::Lane;
use crate::outgoing::send::unavailable;
use crate::{Config, Error, Gateway, RouteSettings};

/// Other settings, with what had to be read for them; nothing of it is in force yet.
#[derive(Debug)]
pub struct Prepared {
    terms: Terms,
    lanes: Vec<Lane>,
}

impl Gateway {
    /// Reads what other settings need: how much routes that are new or have other limits were used lately.
    ///
    /// # Errors
    /// The store cannot tell.
    pub async fn prepare(
        &self,
        config: Config,
        routes: RouteSettings,
        retention: Retention,
    ) -> Result<Prepared, Error> {
        let old = self.terms();
        let mut lanes = Vec::new();
        for (route, config) in &routes.routes {
            if old.routes.routes.get(route) != Some(config) {
                let made = lane(&self.inner.store, route, config).await;
                lanes.push(made.map_err(unavailable)?);
            }
        }
        let terms = Terms::new(config, routes, retention);
        Ok(Prepared { terms, lanes })
    }

    /// Takes other settings. Routes that stay as they are go on undisturbed. One that is gone begins nothing more: what
    /// waits for it goes elsewhere, and what is with its modem is finished. Tell it before the carrier loses the route.
    pub async fn adopt(&self, prepared: Prepared) {
        let Prepared { terms, lanes } = prepared;
        let reordered = Reordered {
            lanes,
            routes: terms.routes.routes.keys().cloned().collect(),
            routing: terms.routes.routing.clone(),
            max_attempts: terms.config.max_attempts,
        };
        self.inner.in_force.replace(terms);
        self.tell(Command::Reorder(Box::new(reordered))).await;
    }

    /// The carrier has other routes now: what it says of them is looked at.
    pub async fn look_at_routes(&self) {
        self.tell(Command::Facts(self.routes())).await;
    }

    /// The settings in force.
    pub(crate) fn terms(&self) -> Arc<Terms> {
        self.inner.in_force.now()
    }
}
