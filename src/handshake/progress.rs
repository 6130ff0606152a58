//! What a step leads to.

use alloc::boxed::Box;

use super::{Connected, Negotiated};

/// The next state, or an established connection.
pub(crate) enum Progress<S> {
    /// The handshake goes on in this state.
    Handshaking(S),
    /// The handshake is finished; its state is gone.
    Established(Box<Connected>, Box<Negotiated>),
}

impl<S> Progress<S> {
    /// Wraps the next state, as a role wraps its version's.
    pub(crate) fn map<T>(self, wrap: impl FnOnce(S) -> T) -> Progress<T> {
        match self {
            Self::Handshaking(state) => Progress::Handshaking(wrap(state)),
            Self::Established(connected, negotiated) => Progress::Established(connected, negotiated),
        }
    }
}
