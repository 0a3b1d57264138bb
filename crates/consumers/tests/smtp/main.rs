//! The SMTP server against real clients and bad ones.

mod clients;
mod messages;
mod oddities;
mod server;
