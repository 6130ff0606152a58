#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "a test may panic")]

use super::*;
use alloc::vec;
use alloc::vec::Vec;

fn element(bytes: &[u8]) -> Result<Element<'_>, NotDer> {
    DerReader::new(bytes).element()
}

#[test]
fn element_gives_its_tag_its_content_and_its_whole() {
    let bytes = [0x04, 0x02, 0xaa, 0xbb, 0x05, 0x00];
    let mut reader = DerReader::new(&bytes);
    let expected = Element { tag: Tag::OCTET_STRING, content: &[0xaa, 0xbb], whole: &bytes[..4] };
    assert_eq!(reader.element(), Ok(expected));
    assert_eq!(reader.end(), Err(NotDer));
    assert_eq!(reader.expect(Tag::NULL), Ok(&[][..]));
    assert!(reader.at_end() && reader.end().is_ok());
    assert_eq!(reader.element(), Err(NotDer));
}

#[test]
fn each_length_is_read_in_its_shortest_form_only() {
    for len in [0usize, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
        let octets = len.to_be_bytes();
        let significant = &octets[octets.iter().position(|&octet| octet != 0).unwrap_or(octets.len() - 1)..];
        for width in significant.len()..=5 {
            let mut bytes = vec![0x04, 0x80 | width as u8];
            bytes.extend_from_slice(&octets[octets.len() - width..]);
            bytes.resize(bytes.len() + len, 0);
            let is_shortest = len >= 0x80 && width == significant.len();
            assert_eq!(element(&bytes).is_ok(), is_shortest, "{len} in {width} octets");
        }
        if len < 0x80 {
            let mut bytes = vec![0x04, len as u8];
            bytes.resize(2 + len, 0);
            assert_eq!(element(&bytes).unwrap().content.len(), len);
        }
    }
}

#[test]
fn indefinite_length_and_long_tags_are_refused() {
    assert_eq!(element(&[0x30, 0x80, 0x00, 0x00]), Err(NotDer));
    assert_eq!(element(&[0x30, 0xff, 0x00, 0x00]), Err(NotDer));
    assert_eq!(element(&[0x1f, 0x20, 0x00]), Err(NotDer));
    assert_eq!(element(&[0xbf, 0x20, 0x00]), Err(NotDer));
}

#[test]
fn length_beyond_the_input_is_refused() {
    assert_eq!(element(&[0x04, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00]), Err(NotDer));
    let mut whole = vec![0x30, 0x81, 0x80];
    whole.resize(3 + 0x80, 0);
    assert!(element(&whole).is_ok());
    for len in 0..whole.len() {
        assert_eq!(element(&whole[..len]), Err(NotDer), "prefix of {len}");
    }
}

#[test]
fn read_all_refuses_what_is_left_over_inside_and_after() {
    let read = |bytes: &[u8]| read_all(bytes, Tag::SEQUENCE, |r| r.small_integer());
    assert_eq!(read(&[0x30, 0x03, 0x02, 0x01, 0x05]), Ok(5));
    assert_eq!(read(&[0x30, 0x03, 0x02, 0x01, 0x05, 0x00]), Err(NotDer));
    assert_eq!(read(&[0x30, 0x05, 0x02, 0x01, 0x05, 0x05, 0x00]), Err(NotDer));
    assert_eq!(read(&[0x31, 0x03, 0x02, 0x01, 0x05]), Err(NotDer));
}

#[test]
fn optional_element_of_another_tag_is_left_for_the_next() {
    let mut reader = DerReader::new(&[0xa1, 0x00]);
    assert_eq!(reader.optional(Tag::context(0)), Ok(None));
    assert_eq!(reader.optional(Tag::context(1)), Ok(Some(&[][..])));
    assert_eq!(reader.optional(Tag::context(1)), Ok(None));
    assert_eq!((Tag::context(1), Tag::context_primitive(1)), (Tag(0xa1), Tag(0x81)));
}

#[test]
fn boolean_has_two_encodings() {
    let read = |octet: u8| DerReader::new(&[0x01, 0x01, octet]).boolean();
    assert_eq!((read(0x00), read(0xff)), (Ok(false), Ok(true)));
    assert!((0x01..0xff).all(|octet| read(octet) == Err(NotDer)));
    assert_eq!(DerReader::new(&[0x01, 0x00]).boolean(), Err(NotDer));
    assert_eq!(DerReader::new(&[0x01, 0x02, 0x00, 0x00]).boolean(), Err(NotDer));
}

#[test]
fn bit_string_with_unused_bits_is_refused() {
    let read = |content: &'static [u8]| {
        let mut bytes = vec![0x03, content.len() as u8];
        bytes.extend_from_slice(content);
        DerReader::new(&bytes).bit_string().map(<[u8]>::to_vec)
    };
    assert_eq!(read(&[0x00, 0xaa]), Ok(vec![0xaa]));
    assert_eq!(read(&[0x00]), Ok(Vec::new()));
    assert_eq!(read(&[0x01, 0xaa]), Err(NotDer));
    assert_eq!(read(&[]), Err(NotDer));
}

#[test]
fn integers_are_read_in_their_shortest_form_and_never_negative() {
    for (content, small, unsigned) in [
        (&[0x00][..], Ok(0), Ok(&[0x00][..])),
        (&[0x7f], Ok(0x7f), Ok(&[0x7f])),
        (&[0x00, 0x80], Ok(0x80), Ok(&[0x80])),
        (&[0x00, 0xff], Ok(0xff), Ok(&[0xff])),
        (&[0x01, 0x00], Err(NotDer), Ok(&[0x01, 0x00])),
        (&[0x00, 0x80, 0x00], Err(NotDer), Ok(&[0x80, 0x00])),
        (&[0x00, 0x7f], Err(NotDer), Err(NotDer)),
        (&[0x00, 0x00], Err(NotDer), Err(NotDer)),
        (&[0x80], Err(NotDer), Err(NotDer)),
        (&[0xff, 0x7f], Err(NotDer), Err(NotDer)),
        (&[], Err(NotDer), Err(NotDer)),
    ] {
        let mut bytes = vec![0x02, content.len() as u8];
        bytes.extend_from_slice(content);
        assert_eq!(DerReader::new(&bytes).small_integer(), small, "{content:02x?}");
        assert_eq!(DerReader::new(&bytes).unsigned_integer(), unsigned, "{content:02x?}");
    }
}

/// Reads everything there is, by every method.
fn read_in_every_way(bytes: &[u8]) {
    let readers: [fn(&mut DerReader<'_>) -> bool; 5] = [
        |r| r.element().is_ok(),
        |r| r.boolean().is_ok(),
        |r| r.bit_string().is_ok(),
        |r| r.small_integer().is_ok(),
        |r| r.unsigned_integer().is_ok(),
    ];
    for read in readers {
        let mut reader = DerReader::new(bytes);
        while !reader.at_end() && read(&mut reader) {}
    }
}

#[test]
fn every_input_of_three_octets_gives_an_answer() {
    for tag in [0x01, 0x02, 0x03, 0x04, 0x1f, 0x30] {
        for second in 0..=0xff {
            for third in 0..=0xff {
                read_in_every_way(&[tag, second, third]);
                read_in_every_way(&[tag, 0x02, second, third]);
            }
        }
    }
}
