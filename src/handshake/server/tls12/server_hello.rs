//! Writes ServerHello, of a full handshake and of an abbreviated one. RFC 5246 §7.4.1.3.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::full::Handshake;
use super::hello::Settled;
use super::session::Keeping;
use crate::crypto::{Digest, Provider, SuiteTls12};
use crate::error::Error;
use crate::handshake::Outgoing;
use crate::handshake::proof::crypto_failed;
use crate::handshake::server::certificate_types::SettledTypes;
use crate::keys::{Randoms, Transcript};
use crate::record::Level;
use crate::wire::{
    CompressionMethod, DOWNGRADE_TLS12, EcPointFormat, NamedGroup, ProtocolNameList, ProtocolVersion, Random,
    ServerExtension, ServerHello,
};

/// What ServerHello says beside what the hello has settled.
pub(super) struct Reply {
    pub(super) suite: SuiteTls12,
    pub(super) group: NamedGroup,
    pub(super) keeping: Keeping,
    pub(super) kind: Kind,
    pub(super) certificate_types: SettledTypes,
    /// Of the certificate that is shown, or of the session. RFC 5929 §4.
    pub(super) server_end_point: Option<Box<Digest>>,
}

/// Which handshake ServerHello begins. RFC 5246 §7.3, Figure 1 and Figure 2.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Full { certificate_status: bool },
    Abbreviated,
}

/// Sends it, and starts the transcript.
pub(super) fn send(settled: Settled, reply: Reply, out: &mut Outgoing) -> Result<Handshake, Error> {
    let Reply { suite, group, keeping, kind, certificate_types, server_end_point } = reply;
    let provider = Arc::clone(&settled.config.preferences.provider);
    let random = draw_random(&settled, &*provider)?;

    // The id of a session that is resumed is the client's, also where the ticket named it; that of a session that is kept in
    // the store is ours; and without either there is none. RFC 5246 §7.4.1.3, RFC 5077 §3.4.
    let session_id = match (kind, &keeping) {
        (Kind::Abbreviated, _) => settled.legacy_session_id.as_slice(),
        (Kind::Full { .. }, Keeping::Store(id)) => id,
        (Kind::Full { .. }, Keeping::Nothing | Keeping::Ticket) => &[],
    };
    let extensions = extensions(&settled, kind, &keeping, certificate_types);
    let server_hello = ServerHello {
        legacy_version: ProtocolVersion::TLSv1_2,
        random: Random(random),
        legacy_session_id_echo: session_id,
        cipher_suite: suite.suite.id,
        legacy_compression_method: CompressionMethod::null,
        extensions: Some(extensions).filter(|list| !list.is_empty()),
    };
    let mut transcript = Transcript::new(&*provider, suite.suite.hash).map_err(crypto_failed)?;
    if matches!(kind, Kind::Full { .. }) && settled.config.client_auth.roots().is_some() {
        transcript.keep_messages();
    }
    transcript.add(&settled.client_hello);
    out.send(Level::Initial, &server_hello, &mut transcript)?;
    out.write_limit(settled.record_sizes.write_limit());
    out.read_limit(settled.record_sizes.read_limit(ProtocolVersion::TLSv1_2));
    let Settled { config, client_random, application_protocol, hello, .. } = settled;
    let Settled { extended_master_secret, record_sizes, secure_renegotiation, .. } = settled;
    Ok(Handshake {
        config,
        randoms: Randoms { client: client_random, server: random },
        suite,
        group,
        application_protocol,
        hello,
        certificate_types,
        extended_master_secret,
        secure_renegotiation,
        keeping,
        record_sizes,
        server_end_point,
        transcript,
    })
}

/// The random tells a client that knows TLS 1.3 that we do too. RFC 8446 §4.1.3.
fn draw_random(settled: &Settled, provider: &dyn Provider) -> Result<[u8; 32], Error> {
    let mut random = [0; 32];
    provider.fill_random(&mut random).map_err(crypto_failed)?;
    if settled.config.preferences.allows(ProtocolVersion::TLSv1_3)
        && let Some(last) = random.last_chunk_mut()
    {
        *last = DOWNGRADE_TLS12;
    }
    Ok(random)
}

/// The extensions, each an answer. What is negotiated is so anew, also where a session is resumed; what belongs to the
/// certificate is not. RFC 6066 §3, RFC 7301 §3.1.
fn extensions<'s>(
    settled: &'s Settled,
    kind: Kind,
    keeping: &Keeping,
    types: SettledTypes,
) -> Vec<ServerExtension<'s>> {
    let mut list = Vec::new();
    if settled.hello.server_name.is_some() && matches!(kind, Kind::Full { .. }) {
        list.push(ServerExtension::ServerNameAck);
    }
    if settled.secure_renegotiation {
        list.push(ServerExtension::RenegotiationInfo(&[]));
    }
    if settled.extended_master_secret {
        list.push(ServerExtension::ExtendedMasterSecret);
    }
    if settled.point_formats {
        list.push(ServerExtension::EcPointFormats(vec![EcPointFormat::uncompressed]));
    }
    if matches!(kind, Kind::Full { certificate_status: true }) {
        list.push(ServerExtension::StatusRequest);
    }
    if let Some(protocol) = &settled.application_protocol {
        let protocols = ProtocolNameList { protocol_name_list: vec![protocol.as_slice()] };
        list.push(ServerExtension::ApplicationLayerProtocolNegotiation(protocols));
    }
    list.extend(types.told_of_client().map(ServerExtension::ClientCertificateType));
    list.extend(types.told_of_server().map(ServerExtension::ServerCertificateType));
    list.extend(settled.record_sizes.record_size_limit().map(ServerExtension::RecordSizeLimit));
    if matches!(kind, Kind::Full { .. }) {
        // Of a session that is resumed it still holds, and is not said again. RFC 6066 §1, §4.
        list.extend(settled.record_sizes.max_fragment_length().map(ServerExtension::MaxFragmentLength));
    }
    if matches!(keeping, Keeping::Ticket) {
        list.push(ServerExtension::SessionTicket);
    }
    list
}
