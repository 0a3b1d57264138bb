//! Ports that stay free until they are used.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port of this machine that nobody listens on, and that no other test of this process gets. It lies below those that
/// the kernel gives to connections (32768 and up: ip_local_port_range), so that none of these takes it meanwhile.
///
/// # Panics
///
/// Where none of many is free.
pub fn free_port() -> u16 {
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    let next = || FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
    let mut ports = std::iter::repeat_with(next).take(usize::from(COUNT));
    ports
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

static NEXT: AtomicU16 = AtomicU16::new(0);

/// The ports that are tried.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
