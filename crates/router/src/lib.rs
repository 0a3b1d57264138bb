//! Which route for this message, and why.
//!
//! A route is a SIM or an upstream. [`choose`] looks at a recipient ([`Ask`]) and at what is known of every route
//! ([`RouteFacts`]) and answers with a route, with *wait*, or with a refusal, each with its reason; [`explain`] tells the
//! same for every route at once. Nothing is kept here but what [`Usage`] counts for limits, and there is no clock: the
//! time comes in.
//!
//! The order is fixed: usable routes first (not locked, health not CRITICAL, within limits and balance), then a sticky
//! reply, then the longest matching prefix, then cost, then load, then the one that has rested longest.

#![forbid(unsafe_code)]

mod config;
mod guard;
mod rank;
mod usage;

pub use config::{Limits, PrefixCost, RouteConfig, RoutingConfig};
pub use guard::{Guard, GuardConfig, Kind};
pub use rank::{Ask, Decision, RouteFacts, choose, explain};
pub use usage::{Exceeded, Usage, Window};
