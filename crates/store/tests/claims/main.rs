//! What the store promises, each promise on a real file.

mod ahead;
mod alerts;
mod attendance;
mod audit;
mod backup;
mod budget;
mod cards;
mod care;
mod clock;
mod common;
mod crash;
mod deliveries;
mod faults;
mod figures;
mod incoming;
mod invariants;
mod journal;
mod listing;
mod outgoing;
mod receipts;
mod reports;
mod retention;
mod uncertain;
