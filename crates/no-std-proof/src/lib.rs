//! Proves that Bulla's core needs no `std`: a static library with its own panic handler and its own allocator, in
//! which a whole client and a whole server shake hands, resume, and move data through fixed buffers, early data too; with the
//! feature `tls12`, all that once more in TLS 1.2.
//!
//! A dependency that links `std` breaks the build, because `std` brings a second panic handler: `--features std` shows
//! it ("found duplicate lang item `panic_impl`"). `main.c` beside this links the library into a C program and runs it;
//! on a hosted target the random bytes come from the operating system through `getrandom`, which needs no `std`.
//!
//! The allocator must be `unsafe`, as must a function that C can call. Both are here and nowhere in Bulla.
#![no_std]

extern crate alloc;

mod bump;
mod handshake;
mod store;

#[global_allocator]
static ALLOCATOR: bump::Bump = bump::Bump::new();

unsafe extern "C" {
    /// The C program's own: a proof that fails must not stand still.
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    abort()
}

/// Runs two handshakes per version and moves data both ways. Returns how many bytes of heap it took in all, or a negative number that
/// names the step that failed.
#[unsafe(no_mangle)]
pub extern "C" fn bulla_no_std_proof() -> i32 {
    match handshake::run() {
        Ok(()) => i32::try_from(ALLOCATOR.used()).unwrap_or(i32::MAX),
        Err(step) => -step,
    }
}
