//! Writes the committed seeds: `cargo run --example make_seeds` in this folder. Each input is made by our own code.

#[path = "../bodies/mod.rs"]
mod bodies;

use std::fs;
use std::path::Path;

use bodies::honest::{Honest, client_hello, message};
use bodies::honest_second::By;
use bodies::rig::{Rig, Role};
use bodies::second::second;
use bulla::resume::ImportedIdentity;
use bulla::wire::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rcgen::{KeyUsagePurpose, PKCS_ED25519, date_time_ymd};

/// The identity that all is tested with, which is made once: if its files are missing, all seeds change.
const IDENTITY: &str = "../tests/support/identity";

fn main() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !here.join(IDENTITY).join("root.der").exists() {
        make_identity(&here.join(IDENTITY), "");
        return make_identity(&here.join(IDENTITY), "delegating_");
    }
    let write = |target: &str, name: &str, parts: &[&[u8]]| {
        let folder = here.join("seeds").join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), parts.concat()).unwrap();
    };
    connections(&write);
    seconds(&write);
    riches(&write);
    compression(&write);
    framing(&write);
    messages(&write);
    der(&write);
    resumption(&write);
}

/// Takes a target, a seed's name and its bytes in parts.
type Write<'w> = &'w dyn Fn(&str, &str, &[&[u8]]);

/// Steps of `bodies/script.rs`, each as it reads its decisions.
const DATA: &[u8] = &[1, 3, 0, 4, b'p', b'i', b'n', b'g'];
const PADDED_DATA: &[u8] = &[1, 3, 150, 4, b'p', b'o', b'n', b'g'];
const CLOSE_NOTIFY: &[u8] = &[1, 2, 0, 2, 1, 0];
const FLUSH: &[u8] = &[9];
const SPLIT: &[u8] = &[11, 9];
const KEY_UPDATE: &[u8] = &[5, 11, 1, 9, 8];
const TICKET: &[u8] = &[5, 10, 9];
const CHANGE_CIPHER_SPEC: &[u8] = &[15];
const DAMAGED: &[u8] = &[14, 3, 0, 77, 3, 1, 2, 3];
const ASK_FOR_UPDATE: &[u8] = &[13, 1, 1];

/// Scripts for both roles: suite, client authentication, retry, how many honest steps first; then steps.
fn connections(write: Write<'_>) {
    const ALL: u8 = 15;
    for (target, role) in [("server", Role::Server), ("client", Role::Client)] {
        let script = |name: &str, head: [u8; 4], steps: &[&[u8]]| {
            write(target, name, &[&[1], &head, &steps.concat()]);
        };
        script("aes_128_data_both_paddings_close", [0, 0, 0, ALL], &[DATA, PADDED_DATA, CLOSE_NOTIFY, DATA]);
        script(
            "aes_256_client_certificate_key_updates",
            [1, 1, 0, ALL],
            &[KEY_UPDATE, DATA, ASK_FOR_UPDATE, KEY_UPDATE],
        );
        script("chacha20_retry_and_tickets", [2, 0, 1, ALL], &[TICKET, TICKET, DATA]);
        script("retry_and_client_certificate", [0, 1, 1, ALL], &[DATA, DAMAGED, DATA]);
        script("change_cipher_spec_after_the_hello", [0, 0, 0, 1], &[CHANGE_CIPHER_SPEC, CHANGE_CIPHER_SPEC, DATA]);
        // Certificate, CertificateVerify and Finished, each honest, in records of nine bytes.
        let rest = [&[7, 1][..], &[5, 7, 0], SPLIT, &[5, 8], SPLIT, &[5, 9], SPLIT];
        script("split_authentication_by_hand", [0, 1, 0, if role == Role::Server { 1 } else { 3 }], &rest);
        script("made_message_behind_the_hello", [0, 0, 0, 1], &[&[7, 1, 4, 3, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9], FLUSH]);
        script("data_before_finished", [0, 0, 0, 1], &[&[7, 1], DATA]);
        script("finished_without_certificate", [0, 0, 0, 2], &[&[7, 1], &[5, 9], FLUSH]);
        let behind_all_but_finished = if role == Role::Server { 1 } else { 4 };
        script("wrong_finished", [0, 0, 0, behind_all_but_finished], &[&[7, 1, 3, 1, 20, 32], &[5; 32], FLUSH]);
        connections_tls12(role, &script);
        let rig = Rig::new(role, CipherSuite::TLS_AES_128_GCM_SHA256, false);
        let hello = match role {
            Role::Server => message(&rig, Honest::ClientHello(bodies::fixed::GROUP)),
            Role::Client => message(&rig, Honest::ServerHello(bodies::fixed::GROUP)),
        };
        write(target, "raw_hello", &[&[0, 0, 0, 6], &record(&hello.unwrap())]);
        write(target, "raw_alert", &[&[0, 0, 0, 1], &[21, 3, 3, 0, 2, 2, 40]]);
    }
}

