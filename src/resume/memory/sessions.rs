//! Sessions of servers and of clients.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::least_recently_used::LeastRecentlyUsed;
use super::lock;
use crate::crypto::Secret;
use crate::resume::{ClientSession, ServerSession};

/// Longest id of a session, in bytes: TLS 1.2 has 32, and in TLS 1.3 the server chooses.
const MAX_ID_LEN: usize = 64;

/// A server's sessions. One takes a few hundred bytes, and at most 17 KiB with a client's chain.
pub struct MemoryServerSessions {
    sessions: Mutex<LeastRecentlyUsed<Arc<Secret>>>,
}

impl MemoryServerSessions {
    /// Keeps at most `capacity` sessions; where there is no more room, the one that was not used for longest goes.
    pub fn new(capacity: usize) -> Self {
        Self { sessions: Mutex::new(LeastRecentlyUsed::new(capacity)) }
    }

    /// Returns how many sessions there are.
    pub fn len(&self) -> usize {
        lock(&self.sessions).len()
    }

    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a session in. One that is too large to be kept is not.
    pub(crate) fn put(&self, id: &[u8], session: &ServerSession) {
        if id.len() > MAX_ID_LEN {
            return;
        }
        let Some(bytes) = session.to_bytes() else { return };
        let value = Arc::new(bytes);
        // What had to go is wiped behind the lock, which ends with the statement.
        let _evicted = lock(&self.sessions).insert(id, value);
    }

    /// Finds a session and leaves it there.
    pub(crate) fn get(&self, id: &[u8]) -> Option<Box<ServerSession>> {
        let bytes = lock(&self.sessions).get_mut(id).map(|bytes| bytes.clone())?;
        ServerSession::from_bytes(bytes.expose()).map(Box::new)
    }

    /// Finds a session and removes it: of all that ask at once, one gets it.
    pub(crate) fn take(&self, id: &[u8]) -> Option<Box<ServerSession>> {
        let bytes = lock(&self.sessions).remove(id)?;
        ServerSession::from_bytes(bytes.expose()).map(Box::new)
    }
}

/// A client's sessions.
pub struct MemoryClientSessions {
    /// Of each server, the newest last.
    servers: Mutex<LeastRecentlyUsed<VecDeque<Box<ClientSession>>>>,
    per_server: usize,
}

impl MemoryClientSessions {
    /// Keeps the sessions of at most `capacity` servers, and at most `per_server` of each. Where there is no more room, the
    /// server goes that was not visited for longest, and of one server's sessions the oldest.
    pub fn new(capacity: usize, per_server: usize) -> Self {
        Self { servers: Mutex::new(LeastRecentlyUsed::new(capacity)), per_server }
    }

    /// Returns how many servers there are sessions of.
    pub fn len(&self) -> usize {
        lock(&self.servers).len()
    }

    /// Says whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a session in. Those of the same server that had ended when it was received are dropped.
    pub(crate) fn put(&self, server_name: &str, configuration: &[u8; 32], session: Box<ClientSession>) {
        if self.per_server == 0 {
            return;
        }
        let key = key(server_name, configuration);
        let now = session.received;
        let mut dropped = Vec::new();
        let mut servers = lock(&self.servers);
        match servers.get_mut(&key) {
            Some(sessions) => {
                let (alive, ended) = sessions.drain(..).partition(|session| now < session.expires());
                *sessions = alive;
                sessions.push_back(session);
                dropped.push(ended);
                while sessions.len() > self.per_server {
                    dropped.push(sessions.pop_front().into_iter().collect());
                }
            }
            None => dropped.extend(servers.insert(&key, VecDeque::from([session]))),
        }
        // What had to go is wiped behind the lock.
        drop(servers);
        drop(dropped);
    }

    /// Takes the newest, which is then no longer there: a ticket is used once. RFC 8446 §C.4.
    pub(crate) fn take(&self, server_name: &str, configuration: &[u8; 32]) -> Option<Box<ClientSession>> {
        let key = key(server_name, configuration);
        let mut servers = lock(&self.servers);
        let sessions = servers.get_mut(&key)?;
        let newest = sessions.pop_back();
        if sessions.is_empty() {
            servers.remove(&key);
        }
        newest
    }
}

/// The configuration's length is always the same, so that no two pairs have the same key.
fn key(server_name: &str, configuration: &[u8; 32]) -> Vec<u8> {
    [configuration, server_name.as_bytes()].concat()
}

impl fmt::Debug for MemoryServerSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryServerSessions({})", self.len())
    }
}

impl fmt::Debug for MemoryClientSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryClientSessions({})", self.len())
    }
}
