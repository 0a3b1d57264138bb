//! The gateway as others' monitoring sees it: the plugins, and the real programs that run them.

mod check;
mod icinga;
mod journal;
mod metrics;
mod munin;
mod site;
mod trace;
