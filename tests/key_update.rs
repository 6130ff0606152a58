//! KeyUpdates that come when nothing is sent: their answers stay bounded.

#[path = "support/pair.rs"]
mod pair;

use bulla::MAX_RECORD_LEN;
use pair::{KeyKind, Pair, configs, data, feed, output, send};

/// Length of a KeyUpdate record: header, message, inner content type, tag.
const KEY_UPDATE_RECORD_LEN: usize = 5 + 5 + 1 + 16;

#[test]
fn requests_that_pile_up_get_one_answer_while_no_output_is_taken() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::established(client, server);
    for round in 0..1000u32 {
        // Data between them keeps the count of KeyUpdates in a row low.
        pair.client.update_keys(true).unwrap();
        let mut records = output(&mut pair.client);
        records.extend(send(&mut pair.client, b"x"));
        feed(&mut pair.server, &mut records, &mut pair.server_seen).unwrap();
        assert!(pair.server.has_output());
        if round % 100 == 99 {
            let answer = output(&mut pair.server);
            assert_eq!(answer.len(), KEY_UPDATE_RECORD_LEN);
            pair.to_client = answer;
            pair.to_client.extend(send(&mut pair.server, b"y"));
            pair.run().unwrap();
        }
    }
    assert_eq!(data(&pair.client_seen), [b'y'; 10]);
}

#[test]
fn answer_to_a_request_goes_out_before_the_next_data() {
    let (client, server) = configs(KeyKind::EcdsaP256);
    let mut pair = Pair::established(client, server);
    pair.client.update_keys(true).unwrap();
    let mut records = output(&mut pair.client);
    feed(&mut pair.server, &mut records, &mut pair.server_seen).unwrap();
    let mut buffer = vec![0; MAX_RECORD_LEN];
    let sent = pair.server.send(b"data", &mut buffer).unwrap();
    assert_eq!((sent.taken, sent.written), (4, KEY_UPDATE_RECORD_LEN + 5 + 4 + 1 + 16));
    pair.to_client = buffer[..sent.written].to_vec();
    pair.run().unwrap();
    assert_eq!(data(&pair.client_seen), b"data");
}
