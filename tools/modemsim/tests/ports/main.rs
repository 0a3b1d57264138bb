//! The simulated modems on real pseudo-terminals, by raw reads and writes.

mod client;
mod messages;