/// The same for TLS 1.2, of which there is no retry.
fn connections_tls12(role: Role, script: &dyn Fn(&str, [u8; 4], &[&[u8]])) {
    const ALL: u8 = 15;
    const HELLO_REQUEST: &[u8] = &[5, 15, 9];
    const CLIENT_HELLO: &[u8] = &[5, 0, 9];
    const WARNING: &[u8] = &[1, 2, 0, 2, 1, 100];
    script("tls12_aes_128_data_both_ways_close", [3, 0, 0, ALL], &[DATA, PADDED_DATA, CLOSE_NOTIFY, DATA]);
    script("tls12_aes_256_client_certificate_hello_requests", [4, 1, 0, ALL], &[HELLO_REQUEST, DATA, HELLO_REQUEST]);
    script("tls12_chacha20_warning_and_client_hello", [5, 0, 0, ALL], &[WARNING, DATA, CLIENT_HELLO, DATA]);
    script("tls12_chacha20_client_certificate_damaged", [5, 1, 0, ALL], &[DATA, DAMAGED, DATA]);
    script("tls12_key_update_and_ticket", [3, 0, 0, ALL], &[KEY_UPDATE, TICKET, ASK_FOR_UPDATE, DATA]);
    script("tls12_application_asks_for_new_keys", [5, 0, 0, ALL], &[ASK_FOR_UPDATE, DATA, ASK_FOR_UPDATE, DATA]);
    script("tls12_renegotiation_split", [3, 0, 0, ALL], &[&[5, 15, 5, 15], SPLIT, &[5, 0], SPLIT]);
    // The flight by hand, in records of nine bytes: Certificate, the exchange, the proof.
    let by_hand: [&[u8]; 6] = match role {
        Role::Server => [&[5, 7, 0], SPLIT, &[5, 14], SPLIT, &[5, 8], SPLIT],
        Role::Client => [&[5, 7, 0], SPLIT, &[5, 12], SPLIT, &[5, 6, 5, 13], SPLIT],
    };
    let end: [&[u8]; 4] = [&[5, 16], &[7, 2], &[5, 9], SPLIT];
    script("tls12_split_flight_by_hand", [3, 1, 0, 1], &[&by_hand[..], &end[..]].concat());
    script("tls12_finished_without_change_cipher_spec", [3, 0, 0, 1], &[&by_hand[..], &[&[5, 9], FLUSH]].concat());
    script("tls12_change_cipher_spec_behind_the_hello", [4, 0, 0, 1], &[&[5, 16], FLUSH, &[5, 16], DATA]);
    script("tls12_empty_certificate", [5, 1, 0, 1], &[&[5, 7, 1], FLUSH, &[5, 14], FLUSH]);
    script("tls12_data_before_finished", [3, 0, 0, ALL - 1], &[DATA]);
    let all_but_finished = if role == Role::Server { 3 } else { 5 };
    let wrong: [&[u8]; 4] = [&[7, 2, 3, 1, 20, 12], &[5; 12], FLUSH, DATA];
    script("tls12_wrong_finished", [5, 0, 0, all_but_finished], &wrong);
    script("tls12_alert_in_the_clear_behind_change_cipher_spec", [3, 0, 0, all_but_finished], &[WARNING, DATA]);
}

