//! From the call to +CMGS and the report back (`docs/architecture.md`, outgoing).
//!
//! [`Desk`](desk::Desk) decides and does nothing; [`dispatch`] does what it says and tells it what came of it.

pub(crate) mod compose;
pub(crate) mod desk;
pub(crate) mod destinations;
pub(crate) mod dispatch;
mod keep;
pub(crate) mod lane;
pub(crate) mod look;
pub(crate) mod remake;
mod revise;
pub(crate) mod send;
pub(crate) mod verbatim;
pub(crate) mod verdict;
