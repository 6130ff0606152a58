//! Chooses among the PSKs that a client offers: external ones, tickets, sessions of the store. RFC 8446 §4.2.11.
//!
//! What is wrong with an identity is nobody's business: the next one is looked at, and at the end the handshake is a full
//! one. Only a chosen PSK whose binder does not verify ends the connection, as the RFC demands.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::State;
use super::authentication::{choose_identity, send_psk_flight};
use crate::clock::Time;
use crate::config::{
    AntiReplay, ClientAuth, Decision, EARLY_DATA_WINDOW, EarlyDataOffer, PskQuery, SessionPlace, SessionQuery,
};
use crate::crypto::{Digest, HashAlgorithm, Secret, Suite};
use crate::error::Error;
use crate::handshake::proof::{Authenticated, VerifiedBinder, crypto_failed};
use crate::handshake::server::certificate_types::{SettledTypes, still_taken};
use crate::handshake::server::hello::{OfferedPsk, Settled};
use crate::handshake::{Outgoing, QuestionKind};
use crate::keys::{EarlySecret, PskKind, Transcript};
use crate::record::RecordBoundary;
use crate::resume::{ExternalPsk, ServerSession};
use crate::wire::{AlertDescription, ProtocolVersion};

/// What a PSK needs to be the one of this handshake.
pub(super) struct ChosenPsk {
    /// Its place in the client's list.
    pub(super) index: u16,
    pub(super) suite: Suite,
    pub(super) secret: Secret,
    pub(super) authenticated: Authenticated,
    /// When a full handshake of this chain of sessions was; `None` for an external PSK.
    pub(super) authenticated_at: Option<Time>,
    /// What the client's ticket age is off by, in seconds.
    pub(super) ticket_age_skew: Option<i32>,
    pub(super) accepts_early_data: Option<u32>,
    pub(super) certificate_types: SettledTypes,
    /// Of the certificate that was shown in the session's connection. RFC 5929 §4.
    pub(super) server_end_point: Option<Box<Digest>>,
}

/// Looks for a PSK that fits, or goes on to certificates.
pub(super) fn choose_psk(settled: Settled, boundary: RecordBoundary, out: &mut Outgoing) -> Result<State, Error> {
    Search { settled, boundary, index: 0, place: Place::External }.go_on(out)
}

/// Where an identity is looked up next.
#[derive(Clone, Copy)]
enum Place {
    External,
    Ticket,
    Store,
}

/// A search among the client's identities, which can pause at each.
pub(super) struct Search {
    settled: Settled,
    boundary: RecordBoundary,
    index: usize,
    place: Place,
}

/// An external PSK is being looked up elsewhere.
pub(crate) struct AskPsk(Search);

/// A session is being looked up elsewhere.
pub(crate) struct AskSession(Search);

impl AskPsk {
    pub(super) fn accept(self, psk: Option<Arc<ExternalPsk>>, out: &mut Outgoing) -> Result<State, Error> {
        self.0.go_on_with(Found::Psk(psk), out)
    }
}

impl AskSession {
    pub(super) fn accept(self, session: Option<Box<ServerSession>>, out: &mut Outgoing) -> Result<State, Error> {
        self.0.go_on_with(Found::Session(session), out)
    }
}

/// What a look-up has found.
#[allow(clippy::large_enum_variant, reason = "it lives for one call, and a question is rare")]
enum Found {
    Psk(Option<Arc<ExternalPsk>>),
    Session(Option<Box<ServerSession>>),
    /// There is nothing to look it up in.
    Nowhere,
    /// The application will say.
    Later(QuestionKind),
    /// The application ends the handshake.
    Refused(AlertDescription),
}

impl Found {
    fn psk(decision: Decision<Option<Arc<ExternalPsk>>>, identity: Vec<u8>) -> Self {
        match decision {
            Decision::Now(psk) => Self::Psk(psk),
            Decision::Refuse(alert) => Self::Refused(alert),
            Decision::Later => Self::Later(QuestionKind::FindPsk(PskQuery { identity })),
        }
    }

    fn session(decision: Decision<Option<Box<ServerSession>>>, query: impl FnOnce() -> SessionQuery) -> Self {
        match decision {
            Decision::Now(session) => Self::Session(session),
            Decision::Refuse(alert) => Self::Refused(alert),
            Decision::Later => Self::Later(QuestionKind::FindServerSession(query())),
        }
    }
}

impl Search {
    fn offered(&self) -> Option<&OfferedPsk> {
        self.settled.psks.get(self.index)
    }

    /// Looks each identity up in each place until one fits; without one, the handshake goes on with certificates.
    fn go_on(self, out: &mut Outgoing) -> Result<State, Error> {
        match self.offered().map(|offered| self.look_up(offered)) {
            Some(found) => self.go_on_with(found, out),
            None => choose_identity(self.settled, self.boundary, out),
        }
    }

