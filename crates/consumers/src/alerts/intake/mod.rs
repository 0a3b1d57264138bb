//! What comes in as an alert: one small adapter for each kind of sender, all to one [`RawAlert`](message::RawAlert).
//!
//! | sender | room | over |
//! |---|---|---|
//! | clients of the first alert server, one JSON object a line | [`Object`] | [`Listener`] |
//! | Hikvision's cameras and recorders | [`Notice`], `multipart`, `standing`, `turns` | [`Http`] |
//! | Alertmanager and Grafana | [`prometheus`] | [`Http`] |
//! | Icinga and its kin | [`icinga`] | [`Http`] |
//! | anything that can only mail | [`letter`] | [`AlertMailbox`] |
//!
//! The adapters are pure: octets in, alerts out. `picture` looks at the pictures. Nothing here trusts a sender: what it
//! wrote is cleaned once, on its way into the gateway.
//!
//! All alerts go in through one [`Raiser`], which keeps those that come together in one transaction. What is large on
//! its way there shares a `budget` of memory; where that is used up, nobody reads, and senders wait.

mod budget;
mod config;
mod door;
mod found;
mod hikvision;
mod http;
pub mod icinga;
pub mod letter;
mod lines;
mod listener;
mod mailbox;
mod multipart;
mod object;
mod pace;
mod picture;
mod posts;
pub mod prometheus;
mod raiser;
mod said;
mod standing;
mod token;
mod turns;
mod voice;

pub use config::{HttpConfig, LetterConfig, ListenerConfig};
pub use door::Ports;
pub use hikvision::{Notice, NoticeError};
pub use http::Http;
pub use listener::Listener;
pub use mailbox::AlertMailbox;
pub use object::{Object, ObjectError};
pub use picture::{NoPicture, look};
pub use raiser::{NotKept, Raiser};
pub use token::Token;
