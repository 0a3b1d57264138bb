//! What an operator does to a gateway that works: copies, other settings, a look into the audit log.

mod audit;
mod backup;
mod certificate;
mod reload;
mod upstreams;