    fn go_on_with(mut self, mut found: Found, out: &mut Outgoing) -> Result<State, Error> {
        loop {
            match found {
                Found::Psk(Some(psk)) => {
                    if let Some(suite) = self.suite_of_hash(psk.hash) {
                        return self.choose_psk(&psk, suite, out);
                    }
                }
                Found::Session(Some(session)) => {
                    if let Some(suite) = self.suite_for(&session) {
                        return self.choose_session(*session, suite, out);
                    }
                }
                Found::Psk(None) | Found::Session(None) | Found::Nowhere => {}
                Found::Refused(alert) => return Err(Error::Refused(alert)),
                Found::Later(question) => {
                    let is_psk = matches!(question, QuestionKind::FindPsk(_));
                    out.ask(question);
                    return Ok(if is_psk { State::AskPsk(AskPsk(self)) } else { State::AskSession(AskSession(self)) });
                }
            }
            self.move_on();
            let Some(offered) = self.offered() else { return choose_identity(self.settled, self.boundary, out) };
            found = self.look_up(offered);
        }
    }

    fn move_on(&mut self) {
        self.place = match self.place {
            Place::External => Place::Ticket,
            Place::Ticket => Place::Store,
            Place::Store => {
                self.index += 1;
                Place::External
            }
        };
    }

    fn look_up(&self, offered: &OfferedPsk) -> Found {
        let config = &self.settled.config;
        let (resumption, identity) = (&config.resumption, &offered.identity);
        let Some(now) = config.preferences.now() else {
            // Sessions need a clock, other PSKs do not.
            return if matches!(self.place, Place::External) {
                self.look_up_external(identity)
            } else {
                Found::Nowhere
            };
        };
        let query =
            |place| move || SessionQuery { identity: identity.clone(), place, version: ProtocolVersion::TLSv1_3, now };
        match (self.place, &resumption.tickets, &resumption.store) {
            (Place::External, ..) => self.look_up_external(identity),
            (Place::Ticket, Some(tickets), _) => {
                Found::session(tickets.open(identity, now), query(SessionPlace::Ticket))
            }
            (Place::Store, _, Some(store)) => Found::session(store.take(identity), query(SessionPlace::StoreOnce)),
            (Place::Ticket, None, _) | (Place::Store, _, None) => Found::Nowhere,
        }
    }

    /// A PSK shows no certificate, where one is demanded. RFC 8446 §4.3.2.
    fn look_up_external(&self, identity: &[u8]) -> Found {
        let config = &self.settled.config;
        match &config.resumption.psks {
            Some(psks) if !matches!(config.client_auth, ClientAuth::Require(_)) => {
                Found::psk(psks.find(identity), identity.to_vec())
            }
            _ => Found::Nowhere,
        }
    }

    fn suite_of_hash(&self, hash: HashAlgorithm) -> Option<Suite> {
        self.settled.suites.iter().copied().find(|suite| suite.hash == hash)
    }

    fn choose_psk(self, psk: &ExternalPsk, suite: Suite, out: &mut Outgoing) -> Result<State, Error> {
        let kind = if psk.imported { PskKind::Imported } else { PskKind::External };
        let proof = self.check_binder(suite, &psk.secret, kind)?;
        let chosen = ChosenPsk {
            index: self.selected_identity(),
            suite,
            secret: psk.secret.duplicate(),
            authenticated: Authenticated::by_external_psk(&proof, psk.identity()),
            authenticated_at: None,
            ticket_age_skew: None,
            accepts_early_data: None,
            certificate_types: SettledTypes::NONE,
            server_end_point: None,
        };
        send_psk_flight(self.settled, chosen, self.boundary, out)
    }

    fn choose_session(self, session: ServerSession, suite: Suite, out: &mut Outgoing) -> Result<State, Error> {
        let proof = self.check_binder(suite, &session.secret, PskKind::Resumption)?;
        let early_data = self.early_data_offer(&session, suite);
        let ticket_age_skew = self.ticket_age_skew(&session);
        let certificate_types = SettledTypes::of_session(&self.settled.hello, &session);
        let ServerSession {
            secret,
            client_chain,
            client_scheme,
            authenticated: authenticated_at,
            server_end_point,
            ..
        } = session;
        let chosen = ChosenPsk {
            index: self.selected_identity(),
            suite,
            secret,
            authenticated: Authenticated::by_session(&proof, client_chain, client_scheme),
            authenticated_at: Some(authenticated_at),
            ticket_age_skew,
            accepts_early_data: None,
            certificate_types,
            server_end_point,
        };
        let Some((max_bytes, offer)) = early_data else {
            return send_psk_flight(self.settled, chosen, self.boundary, out);
        };
        let Self { settled, boundary, .. } = self;
        AskEarlyData { settled, boundary, chosen, max_bytes }.decide(offer, out)
    }

