//! Ticket keys that change with the clock, from one secret.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::ServerSession;
use super::rotation::{KeysRefused, Rotation};
use crate::clock::Time;
use crate::crypto::Provider;

/// Shortest life of a ticket key, in seconds. A shorter one would end sessions before a second connection begins.
pub const MIN_TICKET_PERIOD: u32 = 60;

/// Sets tickets apart from cookies under the same secret.
const PURPOSE: &[u8] = b"bulla ticket keys 1";

/// Seals sessions into tickets. RFC 5077 §4, RFC 8446 §4.6.1.
///
/// Time is cut into periods, and each has its key, which is derived from the one secret: there is no state, no lock and no
/// traffic between those that share the secret. A key seals for one period and opens for one more. So that a ticket opens for
/// as long as its session lives, **a session that is sealed lives for one period at most**: [`seal`](Self::seal) shortens what
/// would live longer. A period of a day is a good one; more than [`MAX_SESSION_LIFETIME`](super::MAX_SESSION_LIFETIME) serves
/// nothing.
///
/// Tickets of the next period open too, since the clocks of a fleet do not agree. What is not to be resumed (a client's chain
/// that is too long, a session that has ended) leads to a full handshake, and so does a ticket of anybody else.
///
/// Who learns the secret, and has recorded, reads the TLS 1.2 connections that made or used its tickets and the early data of
/// TLS 1.3, and can pose as a client that has a ticket. Replace it from time to time.
pub struct TicketKeys {
    rotation: Rotation,
}

impl TicketKeys {
    /// Draws the secret: the tickets of this process, for as long as it lives. A key lives for `period` seconds.
    pub fn random(provider: Arc<dyn Provider>, period: u32) -> Result<Self, KeysRefused> {
        check_period(period)?;
        Ok(Self { rotation: Rotation::random(provider, PURPOSE, period)? })
    }

    /// Takes the secret of a fleet, at least [`MIN_SHARED_SECRET_LEN`](super::MIN_SHARED_SECRET_LEN) random bytes, whose
    /// members then resume each other's sessions. They must agree on `period` too.
    pub fn from_shared_secret(provider: Arc<dyn Provider>, secret: &[u8], period: u32) -> Result<Self, KeysRefused> {
        check_period(period)?;
        Ok(Self { rotation: Rotation::from_shared_secret(provider, PURPOSE, secret, period)? })
    }

    /// Returns the longest lifetime of a session in a ticket, in seconds: one period.
    pub fn max_lifetime(&self) -> u32 {
        self.rotation.period().min(super::MAX_SESSION_LIFETIME)
    }

    /// Seals a session, with a lifetime of at most [`max_lifetime`](Self::max_lifetime). Returns `None` if it is too large
    /// to be kept or the provider fails: then there is no ticket.
    pub fn seal(&self, session: &ServerSession, now: Time) -> Option<Vec<u8>> {
        let plaintext = session.to_bytes_for(self.max_lifetime())?;
        self.rotation.seal(self.rotation.number(now), plaintext.expose()).ok()
    }

    /// Opens a ticket of this period, the one before or the next; `None` for anything else. Whether the session may be
    /// resumed now is another question.
    pub fn open(&self, ticket: &[u8], now: Time) -> Option<ServerSession> {
        let number = self.rotation.number(now);
        let periods = [Some(number), number.checked_sub(1), number.checked_add(1)];
        ServerSession::from_bytes(self.rotation.open(periods.into_iter().flatten(), ticket)?.expose())
    }
}

