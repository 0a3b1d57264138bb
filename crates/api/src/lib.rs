//! The API: JSON-RPC 2.0 over HTTPS (HTTP/1.1 and 2) and WebSocket, and XML-RPC, on one port, with tokens and limits.
//!
//! A call's way, from the outside in:
//!
//! - `server` accepts, gives out places for connections, does TLS (`tls`) and picks HTTP/1.1 or 2 by ALPN;
//! - `patience` watches every socket and closes those that keep us waiting;
//! - `web` tells requests apart, asks `keeper` who shows the token, and reads the body; `socket` opens WebSockets and reads
//!   their messages;
//! - `envelope` reads a call, or a batch of them, from either; `rpc` checks scope and rate, and `calls` finds it a place
//!   before it reaches its method;
//! - `methods` is the one table of methods: it registers them, checks their parameters (`params`) and writes the OpenRPC
//!   document (`openrpc`). Each method asks the [`gateway::Gateway`] and returns what it says;
//! - `xml_rpc` answers the clients of Pentagrid's SMSgate, over the same keeper and the same gateway;
//! - `metrics` answers scrapes of the same snapshot;
//! - `codes` is the one table of errors; `troubles` is what the API adds to the gateway's health.
//!
//! [`Config`] → [`Server::new`] → [`Server::serve`]; [`Handle::reload`] changes tokens and certificate meanwhile.
//! [`Token::generate`] makes tokens. [`Handle::login`] checks them for other protocols (`login`).
//!
//! It promises that nothing a client sends, or fails to send, stops it, that every wait on a client ends, and that no
//! token and no message text is logged. It decides nothing about messages: that is the gateway's.

#![forbid(unsafe_code)]

mod calls;
mod clock;
mod codes;
mod config;
mod envelope;
mod keeper;
mod login;
mod methods;
mod metrics;
mod openrpc;
mod params;
mod patience;
mod rpc;
mod server;
mod socket;
mod tls;
mod token;
mod troubles;
mod uses;
mod validity;
mod web;
mod xml_rpc;

use gateway::Gateway;
use tokio::net::TcpListener;

pub use codes::Code;
pub use config::{Config, LEAST_LIMITS, Limits, MOST_LEGACY_HASHES, Problem, XmlRpc};
pub use login::{LoginError, Rights};
pub use methods::{Health, SlotCounts, Stats, UpstreamCounts};
pub use metrics::MetricsConfig;
pub use server::{Error, Handle, Server};
pub use tls::TlsError;
pub use token::{Scope, Token, TokenConfig, TokenError, TokenHash};
pub use validity::certificate_validity;

/// Serves until `stop` is over; for whoever needs no [`Handle`].
pub async fn serve(
    config: &Config,
    gateway: Gateway,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    Server::new(config, gateway)?.serve(listener, stop).await
}
