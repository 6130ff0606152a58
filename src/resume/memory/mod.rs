//! Stores in this process: bounded, least recently used first out. A lock is held while a map is looked at, never across
//! cryptography: sessions are written out before it is taken and read after it is released.

mod least_recently_used;
mod sessions;
mod strike_register;

pub use sessions::{MemoryClientSessions, MemoryServerSessions};
pub use strike_register::MemoryStrikeRegister;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes the lock. What a thread left that panicked is a map that may lack an entry; that is no reason to panic too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
