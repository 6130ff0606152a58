//! What makes a server's second connections fast: tickets, early data, cookies.

use std::path::Path;
use std::sync::Arc;

use bulla::ServerConfig;
use bulla::config::AntiReplay;
use bulla::crypto::ring;
use bulla::resume::{CookieKeys, MIN_SHARED_SECRET_LEN, MemoryServerSessions, MemoryStrikeRegister, TicketKeys};

use crate::options::Serve;
use crate::psk;
use crate::report::Failure;

/// Most sessions that a server remembers, for TLS 1.2 clients that know no tickets: a few hundred bytes each.
const MAX_SESSIONS: usize = 4096;
/// Most uses of early data that a server remembers, each for the seconds in which it could be replayed.
const MAX_STRIKES: usize = 0x1_0000;

/// Adds what makes second connections fast.
pub(super) fn resumption(config: ServerConfig, options: &Serve) -> Result<ServerConfig, Failure> {
    let secret = options.ticket_secret.as_ref().map(|file| ticket_secret(file)).transpose()?;
    let config =
        if options.stateless_retry { config.stateless_retry(Arc::new(cookies(secret.as_deref())?)) } else { config };
    if options.tickets == 0 {
        return match (&options.ticket_secret, options.early_data) {
            (None, 0) => Ok(config),
            (Some(_), _) if !options.stateless_retry => {
                Err(Failure::usage("--ticket-secret", "--tickets 0 makes no tickets"))
            }
            (_, 0) => Ok(config),
            _ => {
                Err(Failure::usage("--early-data", "only clients that resume can send some, and --tickets 0 lets none"))
            }
        };
    }
    let (provider, period) = (ring::provider(), options.ticket_rotation);
    let keys = match &secret {
        Some(secret) => TicketKeys::from_shared_secret(provider, secret, period),
        None => TicketKeys::random(provider, period),
    };
    let keys = keys.map_err(|error| Failure::usage("--ticket-secret", error))?;
    let config = config
        .tickets(Arc::new(keys))
        .tickets_per_handshake(options.tickets)
        .session_store(Arc::new(MemoryServerSessions::new(MAX_SESSIONS)));
    if options.early_data == 0 {
        return Ok(config);
    }
    let unusable = |error: &dyn ToString| Failure::usage("--early-data", error.to_string());
    let register = MemoryStrikeRegister::random(&*ring::provider(), MAX_STRIKES).map_err(|error| unusable(&error))?;
    let anti_replay = AntiReplay::StrikeRegister(Arc::new(register));
    config.early_data(options.early_data, anti_replay).map_err(|error| unusable(&error))
}

/// Reads the secret that a fleet shares. Hexadecimal alone: what could be raw bytes as well would be guessed at.
fn ticket_secret(file: &Path) -> Result<Vec<u8>, Failure> {
    let unusable = |why: String| Failure::usage("--ticket-secret", format!("{}: {why}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    let secret =
        std::str::from_utf8(&bytes).ok().and_then(psk::hex).filter(|secret| secret.len() >= MIN_SHARED_SECRET_LEN);
    secret.ok_or_else(|| {
        unusable(format!("this is not a secret of {MIN_SHARED_SECRET_LEN} bytes or more in hexadecimal"))
            .hint("`openssl rand -hex 32` makes one")
    })
}

fn cookies(secret: Option<&[u8]>) -> Result<CookieKeys, Failure> {
    let unusable = |error: &dyn ToString| Failure::usage("--stateless-retry", error.to_string());
    match secret {
        Some(secret) => CookieKeys::from_shared_secret(ring::provider(), secret).map_err(|error| unusable(&error)),
        None => CookieKeys::random(ring::provider()).map_err(|error| unusable(&error)),
    }
}
