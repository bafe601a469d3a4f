//! Ports for programs that cannot say which one they took.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// A free port below those that the system hands out by itself; in one process never the same twice.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Test processes of one machine begin a few ports apart.
    let first = 20_000 + u16::try_from(std::process::id() % 1_500).unwrap() * 8;
    let ports = || Some(first + TAKEN.fetch_add(1, Ordering::Relaxed));
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::from_fn(ports).take_while(|port| *port < 32_768).find(free).expect("a free port")
}
