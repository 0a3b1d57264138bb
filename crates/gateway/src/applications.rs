//! Applications that are bound, as whoever lets them in tells of them.

use std::fmt;
use std::sync::OnceLock;

use message::ApplicationSnapshot;

use crate::Gateway;

/// Who is asked for every snapshot; nobody, where no application can bind.
#[derive(Default)]
pub(crate) struct Applications(OnceLock<Box<Look>>);

/// Tells how things stand now; it must be quick.
type Look = dyn Fn() -> Vec<ApplicationSnapshot> + Send + Sync;

impl Gateway {
    /// From now on the snapshot shows what this tells. Only the first one is asked.
    pub fn shows_applications(&self, look: impl Fn() -> Vec<ApplicationSnapshot> + Send + Sync + 'static) {
        self.inner.applications.0.get_or_init(|| Box::new(look));
    }

    pub(crate) fn applications(&self) -> Vec<ApplicationSnapshot> {
        self.inner.applications.0.get().map(|look| look()).unwrap_or_default()
    }
}

impl fmt::Debug for Applications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Applications")
    }
}
