//! The words of a published trace, said in place of our own: how tests replay a connection whose hello is not ours.
//!
//! It exists in the crate's own tests and nowhere else. Which extensions stand in a hello, and in which order, is each
//! stack's choice; the keys hang on every byte of it. What we would have said is kept, for the test to compare.

use alloc::vec::Vec;
use std::sync::Mutex;

use crate::wire::{ClientHello, ExtensionType, HANDSHAKE_HEADER_LEN, HandshakeType, read_all};

/// Recorded messages, each said once, when a message of its type is due.
#[derive(Debug)]
pub(crate) struct Recorded {
    unsaid: Mutex<Vec<Vec<u8>>>,
    /// What we would have said, and what was said instead.
    said: Mutex<Vec<(Vec<u8>, Vec<u8>)>>,
    /// The types of extensions in a recorded ClientHello, which the server may answer.
    offered: Vec<ExtensionType>,
}

impl Recorded {
    /// Takes messages with their headers.
    pub(crate) fn new(messages: Vec<Vec<u8>>) -> Self {
        let is_hello = |message: &&Vec<u8>| message.first() == Some(&HandshakeType::client_hello.0);
        let offered = messages.iter().find(is_hello).map(|message| extension_types(message)).unwrap_or_default();
        Self { unsaid: Mutex::new(messages), said: Mutex::default(), offered }
    }

    /// Returns the next recorded message of the same type, or `ours` where there is none.
    pub(crate) fn instead_of(&self, ours: Vec<u8>) -> Vec<u8> {
        let mut unsaid = self.unsaid.lock().unwrap();
        let Some(index) = unsaid.iter().position(|message| message.first() == ours.first()) else { return ours };
        let theirs = unsaid.remove(index);
        self.said.lock().unwrap().push((ours, theirs.clone()));
        theirs
    }

    /// Says whether the recorded ClientHello has this extension.
    pub(crate) fn offers(&self, extension: ExtensionType) -> bool {
        self.offered.contains(&extension)
    }

    /// Returns pairs of what we would have said and what was said instead. Every recorded message must have been said.
    pub(crate) fn said(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        assert!(self.unsaid.lock().unwrap().is_empty(), "a recorded message was not said");
        core::mem::take(&mut self.said.lock().unwrap())
    }
}

fn extension_types(client_hello: &[u8]) -> Vec<ExtensionType> {
    let client_hello: ClientHello<'_> = read_all(&client_hello[HANDSHAKE_HEADER_LEN..]).unwrap();
    client_hello.extensions.iter().flatten().map(|extension| extension.extension_type()).collect()
}
