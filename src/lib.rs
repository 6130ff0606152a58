//! Bulla: TLS 1.3 in pure Rust.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod clock;
pub mod crypto;
pub mod der;
pub mod error;
pub mod wire;

pub use error::Error;