/// Scripts of ends that have been here before: suite, what stands for the certificates, retry, how many honest steps first.
fn seconds(write: Write<'_>) {
    const ALL: u8 = 7;
    for (target, role) in [("server", Role::Server), ("client", Role::Client)] {
        let script = |name: &str, head: [u8; 4], steps: &[&[u8]]| {
            write(target, &format!("second_{name}"), &[&[2], &head, &steps.concat()]);
        };
        for (by, name) in [(0, "session"), (1, "session_early"), (2, "psk")] {
            script(&format!("{name}_aes_128"), [0, by, 0, ALL], &[DATA, CLOSE_NOTIFY]);
            script(&format!("{name}_aes_256_tickets"), [1, by, 0, ALL], &[TICKET, DATA, KEY_UPDATE, DATA]);
            script(&format!("{name}_chacha20_retry"), [2, by, 1, ALL], &[DATA, PADDED_DATA]);
            // The hello that names it, and the answer that takes it, altered, with the binder that goes with it.
            let (hello, answer) = ([16, 17, 0, by], [16, 18, by]);
            for (what, damage) in [("bit", [0, 0, 60, 0, 3]), ("byte", [0, 0, 200, 1, 1])] {
                let spliced = [1, 9];
                let first: &[u8] = if role == Role::Server { &hello } else { &answer };
                script(&format!("{name}_damaged_{what}"), [0, by, 0, 0], &[first, &damage, &[1], &spliced, FLUSH]);
            }
        }
        // Early data without end, behind the end, and as handshake messages.
        let early: [&[u8]; 4] = [&[7, 3], DATA, DATA, &[5, 21, 9]];
        script("early_data_by_hand", [0, 1, 0, 1], &[&early[..], &[&[7, 1, 5, 9, 9]]].concat());
        script("early_data_behind_its_end", [0, 1, 0, 3], &[&[7, 3], DATA, FLUSH]);
        script("early_data_that_is_damaged", [0, 1, 0, 1], &[&[7, 3], DAMAGED, DATA, FLUSH]);
        script("finished_in_early_data", [0, 1, 0, 2], &[&[7, 3], &[5, 9], FLUSH]);
        script("application_writes_early", [0, 1, 0, 1], &[&[13, 5, 4, 1, 2, 3, 4], &[13, 5, 0], FLUSH]);
        script("psk_that_was_not_offered", [0, 0, 0, 0], &[&[5, 18, 2], FLUSH, &[5, 19, 0], FLUSH, &[5, 9], FLUSH]);
        for (suite, name) in [(3, "aes_128"), (4, "aes_256"), (5, "chacha20")] {
            script(&format!("tls12_{name}"), [suite, 0, 0, ALL], &[DATA, CLOSE_NOTIFY]);
            script(&format!("tls12_{name}_ticket"), [suite, 0, 0, 1], &[TICKET, &[5, 16], FLUSH, &[7, 2, 5, 9], FLUSH]);
            let damaged = if role == Role::Server { [16, 17, 0, 0] } else { [16, 18, 0, 0] };
            script(&format!("tls12_{name}_damaged"), [suite, 0, 0, 0], &[&damaged, &[0, 70, 0, 3, 0], FLUSH]);
        }
        let rig = Rig::second(role, CipherSuite::TLS_AES_128_GCM_SHA256, false);
        let raw = match role {
            Role::Server => message(&rig, Honest::Resuming(bodies::fixed::GROUP, By::SessionEarly)),
            Role::Client => message(&rig, Honest::Resumed(By::SessionEarly)),
        };
        write(target, "second_raw_hello", &[&[3, 0, 0, 6], &record(&raw.unwrap())]);
    }
}

