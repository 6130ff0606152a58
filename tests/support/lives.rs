//! What may happen to a client and its servers, as plain data: what fails is shrunk to the few steps that it takes.
#![allow(dead_code, unreachable_pub, reason = "each test file includes this and uses its part")]

use bulla::wire::ProtocolVersion;
use proptest::prelude::*;

use super::fleet::Spoil;

pub const SERVERS: usize = 5;
pub const NAMES: [&str; 2] = ["a.test", "b.test"];
pub const PROTOCOLS: [&str; 2] = ["x", "y"];
pub const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::TLSv1_3, ProtocolVersion::TLSv1_2];

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Connect(Connect),
    /// Milliseconds.
    Wait(u64),
    /// The server's clock is off by so many seconds from now on.
    Misset(usize, i8),
    /// Starts anew, with this ticket secret; a store and a register of its own are empty then.
    Restart(usize, u8),
    /// Asks otherwise for certificates, or serves another application.
    Reconfigure(usize, Asks, u8),
    /// From now on, what this server seals is spoiled so.
    Spoil(usize, Spoil),
    /// Writes a session out and reads it back, altered or as another client.
    Rewrite(u8, Rewrite),
    /// Sends a first flight again, whole or with one bit altered.
    Replay(u8, usize, Option<u16>),
}

#[derive(Clone, Copy, Debug)]
pub struct Connect {
    pub server: usize,
    pub version: usize,
    pub name: usize,
    pub protocol: Option<usize>,
    pub client: Who,
    pub early: bool,
    /// The first flight does not arrive.
    pub is_lost: bool,
}

/// Who connects. Each trusts or shows something else, and resumes none of the others' sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    Plain,
    WithMoreRoots,
    WithCertificate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    No,
    Request,
    Require,
    RequireOfOthers,
}

#[derive(Clone, Copy, Debug)]
pub enum Rewrite {
    Unaltered(Who),
    Flip(u16),
    Truncate(u16),
}

pub fn step() -> impl Strategy<Value = Step> {
    let server = || 0..SERVERS;
    let who = || prop_oneof![3 => Just(Who::Plain), 1 => Just(Who::WithMoreRoots), 2 => Just(Who::WithCertificate)];
    let connect = (server(), 0..2usize, 0..2usize, proptest::option::of(0..2usize), who(), any::<bool>(), 0..6u8);
    let connect = connect.prop_map(|(server, version, name, protocol, client, early, lost)| {
        Step::Connect(Connect { server, version, name, protocol, client, early, is_lost: lost == 5 })
    });
    // Often the same connection again, for otherwise little would be resumed.
    let usual = (prop_oneof![5 => Just(0), 2 => Just(1), 3 => Just(3)], 0..3usize, 0..4u8).prop_map(
        |(server, version, early)| {
            let (version, client, is_lost) = (version / 2, Who::Plain, early == 3);
            Step::Connect(Connect { server, version, name: 0, protocol: Some(0), client, early: early > 0, is_lost })
        },
    );
    let wait = prop_oneof![
        4 => 0..12_000u64,
        2 => 60_000..7_300_000u64,
        1 => 80_000_000..700_000_000u64,
    ];
    let asks = prop_oneof![Just(Asks::No), Just(Asks::Request), Just(Asks::Require), Just(Asks::RequireOfOthers)];
    let spoil =
        prop_oneof![Just(Spoil::Nothing), any::<u16>().prop_map(Spoil::Flip), any::<u8>().prop_map(Spoil::Truncate)];
    let rewrite = prop_oneof![
        who().prop_map(Rewrite::Unaltered),
        any::<u16>().prop_map(Rewrite::Flip),
        any::<u16>().prop_map(Rewrite::Truncate)
    ];
    prop_oneof![
        4 => connect,
        10 => usual,
        3 => wait.prop_map(Step::Wait),
        1 => (server(), -20..20i8).prop_map(|(server, seconds)| Step::Misset(server, seconds)),
        1 => (server(), 1..3u8).prop_map(|(server, secret)| Step::Restart(server, secret)),
        1 => (server(), asks, 0..2u8).prop_map(|(server, asks, context)| Step::Reconfigure(server, asks, context)),
        1 => (server(), spoil).prop_map(|(server, spoil)| Step::Spoil(server, spoil)),
        1 => (any::<u8>(), rewrite).prop_map(|(query, rewrite)| Step::Rewrite(query, rewrite)),
        3 => (any::<u8>(), server(), proptest::option::weighted(0.3, any::<u16>()))
            .prop_map(|(flight, server, bit)| Step::Replay(flight, server, bit)),
    ]
}

/// What has happened in a life.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub full: usize,
    pub resumed: [usize; 2],
    pub accepted: usize,
    pub rejected: usize,
    pub replayed: usize,
    pub accepted_late: usize,
    pub refused: usize,
    pub read_back: usize,
}

impl Counts {
    pub fn by_name(&self) -> [(&'static str, usize); 9] {
        let [resumed_tls13, resumed_tls12] = self.resumed;
        [
            ("a full handshake", self.full),
            ("a resumption of TLS 1.3", resumed_tls13),
            ("a resumption of TLS 1.2", resumed_tls12),
            ("accepted early data", self.accepted),
            ("rejected early data", self.rejected),
            ("a replay", self.replayed),
            ("a lost flight that came later", self.accepted_late),
            ("a client without the certificate asked for", self.refused),
            ("a session read back", self.read_back),
        ]
    }

    pub fn add(&mut self, other: &Self) {
        self.full += other.full;
        self.resumed = [0, 1].map(|version| self.resumed[version] + other.resumed[version]);
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.replayed += other.replayed;
        self.accepted_late += other.accepted_late;
        self.refused += other.refused;
        self.read_back += other.read_back;
    }
}
