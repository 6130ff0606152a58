//! `bulla delegate`: a credential for a key that stands in for a certificate's. RFC 9345.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bulla::clock::Time;
use bulla::wire::SignatureScheme;

use crate::certificate;
use crate::console;
use crate::options::Delegate;
use crate::report::{Failure, date};
use crate::setup;

const SECONDS_PER_DAY: u32 = 86_400;

/// Runs the command.
pub(crate) fn run(options: &Delegate) -> Result<(), Failure> {
    let identity = Arc::new(setup::identity(&options.cert, &options.key)?);
    let public_key = setup::public_key("--for", &options.public_key)?;
    let scheme = match options.scheme {
        Some(scheme) => scheme,
        None => usual_scheme(&options.public_key, &public_key)?,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let lifetime = options.days * SECONDS_PER_DAY;
    let issued = identity.issue_delegated_credential(&public_key, scheme, Time::from_secs(now), lifetime);
    let credential = issued.map_err(|error| {
        let failure = Failure::usage("delegate", error);
        failure.hint("the certificate needs DelegationUsage (1.3.6.1.4.1.44363.44), and must outlive --days")
    })?;
    let unusable = |error| Failure::usage("--out", format!("{}: {error}", options.out.display()));
    std::fs::write(&options.out, credential).map_err(unusable)?;
    let (out, until) = (options.out.display(), date(now + u64::from(lifetime)));
    console::note(&format!("{out}: the key may sign with {scheme} until {until}"));
    Ok(())
}

/// What a key of this kind signs with. A key that says nothing but RSA may not be delegated to. RFC 9345 §4.
fn usual_scheme(file: &Path, public_key: &[u8]) -> Result<SignatureScheme, Failure> {
    certificate::usual_scheme(public_key).ok_or_else(|| {
        let why = format!("{}: nothing is usual for such a key", file.display());
        Failure::usage("--for", why).hint("--scheme says what it signs with")
    })
}
