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

/// Writes the moment as RFC 3339 does, in UTC and whole seconds: `2026-01-01T00:00:00Z`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.as_secs() / 86_400, self.as_secs() % 86_400);
        let (year, month, day) = date_of_day(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// The Gregorian date of the day that is this many days after 1970-01-01.
///
/// Years are counted from 1 March of the year 0, so that the leap day is the last of its year.
fn date_of_day(days_since_epoch: u64) -> (u64, u64, u64) {
    const DAYS_BEFORE_EPOCH: u64 = 719_468;
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let days = days_since_epoch + DAYS_BEFORE_EPOCH;
    let (cycle, day_of_cycle) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    // Leap days so far in this cycle: one every 4 years, less one every 100, and one more on its very last day.
    let leap_days = day_of_cycle / 1_460 - day_of_cycle / 36_524 + day_of_cycle / 146_096;
    let year_of_cycle = (day_of_cycle - leap_days) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    // March to July, August to December and January to February run alike: 153 days in five months.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (400 * cycle + year_of_cycle + u64::from(month <= 2), month, day)
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

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn time_reads_as_a_date_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (1_767_225_600, "2026-01-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Time::from_secs(seconds).to_string(), text);
        }
        assert_eq!(Time::from_millis(999).to_string(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut before = date_of_day(0);
        for day in 1..=400_000 {
            let date = date_of_day(day);
            let (year, month, day) = before;
            let next =
                [(year, month, day + 1), (year, month + 1, 1), (year + 1, 1, 1)].into_iter().find(|it| *it == date);
            assert!(next.is_some() && date > before, "{before:?} is followed by {date:?}");
            before = date;
        }
        assert_eq!(before, (3065, 3, 1));
    }

    #[test]
    fn any_time_can_be_written() {
        assert!(Time::from_millis(u64::MAX).to_string().ends_with('Z'));
    }
}
