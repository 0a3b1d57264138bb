//! What comes in as an alert: one small adapter for each kind of sender, all to one [`RawAlert`](message::RawAlert).
//!
//! | sender | room |
//! |---|---|
//! | clients of the first alert server, one JSON object a line | [`Object`] |
//! | Hikvision's cameras and recorders, over HTTP | [`Notice`], `multipart` |
//! | Alertmanager and Grafana | [`prometheus`] |
//! | Icinga and its kin | [`icinga`] |
//! | anything that can only mail | [`letter`] |
//!
//! All of them are pure: octets in, alerts out. `picture` looks at the pictures. Nothing here trusts a sender: what it
//! wrote is cleaned once, where the gateway takes the alert.

mod hikvision;
pub mod icinga;
pub mod letter;
mod multipart;
mod object;
mod picture;
pub mod prometheus;
mod said;

pub use hikvision::{Notice, NoticeError};
pub use object::{Object, ObjectError};
pub use picture::{NoPicture, look};