/// Scripts of ends that have much switched on: suite, client authentication, retry, what, the limit, how many honest steps
/// first, whether a certificate is asked for behind the handshake; servers then get so much of the answer.
fn riches(write: Write<'_>) {
    const ALL: u8 = 15;
    for (target, role) in [("server", Role::Server), ("client", Role::Client)] {
        for bit in 0..16 {
            for (with, what) in [(1 << bit, "alone"), (!(1_u16 << bit), "without")] {
                let [high, low] = u16::to_be_bytes(with);
                let (suite, client_auth, retry) = (bit % 3, bit & 1, u8::from(bit % 4 == 3));
                let later: &[u8] = if role == Role::Server { &[1, 3] } else { &[1, 77] };
                let head = [5, suite, client_auth, retry, high, low, 0, bit * 16, ALL];
                write(target, &format!("rich_{what}_{bit}"), &[&head, later, DATA, KEY_UPDATE, DATA]);
            }
        }
        let script = |name: &str, head: [u8; 8], steps: &[&[u8]]| {
            write(target, &format!("rich_{name}"), &[&[5], &head, &[0], &steps.concat()]);
        };
        for suite in 3..6 {
            script(&format!("tls12_{suite}"), [suite, 1, 0, 0xff, 0xff, 0, 200, ALL], &[DATA, CLOSE_NOTIFY]);
        }
        // Asked twice, the answer in pieces with a change of keys before it, and damaged.
        let ask: &[u8] = if role == Role::Server { &[13, 6] } else { &[5, 22, 1, 9] };
        let answer: [&[u8]; 5] = [&[5, 23, 0], SPLIT, &[5, 24], SPLIT, &[5, 25, 9]];
        script("asked_twice", [0, 0, 0, 0x08, 0, 0, 0, ALL], &[ask, ask, &answer.concat(), DATA]);
        script("asked_and_keys", [1, 0, 0, 0x08, 0x0c, 0, 0, ALL], &[ask, KEY_UPDATE, &answer.concat(), DATA]);
        script("asked_damaged", [2, 0, 0, 0x08, 0, 0, 0, ALL], &[ask, &[16, 23, 0, 0, 0, 9, 0, 3, 1], FLUSH]);
        script("declined", [0, 0, 0, 0x08, 0, 0, 0, ALL], &[ask, &[5, 23, 1], FLUSH, &[5, 25], FLUSH]);
        script("not_asked", [0, 0, 0, 0, 0, 0, 0, ALL], &[ask, &answer.concat()]);
        // A certificate that is compressed wrongly, or says to be another's.
        let before = if role == Role::Server { 1 } else { 2 };
        for (way, name) in [(4, "zlib"), (8, "brotli")] {
            let damaged: [&[u8]; 2] = [&[7, 1, 16, 7, 0, 0, 0, 40, 0, 3, 0], FLUSH];
            let client_auth = u8::from(role == Role::Server);
            script(&format!("{name}_damaged"), [0, client_auth, 0, 0, way, 0, 0, before], &damaged);
            let longer: [&[u8]; 2] = [&[7, 1, 16, 7, 0, 0, 0, 3, 0, 2, 0], FLUSH];
            script(&format!("{name}_of_another_length"), [0, client_auth, 0, 0, way, 0, 0, before], &longer);
        }
        let rig = Rig::new(role, CipherSuite::TLS_AES_128_GCM_SHA256, false);
        let hello = match role {
            Role::Server => message(&rig, Honest::ClientHello(bodies::fixed::GROUP)),
            Role::Client => message(&rig, Honest::ServerHello(bodies::fixed::GROUP)),
        };
        write(target, "rich_raw_hello", &[&[4, 0, 1, 6, 0xff, 0xff, 0, 100], &record(&hello.unwrap())]);
    }
}

/// Which way, what, the length, and then the bytes.
fn compression(write: Write<'_>) {
    for (way, name) in [(0, "zlib"), (1, "brotli")] {
        let seed = |what: &str, parts: &[&[u8]]| write("compression", &format!("{name}_{what}"), parts);
        seed("whole", &[&[way, 1, 4, 0, 9], b"the bytes"]);
        seed("longest", &[&[way, 1, 0xff, 0xff, 1, 0]]);
        seed("damaged_bit", &[&[way, 2, 2, 0, 20], b"some bytes and more!", &[0, 0, 5, 0, 3]]);
        seed("damaged_bytes", &[&[way, 2, 2, 0, 20], b"some bytes and more!", &[0, 0, 9, 1, 2, 3, 1, 2, 3]]);
        seed("empty", &[&[way, 0, 0, 0]]);
    }
    // A window of 16 MiB that is asked for, and a stream without end.
    write("compression", "brotli_largest_window", &[&[1, 0, 0xff, 0xff], &[0x0f, 0, 0, 0, 0, 0, 0, 0]]);
    write("compression", "zlib_stored_without_end", &[&[0, 0, 0xff, 0xff], &[0x78, 1, 0, 0xff, 0xff, 0, 0, 1, 2, 3]]);
}

