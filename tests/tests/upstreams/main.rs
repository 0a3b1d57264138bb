//! Upstreams: the gateway binds to another gateway by SMPP, and sends and receives over it.

mod chained;
mod seed;
mod with_npm;

use std::time::Duration;

use end_to_end::{Gateway, eventually};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(60);

/// The texts that came in, oldest first.
fn texts(gateway: &Gateway, count: usize) -> Vec<String> {
    let found = eventually(&format!("{count} messages arrive"), LONG, || {
        let found = gateway.api().fetch(0, 0);
        (found.len() >= count).then_some(found)
    });
    let text = |message: &Value| message["text"].as_str().expect("a text").to_owned();
    found.iter().map(text).collect()
}
