//! From +CMTI to fetch, mail and handlers (`docs/architecture.md`, incoming).

pub(crate) mod intake;
pub(crate) mod read;