fn resumption(write: Write<'_>) {
    let seed = |name: &str, parts: &[&[u8]]| write("resumption", name, parts);
    for (suite, id, name) in [
        (0, CipherSuite::TLS_AES_128_GCM_SHA256, "aes_128"),
        (1, CipherSuite::TLS_AES_256_GCM_SHA384, "aes_256"),
        (5, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "tls12_chacha20"),
    ] {
        let made = second(id);
        seed(&format!("server_session_{name}"), &[&[0], &made.of_server]);
        seed(&format!("server_session_{name}_damaged"), &[&[1, suite, 0], &[0, 0, 7, 0, 1]]);
        seed(&format!("ticket_{name}"), &[&[2, suite, 1], &made.ticket]);
        seed(&format!("ticket_{name}_damaged"), &[&[2, suite, 0], &[0, 0, 20, 1, 2, 1, 9]]);
        seed(&format!("client_session_{name}"), &[&[3, suite, 1], &made.of_client]);
        seed(&format!("client_session_{name}_damaged"), &[&[3, suite, 0], &[0, 0, 90, 0, 4]]);
    }
    seed("ticket_of_another_suite", &[&[2, 1, 1], &second(CipherSuite::TLS_AES_128_GCM_SHA256).ticket]);
    seed("cookie_whole", &[&[4, 0], &[0, 0, 0, 1, 0, 0]]);
    seed("cookie_damaged", &[&[4, 0], &[0, 0, 50, 0, 1]]);
    seed("cookie_of_another", &[&[4, 1], b"cookie"]);
    let identity = ImportedIdentity { external_identity: b"id", context: b"", target_protocol: 0x0304, target_kdf: 1 };
    seed("imported_identity", &[&[5], &write_all(&identity).unwrap()]);
    seed("imported_identity_of_another_protocol", &[&[5], &[0, 1, 65, 0, 0, 3, 3, 0, 1]]);
}

/// A handshake record in the clear.
fn record(content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[22, 3, 3, high, low], content].concat()
}

fn framing(write: Write<'_>) {
    for (role, name) in [(0, "server"), (1, "client")] {
        let seed = |what: &str, parts: &[&[u8]]| write("record_framing", &format!("{name}_{what}"), parts);
        seed("raw_record_too_long", &[&[role, 1], &[0, 0, 3], &[22, 3, 3, 0x40, 1, 1]]);
        seed("good_records_in_pieces", &[&[role, 0, 0], &[5, 0, 2, 1, 2, 0], &[6, 255, 2, 3, 4, 9], &[7, 3, 0, 1]]);
        seed("long_and_longer_records", &[&[role, 0, 1], &[3, 84, 0, 60], &[3, 85, 0, 60]]);
        seed("damaged_record", &[&[role, 0, 2], &[5, 0, 1, 7, 0], &[1, 9, 3, 7, 8, 9, 0]]);
        for (suite, name) in [(3, "tls12_aes_128"), (4, "tls12_aes_256"), (5, "tls12_chacha20")] {
            let seed = |what: &str, parts: &[&[u8]]| seed(&format!("{name}_{what}"), parts);
            seed(
                "good_records_in_pieces",
                &[&[role, 0, suite], &[5, 0, 2, 1, 2, 0], &[6, 0, 2, 3, 4, 9], &[7, 0, 0, 1]],
            );
            seed("longest_record", &[&[role, 0, suite], &[3, 84, 0, 60]]);
            seed("longer_record", &[&[role, 0, suite], &[3, 85, 0, 60]]);
            seed("damaged_version", &[&[role, 0, suite], &[5, 0, 1, 7, 0], &[1, 3, 3, 7, 8, 9, 0]]);
            seed("empty_records", &[&[role, 0, suite], &[5, 0, 0, 0].repeat(20)]);
            seed("alert_and_unknown_type", &[&[role, 0, suite], &[2, 0, 2, 1, 90, 21, 0], &[2, 0, 2, 1, 1, 99, 0]]);
        }
        seed("only_padding", &[&[role, 0, 0], &[4, 200, 0, 0], &[4, 255, 0, 0]]);
    }
}

