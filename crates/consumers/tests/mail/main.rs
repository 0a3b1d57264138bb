//! Mail to real servers: aiosmtpd in each way of securing a connection, and postfix. `tools/peers install` brings both.

mod alerts;
mod postfix;
mod refusals;
mod setting;
mod sink;
mod ways;
