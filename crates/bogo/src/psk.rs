//! The shim's external PSKs, each under the names that the importer gives it. RFC 9258.

use std::fmt;
use std::sync::Arc;

use bulla::config::{Decision, FindPsk};
use bulla::crypto::ring::provider;
use bulla::resume::ExternalPsk;

use crate::answers::Late;
use crate::options::{Options, PskOptions};
use crate::unsupported::{self, Unsupported};

/// All imported keys, with the number of the credential that each is of.
pub(crate) struct Psks {
    keys: Vec<(i32, Arc<ExternalPsk>)>,
    late: Late,
}

impl Psks {
    pub(crate) fn import(options: &Options) -> Result<Self, Unsupported> {
        let mut keys = Vec::new();
        for (number, credential) in (0..).zip(&options.credentials) {
            if let Some(psk) = &credential.psk {
                keys.extend(import(psk)?.into_iter().map(|key| (number, key)));
            }
        }
        Ok(Self { keys, late: Late::new(options.asynchronous) })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the number of the credential whose key has this name.
    pub(crate) fn number_of(&self, identity: &[u8]) -> Option<i32> {
        self.keys.iter().find(|(_, key)| key.identity() == identity).map(|(number, _)| *number)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = Arc<ExternalPsk>> {
        self.keys.iter().map(|(_, key)| Arc::clone(key))
    }
}

fn import(psk: &PskOptions) -> Result<Vec<Arc<ExternalPsk>>, Unsupported> {
    let imported = ExternalPsk::import(&*provider(), &psk.identity, &psk.context, &psk.key, psk.hash);
    imported.map_err(|error| unsupported::configuration(format!("{error:?}")))
}

impl fmt::Debug for Psks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Psks({})", self.keys.len())
    }
}

impl FindPsk for Psks {
    fn find(&self, identity: &[u8]) -> Decision<Option<Arc<ExternalPsk>>> {
        if self.late.postpones() {
            return Decision::Later;
        }
        let found = self.keys.iter().find(|(_, key)| key.identity() == identity);
        Decision::Now(found.map(|(_, key)| Arc::clone(key)))
    }
}