    /// Says under which suite a session is resumed, if at all: everything that it is bound to must be as it was.
    fn suite_for(&self, session: &ServerSession) -> Option<Suite> {
        let Settled { config, suites, hello, .. } = &self.settled;
        let fits = session.version == ProtocolVersion::TLSv1_3
            && config.preferences.now().is_some_and(|now| session.is_alive(now))
            && config.binding() == Some(session.configuration)
            && session.is_for(hello.server_name.as_deref())
            && still_taken(config, hello, session)
            && (!session.client_chain.is_empty() || !matches!(config.client_auth, ClientAuth::Require(_)));
        let was = Suite::tls13(session.cipher_suite).filter(|_| fits)?;
        // The same suite, for early data; the same hash at least. RFC 8446 §4.6.1.
        let same = suites.iter().find(|suite| **suite == was);
        same.copied().or_else(|| self.suite_of_hash(was.hash))
    }

    /// RFC 8446 §4.2.11.2: the binder covers everything before the list of binders.
    fn check_binder(&self, suite: Suite, psk: &Secret, kind: PskKind) -> Result<VerifiedBinder, Error> {
        let provider = &*self.settled.config.preferences.provider;
        let mut transcript = match &self.settled.retried {
            Some(retried) => retried.fork(),
            None => Transcript::new(provider, suite.hash).map_err(crypto_failed)?,
        };
        transcript.add(self.settled.truncated_client_hello());
        let early_secret = EarlySecret::with_psk(provider, suite, psk).map_err(crypto_failed)?;
        let binder = self.offered().map_or(&[][..], |offered| &offered.binder);
        VerifiedBinder::check(provider, &early_secret, kind, &transcript.current(), binder)
    }

    fn selected_identity(&self) -> u16 {
        // There are at most MAX_OFFERED_PSKS.
        u16::try_from(self.index).unwrap_or(u16::MAX)
    }

    /// The age of the ticket as the client tells it, less the age that we measure, each in whole seconds. RFC 8446 §4.2.11.1.
    fn ticket_age_skew(&self, session: &ServerSession) -> Option<i32> {
        let told = self.offered()?.obfuscated_ticket_age.wrapping_sub(session.ticket_age_add);
        let now = self.settled.config.preferences.now()?;
        let measured = now.as_millis().saturating_sub(session.created.as_millis());
        let difference = i64::from(told / 1000).saturating_sub(i64::try_from(measured / 1000).ok()?);
        i32::try_from(difference).ok()
    }

    /// Returns what early data must pass last, if it passes everything else. RFC 8446 §4.2.10, §8.3.
    fn early_data_offer(&self, session: &ServerSession, suite: Suite) -> Option<(u32, EarlyDataOffer)> {
        let settled = &self.settled;
        let policy = settled.config.resumption.early_data.as_ref()?;
        let offered = self.offered()?;
        let now = settled.config.preferences.now()?;
        let is_of_realm = match &policy.anti_replay {
            AntiReplay::SingleUse => matches!(self.place, Place::Store),
            AntiReplay::StrikeRegister(register) => register.realm() == session.early_data_realm,
        };
        // The client sent at its time; what it took to come here is in the window too.
        let age = u64::from(offered.obfuscated_ticket_age.wrapping_sub(session.ticket_age_add));
        let sent = session.created.as_millis().saturating_add(age);
        let is_fresh = now.as_millis().abs_diff(sent) <= EARLY_DATA_WINDOW;
        let is_for_us = settled.offers_early_data
            && self.index == 0
            && (1..=policy.max_bytes).contains(&session.max_early_data)
            && suite.id == session.cipher_suite
            && settled.application_protocol == session.application_protocol;
        let unique = offered.binder.first_chunk().copied()?;
        (is_for_us && is_fresh && is_of_realm).then(|| {
            let offer = EarlyDataOffer {
                unique,
                now,
                until: Time::from_millis(sent.saturating_add(EARLY_DATA_WINDOW)),
                server_name: session.server_name.clone(),
                application_protocol: session.application_protocol.clone(),
            };
            (session.max_early_data, offer)
        })
    }
}

/// Whether this early data came before is being looked up elsewhere.
pub(crate) struct AskEarlyData {
    settled: Settled,
    boundary: RecordBoundary,
    chosen: ChosenPsk,
    max_bytes: u32,
}

impl AskEarlyData {
    fn decide(self, offer: EarlyDataOffer, out: &mut Outgoing) -> Result<State, Error> {
        let policy = self.settled.config.resumption.early_data.as_ref();
        let decision = match policy.map(|policy| &policy.anti_replay) {
            Some(AntiReplay::StrikeRegister(register)) => register.first_use(&offer),
            // Nobody else has got the session.
            Some(AntiReplay::SingleUse) => Decision::Now(true),
            None => Decision::Now(false),
        };
        match decision {
            Decision::Now(accepted) => self.accept(accepted, out),
            Decision::Refuse(alert) => Err(Error::Refused(alert)),
            Decision::Later => {
                out.ask(QuestionKind::DecideEarlyData(offer));
                Ok(State::AskEarlyData(self))
            }
        }
    }

    pub(super) fn accept(self, accepted: bool, out: &mut Outgoing) -> Result<State, Error> {
        let Self { settled, boundary, mut chosen, max_bytes } = self;
        chosen.accepts_early_data = accepted.then_some(max_bytes);
        send_psk_flight(settled, chosen, boundary, out)
    }
}