fn check_period(period: u32) -> Result<(), KeysRefused> {
    if period < MIN_TICKET_PERIOD { Err(KeysRefused::PeriodTooShort(period)) } else { Ok(()) }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKeys").field("period", &self.rotation.period()).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "ring", feature = "std"))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::ring::provider;
    use crate::resume::made::{server_session, server_session_at};

    const PERIOD: u32 = 3600;

    fn keys(secret: u8) -> TicketKeys {
        TicketKeys::from_shared_secret(provider(), &[secret; 32], PERIOD).unwrap()
    }

    fn at(seconds: u64) -> Time {
        Time::from_secs(seconds)
    }

    proptest! {
        #[test]
        fn ticket_opens_as_the_session_that_it_was_with_a_lifetime_of_one_period_at_most(
            session in server_session(),
            now in any::<u64>().prop_map(Time::from_millis),
        ) {
            let keys = keys(1);
            let opened = keys.open(&keys.seal(&session, now).unwrap(), now).unwrap();
            prop_assert_eq!(opened.lifetime, session.lifetime.min(PERIOD));
            let expected = session.to_bytes_for(PERIOD).unwrap();
            prop_assert!(opened.to_bytes().unwrap() == expected);
        }

        #[test]
        fn ticket_opens_for_as_long_as_its_session_lives_and_not_two_periods_away(
            now in 0..u64::from(u32::MAX),
            lifetime in any::<u32>(),
            later in 0..4 * u64::from(PERIOD),
        ) {
            let keys = keys(1);
            let ticket = keys.seal(&server_session_at(at(now), lifetime), at(now)).unwrap();
            let opened = keys.open(&ticket, at(now + later));
            let periods = (now + later) / u64::from(PERIOD) - now / u64::from(PERIOD);
            prop_assert_eq!(opened.is_some(), periods <= 1);
            let is_alive = later < u64::from(lifetime.min(PERIOD));
            prop_assert_eq!(opened.is_some_and(|session| session.is_alive(at(now + later))), is_alive);
        }

        #[test]
        fn arbitrary_bytes_are_no_ticket(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(keys(1).open(&bytes, at(0)).is_none());
        }
    }

    #[test]
    fn ticket_opens_in_its_period_and_both_beside_it() {
        let keys = keys(1);
        let period = u64::from(PERIOD);
        let ticket = keys.seal(&server_session_at(at(5 * period), 60), at(5 * period)).unwrap();
        for (now, opens) in [
            (4 * period - 1, false),
            (4 * period, true),
            (5 * period, true),
            (6 * period, true),
            (7 * period - 1, true),
            (7 * period, false),
        ] {
            assert_eq!(keys.open(&ticket, at(now)).is_some(), opens, "at {now}");
        }
    }

    #[test]
    fn same_secret_and_period_open_each_others_tickets_and_no_others_do() {
        let (one, other) = (keys(1), keys(1));
        let ticket = one.seal(&server_session_at(at(0), 60), at(0)).unwrap();
        assert!(other.open(&ticket, at(0)).is_some());
        assert!(keys(2).open(&ticket, at(0)).is_none());
        let other_period = TicketKeys::from_shared_secret(provider(), &[1; 32], PERIOD + 1).unwrap();
        assert!(other_period.open(&ticket, at(0)).is_none());
        let [drawn, drawn_again] = [(); 2].map(|()| TicketKeys::random(provider(), PERIOD).unwrap());
        let ticket = drawn.seal(&server_session_at(at(0), 60), at(0)).unwrap();
        assert!(drawn.open(&ticket, at(0)).is_some() && drawn_again.open(&ticket, at(0)).is_none());
    }

    #[test]
    fn each_flipped_bit_and_each_prefix_of_a_ticket_is_refused() {
        let keys = keys(1);
        let mut ticket = keys.seal(&server_session_at(at(0), 60), at(0)).unwrap();
        for len in 0..ticket.len() {
            assert!(keys.open(&ticket[..len], at(0)).is_none(), "{len} bytes were opened");
        }
        for bit in 0..ticket.len() * 8 {
            ticket[bit / 8] ^= 1 << (bit % 8);
            assert!(keys.open(&ticket, at(0)).is_none(), "opened with bit {bit} flipped");
            ticket[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(keys.open(&ticket, at(0)).is_some());
    }

    #[test]
    fn two_tickets_of_one_session_have_nothing_in_common_but_the_key_name() {
        let keys = keys(1);
        let [one, other] = [(); 2].map(|()| keys.seal(&server_session_at(at(0), 60), at(0)).unwrap());
        assert_eq!(one[..16], other[..16]);
        let equal = one.iter().zip(&other).skip(16).filter(|(one, other)| one == other).count();
        assert!(equal < one.len() / 8, "{equal} of {} bytes are equal", one.len());
        let next = keys.seal(&server_session_at(at(0), 60), at(u64::from(PERIOD))).unwrap();
        assert_ne!(one[..16], next[..16]);
    }

    #[test]
    fn secret_or_period_that_is_too_short_is_refused_in_words() {
        use alloc::string::ToString;
        let error = TicketKeys::from_shared_secret(provider(), &[1; 31], PERIOD).unwrap_err();
        assert_eq!(error, KeysRefused::SecretTooShort(31));
        assert!(error.to_string().contains("31 bytes") && error.to_string().contains("at least 32"));
        for error in [
            TicketKeys::from_shared_secret(provider(), &[1; 32], 59).unwrap_err(),
            TicketKeys::random(provider(), 59).unwrap_err(),
        ] {
            assert_eq!(error, KeysRefused::PeriodTooShort(59));
            assert!(error.to_string().contains("at least 60 seconds, not 59"));
        }
        assert!(TicketKeys::from_shared_secret(provider(), &[1; 32], 60).is_ok());
    }

    #[test]
    fn lifetime_of_a_session_is_bounded_by_the_period_and_by_seven_days() {
        assert_eq!(keys(1).max_lifetime(), PERIOD);
        let longest = TicketKeys::random(provider(), u32::MAX).unwrap();
        assert_eq!(longest.max_lifetime(), 604_800);
        let ticket = longest.seal(&server_session_at(at(0), u32::MAX), at(0)).unwrap();
        assert_eq!(longest.open(&ticket, at(0)).unwrap().lifetime, 604_800);
    }
}
