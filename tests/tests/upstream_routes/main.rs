//! Upstreams as routes: what chooses them, what is said of them, and what a kill in the middle leaves. What goes over their
//! wires is in `upstreams`.

mod killed;
mod routes;

use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
