//! Stores in this process: bounded, least recently used first out. A lock is held while a map is looked at, never across
//! cryptography.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::{ClientSession, ServerSession};
use crate::clock::Time;

/// A server's sessions.
pub struct MemoryServerSessions {}

impl MemoryServerSessions {
    /// Keeps at most `capacity` sessions.
    pub fn new(_capacity: usize) -> Self {
        todo!()
    }

    pub(crate) fn put(&self, _id: &[u8], _session: &ServerSession) {
        todo!()
    }

    pub(crate) fn get(&self, _id: &[u8]) -> Option<Box<ServerSession>> {
        todo!()
    }

    pub(crate) fn take(&self, _id: &[u8]) -> Option<Box<ServerSession>> {
        todo!()
    }
}

/// A client's sessions.
pub struct MemoryClientSessions {}

impl MemoryClientSessions {
    /// Keeps the sessions of at most `capacity` servers, and at most `per_server` of each.
    pub fn new(_capacity: usize, _per_server: usize) -> Self {
        todo!()
    }

    pub(crate) fn put(&self, _server_name: &str, _configuration: &[u8; 32], _session: Box<ClientSession>) {
        todo!()
    }

    /// Takes the newest.
    pub(crate) fn take(&self, _server_name: &str, _configuration: &[u8; 32]) -> Option<Box<ClientSession>> {
        todo!()
    }
}

/// Remembers which early data was seen, for as long as it could be sent again. RFC 8446 §8.2.
pub struct MemoryStrikeRegister {}

impl MemoryStrikeRegister {
    /// Remembers at most `capacity` uses; when it is full, nothing more is accepted until some are forgotten.
    pub fn new(_realm: [u8; 16], _capacity: usize) -> Self {
        todo!()
    }

    pub(crate) fn realm(&self) -> [u8; 16] {
        todo!()
    }

    pub(crate) fn first_use(&self, _unique: &[u8; 32], _now: Time, _until: Time) -> bool {
        todo!()
    }
}

impl fmt::Debug for MemoryServerSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryServerSessions")
    }
}
impl fmt::Debug for MemoryClientSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryClientSessions")
    }
}
impl fmt::Debug for MemoryStrikeRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStrikeRegister")
    }
}
#[allow(dead_code)]
fn unused(_: Vec<u8>) {}
