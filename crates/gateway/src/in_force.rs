//! The settings in force: replaced as a whole, looked at without waiting.

use std::sync::{Arc, PoisonError, RwLock};

use router::Guard;
use store::Retention;

use crate::{Config, RouteSettings};

/// Settings, and what is made of them once.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) config: Config,
    pub(crate) routes: RouteSettings,
    pub(crate) retention: Retention,
    pub(crate) guard: Guard,
    /// Upper-case words that put their sender on the STOP list.
    pub(crate) stop_words: Vec<String>,
}

impl Terms {
    pub(crate) fn new(config: Config, routes: RouteSettings, retention: Retention) -> Self {
        let stop_words = config.stop_words.iter().map(|word| word.trim().to_uppercase());
        Self {
            stop_words: stop_words.collect(),
            guard: Guard::new(routes.routing.guard.clone()),
            config,
            routes,
            retention,
        }
    }
}

/// The terms of now. Whoever works by them takes them once and goes on with those.
#[derive(Debug)]
pub(crate) struct InForce(RwLock<Arc<Terms>>);

impl InForce {
    pub(crate) fn new(terms: Terms) -> Self {
        Self(RwLock::new(Arc::new(terms)))
    }

    /// The terms of now.
    pub(crate) fn now(&self) -> Arc<Terms> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on these.
    pub(crate) fn replace(&self, terms: Terms) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(terms);
    }
}
