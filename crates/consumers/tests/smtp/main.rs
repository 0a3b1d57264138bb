//! The SMTP server against real clients and bad ones.

mod clients;
mod oddities;
mod server;
