//! Alerts coming in, on a real store and gateway and real sockets.
#![expect(clippy::unwrap_used, reason = "a panic in a test is the answer")]

mod bench;
mod http;
mod listener;
mod mailbox;
