//! The smallest allocator there is: it hands out a static arena front to back and takes nothing back.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of the arena. All handshakes together take two thirds of it, although nothing is ever given back. The tables of
/// compressors take more: those of zlib a quarter of a megabyte, those of Brotli more than one.
const ARENA_LEN: usize = if cfg!(any(feature = "zlib", feature = "brotli")) { 1 << 23 } else { 1 << 18 };

/// A static arena and how much of it is given away.
pub struct Bump {
    arena: UnsafeCell<[u8; ARENA_LEN]>,
    used: AtomicUsize,
}

// SAFETY: the arena is only reached through pointers that `alloc` gives out, each to bytes of its own.
unsafe impl Sync for Bump {}

impl Bump {
    /// Starts with nothing given away.
    pub const fn new() -> Self {
        Self { arena: UnsafeCell::new([0; ARENA_LEN]), used: AtomicUsize::new(0) }
    }

    /// Returns how many bytes are given away.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

// SAFETY: every pointer lies in the arena, is aligned as asked, and its bytes are given out once.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.arena.get() as usize;
        let place = |used: usize| {
            let start = (base + used).checked_next_multiple_of(layout.align())?;
            let end = start.checked_add(layout.size())?.checked_sub(base)?;
            (end <= ARENA_LEN).then_some((start, end))
        };
        let mut start = 0;
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let (at, end) = place(used)?;
            start = at;
            Some(end)
        });
        match taken {
            Ok(_) => self.arena.get().cast::<u8>().wrapping_add(start - base),
            Err(_) => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