fn messages(write: Write<'_>) {
    let rig = Rig::new(Role::Client, CipherSuite::TLS_AES_128_GCM_SHA256, false);
    let group = bodies::fixed::GROUP;
    let honest = [
        ("client_hello", Honest::ClientHello(group)),
        ("server_hello", Honest::ServerHello(group)),
        ("hello_retry_request", Honest::HelloRetryRequest),
        ("encrypted_extensions", Honest::EncryptedExtensions),
        ("certificate_request", Honest::CertificateRequest),
        ("certificate", Honest::Certificate { empty: false }),
        ("new_session_ticket", Honest::NewSessionTicket),
        ("key_update", Honest::KeyUpdate(KeyUpdateRequest::update_requested)),
    ];
    for (name, honest) in honest {
        let whole = message(&rig, honest).unwrap();
        write("wire_messages", name, &[&[64], &whole]);
        write("wire_messages", &format!("{name}_body"), &[&[0], &whole[4..]]);
    }
    let tls12 = Rig::new(Role::Client, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, false);
    let honest = [
        ("client_hello", Honest::ClientHello(group)),
        ("server_hello", Honest::ServerHello(group)),
        ("certificate", Honest::Certificate { empty: false }),
        ("certificate_request", Honest::CertificateRequest),
        ("server_key_exchange", Honest::ServerKeyExchange),
        ("client_key_exchange", Honest::ClientKeyExchange),
        ("new_session_ticket", Honest::NewSessionTicket),
    ];
    for (name, honest) in honest {
        let whole = message(&tls12, honest).unwrap();
        write("wire_messages", &format!("tls12_{name}"), &[&[64], &whole]);
        write("wire_messages", &format!("tls12_{name}_body"), &[&[0], &whole[4..]]);
    }
    let mut hello = client_hello(&rig, group);
    hello.extensions = None;
    write("wire_messages", "client_hello_without_extensions", &[&[64], &write_message(&hello).unwrap()]);
    let counted: Vec<u8> = (0..=255).collect();
    write("wire_messages", "made_values", &[&[128], &counted]);
    write("wire_messages", "made_message", &[&[160], &counted]);
    write("wire_messages", "damaged_values", &[&[224, 0, 0, 9, 4, 2, 0, 30], &counted]);
}

fn der(write: Write<'_>) {
    let (root, leaf, key) = (bodies::fixed::ROOT, bodies::fixed::LEAF, bodies::fixed::LEAF_KEY);
    write("der", "elements", &[&[0], leaf]);
    write("der", "root", &[&[1], root]);
    write("der", "leaf", &[&[1], leaf]);
    write("der", "key", &[&[2], key]);
    let pem = KeyPair::try_from(key).unwrap().serialize_pem();
    write("der", "key_pem", &[&[3], pem.as_bytes()]);
    write("der", "certificate_of_der", &[&[3], leaf]);
    write("der", "integer", &[&[4], &[2, 2, 0, 0x80]]);
    write("der", "integer_not_shortest", &[&[4], &[2, 2, 0, 0x7f]]);
}

/// Makes the identity that targets, benches and the no_std proof share: Ed25519, whose signatures are the same each
/// time, and a validity that outlives us all.
fn make_identity(folder: &Path, prefix: &str) {
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, format!("Bulla Test Root {prefix}").trim_end());
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    let certificate = params.self_signed(&key).unwrap().der().to_vec();
    let issuer = Issuer::new(params, key);

    let leaf_key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let mut leaf_params = CertificateParams::new(vec!["server.test".to_string()]).unwrap();
    leaf_params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf_params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    if !prefix.is_empty() {
        // id-pe-delegationUsage, NULL. RFC 9345 §4.2.
        let usage = rcgen::CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 44363, 44], vec![5, 0]);
        leaf_params.custom_extensions.push(usage);
    }
    leaf_params.not_before = date_time_ymd(2020, 1, 1);
    leaf_params.not_after = date_time_ymd(2120, 1, 1);
    let leaf = leaf_params.signed_by(&leaf_key, &issuer).unwrap().der().to_vec();

    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(format!("{prefix}root.der")), certificate).unwrap();
    fs::write(folder.join(format!("{prefix}leaf.der")), leaf).unwrap();
    fs::write(
        folder.join(format!("{prefix}{}", if prefix.is_empty() { "leaf_key.der" } else { "key.der" })),
        leaf_key.serialize_der(),
    )
    .unwrap();
}
