//! Time as the core knows it: a number that comes in from outside, or nothing at all.

use core::fmt;

/// A moment, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// Returns the moment this many milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Returns the moment this many seconds after 1970-01-01T00:00:00Z.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Returns the milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the whole seconds since the Unix epoch.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }
}

/// Tells the time, if the device knows it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Returns the time now, or `None` on a device that has no clock. Certificates are then refused unless the
    /// configuration says otherwise: without a time, validity cannot be judged.
    fn now(&self) -> Option<Time>;
}

/// A clock that stands still: for tests, and for devices that learn the time elsewhere.
impl Clock for Time {
    fn now(&self) -> Option<Time> {
        Some(*self)
    }
}

/// The clock of a device that has none.
#[derive(Clone, Copy, Debug)]
pub struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Option<Time> {
        None
    }
}

/// The operating system's clock.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

#[cfg(feature = "std")]
impl Clock for SystemClock {
    fn now(&self) -> Option<Time> {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
        u64::try_from(since_epoch.as_millis()).ok().map(Time)
    }
}
