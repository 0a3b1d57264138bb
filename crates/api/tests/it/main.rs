//! The API over real sockets: real TLS, the real gateway on a real store, no modems.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: its panic is the answer")]

mod calls;
mod document;
mod doors;
mod house;
mod limits;
mod sockets;
mod stopping;
mod wire;
mod xml_rpc;
