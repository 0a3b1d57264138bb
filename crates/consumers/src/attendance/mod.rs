//! Attendance by SMS: employees' phones say *Arrival 08.00* in a ciphered text, the gateway keeps it and acknowledges.
//!
//! [`protocol`] is the wire, both versions of it, as pure functions: texts in; what they say and what to answer out.
//! `docs/attendance.md` tells what the first version can and cannot promise.

pub mod protocol;
