//! Compressed certificates: whatever a peer sends becomes exactly what it has announced, or nothing, and costs no more memory
//! than that and the decompressor's own.

use std::sync::Arc;

use bulla::MAX_HANDSHAKE_MESSAGE_LEN;
use bulla::config::compression::CompressCertificates;

use super::fixed;
use super::source::Source;

/// More than the tables and windows of either decompressor, whatever the input asks for.
const MAX_OWN_MEMORY: u64 = 4 << 20;

pub fn run(input: &[u8]) {
    let mut source = Source::new(input);
    let (way, kind, len) = (source.u8(), source.below(3), usize::from(source.u16()));
    let ways = ways();
    let Some(way) = ways.get(usize::from(way) % ways.len().max(1)) else { return };
    match kind {
        0 => _ = decompress(&**way, source.rest(), len.min(MAX_HANDSHAKE_MESSAGE_LEN)),
        kind => {
            // A message of this length, which repeats some bytes of the input. None is empty: a Certificate has lengths in it.
            let len = len.max(4);
            let pattern = source.bytes(1..=600);
            let message: Vec<u8> = pattern.iter().copied().cycle().take(len).collect();
            let mut compressed = way.compress(&*fixed::provider(), &message).expect("memory is all that it needs");
            assert_eq!(decompress(&**way, &compressed, len).as_deref(), Some(&message[..]));
            assert_eq!(decompress(&**way, &compressed, len + 1), None);
            assert_eq!(decompress(&**way, &compressed, len - 1), None);
            if kind == 2 {
                source.damage(&mut compressed);
                _ = decompress(&**way, &compressed, len);
            } else {
                compressed.push(source.u8());
                assert_eq!(decompress(&**way, &compressed, len), None, "something behind the end");
            }
        }
    }
}

fn ways() -> Vec<Arc<dyn CompressCertificates>> {
    vec![
        #[cfg(feature = "zlib")]
        Arc::new(bulla::config::compression::Zlib),
        #[cfg(feature = "brotli")]
        Arc::new(bulla::config::compression::Brotli),
    ]
}

fn decompress(way: &dyn CompressCertificates, compressed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut message = None;
    let memory = allocation_counter::measure(|| message = way.decompress(compressed, len));
    assert!(memory.bytes_max <= len as u64 + MAX_OWN_MEMORY, "{} bytes of memory for {len}", memory.bytes_max);
    assert!(message.as_ref().is_none_or(|message| message.len() == len));
    message
}
