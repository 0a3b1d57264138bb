//! Consumers on a real store, with a kill in between.

mod room;
mod scripted;
