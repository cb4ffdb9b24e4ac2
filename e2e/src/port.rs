//! A port of this machine for a program that a test runs, and that says of none which it took.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Result;

/// One that was free a moment ago.
pub fn free() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
