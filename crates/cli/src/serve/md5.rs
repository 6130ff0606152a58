//! MD5 (RFC 1321), for JA3 alone, which names a client's software by it. It protects nothing here, nor anywhere else.

/// How far each step turns: four in turn, for each of the four rounds. RFC 1321 §3.4.
const TURNS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
const BLOCK_LEN: usize = 64;

/// Returns the MD5 of a text in hexadecimal.
pub(super) fn md5(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let bits = u64::try_from(bytes.len()).unwrap_or(u64::MAX).wrapping_mul(8);
    bytes.push(0x80);
    while bytes.len() % BLOCK_LEN != BLOCK_LEN - 8 {
        bytes.push(0);
    }
    bytes.extend(bits.to_le_bytes());
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in bytes.chunks_exact(BLOCK_LEN) {
        let words: Vec<u32> = block.chunks_exact(4).map(word).collect();
        let [a, b, c, d] = state;
        let [x, y, z, w] = mixed(state, &words);
        state = [a.wrapping_add(x), b.wrapping_add(y), c.wrapping_add(z), d.wrapping_add(w)];
    }
    state.iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("{byte:02x}")).collect()
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// The 64 steps over one block.
fn mixed(state: [u32; 4], words: &[u32]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = state;
    for step in 0..64_usize {
        let (function, index) = match step / 16 {
            0 => ((b & c) | (!b & d), step),
            1 => ((d & b) | (!d & c), 5 * step + 1),
            2 => (b ^ c ^ d, 3 * step + 5),
            _ => (c ^ (b | !d), 7 * step),
        };
        let turn = TURNS.get(step / 16).and_then(|turns| turns.get(step % 4)).copied().unwrap_or_default();
        let word = words.get(index % 16).copied().unwrap_or_default();
        let sum = a.wrapping_add(function).wrapping_add(word).wrapping_add(constant(step));
        (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(turn)));
    }
    [a, b, c, d]
}

/// The whole part of 2^32 times |sin(step + 1)|. RFC 1321 §3.4.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::as_conversions,
    reason = "from 0 to 64, and what comes is between 0 and 2^32"
)]
fn constant(step: usize) -> u32 {
    (((step + 1) as f64).sin().abs() * 4_294_967_296.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1321 §A.5.
    #[test]
    fn test_suite_of_the_rfc_is_hashed_as_there() {
        for (text, hash) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            assert_eq!(md5(text), hash, "{text}");
        }
    }
}
