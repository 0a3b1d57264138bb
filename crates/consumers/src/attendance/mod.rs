//! Attendance by SMS: employees' phones say *Arrival 08.00* in a ciphered text, the gateway keeps it and acknowledges.
//!
//! [`protocol`] is the wire, both versions of it, as pure functions: texts in; what they say and what to answer out.
//! [`Keys`] is the key file.
//!
//! `docs/attendance.md` tells what the first version can and cannot promise.

mod keys;
pub mod protocol;

pub use keys::{Device, Keys, KeysError, LineFault};
