//! Alerts coming in: the real program, real sockets, real senders, and whatever may come over a wire.

mod burst;
mod lines;
mod posts;
mod site;
