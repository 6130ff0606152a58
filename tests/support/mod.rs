//! What the library's own tests share with the tests beside it: published traces, and a provider that replays.

pub(crate) mod hex;
pub(crate) mod replay;
pub(crate) mod trace;
pub(crate) mod vectors;
