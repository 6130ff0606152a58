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

#[cfg(all(test, feature = "ring"))]
mod tests {
    use std::thread;
    use std::vec;

    use pki_types::CertificateDer;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Time;
    use crate::resume::made::{client_session_at, server_session_at};

    /// The session whose number is its lifetime.
    fn session(number: u32) -> ServerSession {
        server_session_at(Time::from_secs(0), number)
    }

    fn number(session: Option<Box<ServerSession>>) -> Option<u32> {
        session.map(|session| session.lifetime)
    }

    #[derive(Clone, Copy, Debug)]
    enum Call {
        Put(u8, u32),
        Get(u8),
        Take(u8),
    }

    fn call() -> impl Strategy<Value = Call> {
        let id = || 0..8u8;
        prop_oneof![
            (id(), any::<u32>()).prop_map(|(id, number)| Call::Put(id, number)),
            id().prop_map(Call::Get),
            id().prop_map(Call::Take),
        ]
    }

    proptest! {
        #[test]
        fn server_store_answers_as_a_list_in_order_of_use(capacity in 0..5usize, calls in vec(call(), 0..120)) {
            let store = MemoryServerSessions::new(capacity);
            // The last used is the last.
            let mut model: Vec<(u8, u32)> = Vec::new();
            let remove = |model: &mut Vec<(u8, u32)>, id| {
                model.iter().position(|(it, _)| *it == id).map(|at| model.remove(at).1)
            };
            for call in calls {
                match call {
                    Call::Put(id, number) => {
                        store.put(&[id], &session(number));
                        remove(&mut model, id);
                        model.push((id, number));
                        let surplus = model.len().saturating_sub(capacity);
                        model.drain(..surplus);
                    }
                    Call::Get(id) => {
                        let expected = remove(&mut model, id);
                        model.extend(expected.map(|number| (id, number)));
                        prop_assert_eq!(number(store.get(&[id])), expected);
                    }
                    Call::Take(id) => prop_assert_eq!(number(store.take(&[id])), remove(&mut model, id)),
                }
                prop_assert_eq!(store.len(), model.len());
            }
        }

        #[test]
        fn client_store_answers_as_a_list_of_lists(
            (capacity, per_server) in (0..4usize, 0..4usize),
            calls in vec((0..6u8, proptest::option::of((any::<u16>(), 0..50u64, 1..50u32))), 0..120),
        ) {
            let store = MemoryClientSessions::new(capacity, per_server);
            // Of each server the tickets with their ends in milliseconds, newest last; the server last used is the last.
            let mut model: Vec<(u8, Vec<(u16, u64)>)> = Vec::new();
            for (server, put) in calls {
                // Two names under three configurations.
                let (name, configuration) = (["one", "two"][usize::from(server % 2)], [server / 2; 32]);
                let mut found = match model.iter().position(|(it, _)| *it == server) {
                    Some(at) => model.remove(at).1,
                    None => Vec::new(),
                };
                match put {
                    Some((ticket, received, lifetime)) => {
                        let made = client_session_at(Time::from_secs(received), lifetime, &ticket.to_be_bytes());
                        store.put(name, &configuration, Box::new(made));
                        found.retain(|(_, end)| *end > received * 1000);
                        found.push((ticket, (received + u64::from(lifetime)) * 1000));
                        let surplus = found.len().saturating_sub(per_server);
                        found.drain(..surplus);
                    }
                    None => {
                        let expected = found.pop().map(|(ticket, _)| ticket.to_be_bytes().to_vec());
                        prop_assert_eq!(store.take(name, &configuration).map(|it| it.ticket), expected);
                    }
                }
                if !found.is_empty() {
                    model.push((server, found));
                }
                let surplus = model.len().saturating_sub(capacity);
                model.drain(..surplus);
                prop_assert_eq!(store.len(), model.len());
            }
        }
    }

    #[test]
    fn session_that_is_taken_by_many_at_once_is_given_to_one() {
        let store = MemoryServerSessions::new(4);
        store.put(b"id", &session(1));
        let taken: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| usize::from(store.take(b"id").is_some()))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 1);
    }

    #[test]
    fn flood_of_sessions_stays_within_capacity() {
        let store = MemoryServerSessions::new(50);
        for number in 0..2_000u32 {
            store.put(&number.to_be_bytes(), &session(number));
        }
        assert_eq!(store.len(), 50);
        assert_eq!(number(store.get(&1_999u32.to_be_bytes())), Some(1_999));
        assert!(store.get(&1_949u32.to_be_bytes()).is_none());
    }

    #[test]
    fn what_is_too_large_to_be_kept_is_not_put_in() {
        let store = MemoryServerSessions::new(4);
        store.put(&[0; MAX_ID_LEN + 1], &session(1));
        let mut large = session(1);
        large.client_chain = [CertificateDer::from(vec![0; 20_000])].into();
        store.put(b"id", &large);
        assert!(store.is_empty());
    }

    #[test]
    fn lock_that_a_panic_poisoned_is_still_taken() {
        let store = MemoryServerSessions::new(4);
        store.put(b"id", &session(1));
        let panicked = thread::scope(|scope| {
            let hold_and_panic = || {
                let _guard = store.sessions.lock().unwrap();
                std::panic::resume_unwind(Box::new(()));
            };
            scope.spawn(hold_and_panic).join().is_err()
        });
        assert!(panicked && store.sessions.is_poisoned());
        assert_eq!(number(store.get(b"id")), Some(1));
    }
}
