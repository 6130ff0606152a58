//! Chains as real sites sent them: accepted to the roots that anchor them while they are valid, and not otherwise.

#![cfg(feature = "ring")]

#[path = "support/hex.rs"]
mod hex;
#[path = "support/vectors.rs"]
mod vectors;

use bulla::Roots;
use bulla::clock::Time;
use bulla::crypto::ring::provider;
use bulla::error::CertificateError;
use bulla::pki_types::{CertificateDer, ServerName};
use bulla::verify::{PeerCertificate, Purpose, verify_chain};
use vectors::Values;

struct Root {
    sha256: String,
    der: CertificateDer<'static>,
}

/// A site's chain and what is known of it.
struct Site {
    site: String,
    dns_names: Vec<String>,
    /// The intersection over the whole chain, in seconds.
    validity: (u64, u64),
    chain: Vec<CertificateDer<'static>>,
    anchors: Vec<Anchor>,
}

struct Anchor {
    root: String,
    /// The place in the chain of the certificate that this root signed.
    signs: usize,
}

fn load() -> (Vec<Root>, Vec<Site>) {
    let mut all = Values::load("real_chains");
    all.leave(&["what", "source", "license"]);
    let root = |mut root: Values| {
        root.leave(&["label", "server_auth_trusted"]);
        Root { sha256: root.text("sha256"), der: root.bytes("der").into() }
    };
    let anchor = |mut anchor: Values| {
        anchor.leave(&["server_auth_trusted"]);
        Anchor { root: anchor.text("root_sha256"), signs: anchor.number("signs_chain_index") }
    };
    let site = |mut site: Values| {
        site.leave(&["key"]);
        let second = |number: usize| number.try_into().unwrap();
        Site {
            site: site.text("site"),
            dns_names: site.texts("dns_names"),
            validity: (second(site.number("not_before_unix")), second(site.number("not_after_unix"))),
            chain: site.texts("chain").iter().map(|text| hex::decode(text).into()).collect(),
            anchors: site.list("anchors").into_iter().map(anchor).collect(),
        }
    };
    (all.list("roots").into_iter().map(root).collect(), all.list("chains").into_iter().map(site).collect())
}

impl Site {
    /// A host that the site's certificate is for.
    fn host(&self) -> String {
        self.dns_names[0].replace('*', "www")
    }

    fn judge(
        &self,
        roots: &Roots,
        name: &str,
        chain: &[CertificateDer<'static>],
        now: u64,
    ) -> Result<(), CertificateError> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verify_chain(&*provider(), roots, Purpose::Server, Some(&name), chain, Some(Time::from_secs(now)))
    }
}

impl Site {
    /// The last place that a path to this root needs: it may have signed several certificates of the chain.
    fn needed_for(&self, root: &str) -> usize {
        let signed = self.anchors.iter().filter(|anchor| anchor.root == root).map(|anchor| anchor.signs);
        signed.min().unwrap()
    }
}

fn only(root: &Root) -> Roots {
    let mut roots = Roots::new();
    roots.add_der(&root.der).unwrap();
    roots
}

/// Calls `check` with each site and each root that anchors it.
fn each_site_and_anchor(mut check: impl FnMut(&Site, &Anchor, Roots)) {
    let (roots, sites) = load();
    let mut count = 0;
    for site in &sites {
        for anchor in &site.anchors {
            let root = roots.iter().find(|root| root.sha256 == anchor.root).unwrap();
            check(site, anchor, only(root));
            count += 1;
        }
    }
    assert_eq!((roots.len(), sites.len(), count), (9, 12, 18));
}

#[test]
fn real_chains_are_accepted_from_their_first_to_their_last_second() {
    each_site_and_anchor(|site, _, roots| {
        let (first, last) = site.validity;
        for now in [first, first / 2 + last / 2, last] {
            assert_eq!(site.judge(&roots, &site.host(), &site.chain, now), Ok(()), "{}", site.site);
        }
        for name in &site.dns_names {
            let host = name.replace('*', "any-label");
            assert_eq!(site.judge(&roots, &host, &site.chain, first), Ok(()), "{}", site.site);
        }
    });
}

#[test]
fn real_chains_are_refused_before_and_after() {
    each_site_and_anchor(|site, _, roots| {
        // The window is the leaf's at both ends for most; where it is an issuer's, that issuer is not needed by all
        // roots, so the leaf's own ends are what counts.
        let (first, last) = PeerCertificate::read(&site.chain[0]).unwrap().validity();
        let before = site.judge(&roots, &site.host(), &site.chain, first.as_secs() - 1).unwrap_err();
        let after = site.judge(&roots, &site.host(), &site.chain, last.as_secs() + 1).unwrap_err();
        assert_eq!((before.name(), after.name()), ("NotYetValid", "Expired"), "{}", site.site);
    });
}

#[test]
fn real_chains_are_refused_for_another_name() {
    each_site_and_anchor(|site, _, roots| {
        let bare = site.dns_names[0].trim_start_matches("*.").to_owned();
        for name in ["example.com".to_owned(), format!("a.b.c.{bare}"), format!("{bare}.example.com")] {
            let refused = site.judge(&roots, &name, &site.chain, site.validity.0).unwrap_err();
            assert_eq!(refused.name(), "NameMismatch", "{} as {name}", site.site);
        }
        let refused = site.judge(&roots, "192.0.2.1", &site.chain, site.validity.0).unwrap_err();
        assert_eq!(refused.name(), "NameMismatch", "{}", site.site);
    });
}

#[test]
fn real_chains_are_refused_without_an_intermediate_that_is_needed() {
    let (mut needed, mut spare) = (0, 0);
    each_site_and_anchor(|site, anchor, roots| {
        for missing in 1..site.chain.len() {
            let mut chain = site.chain.clone();
            chain.remove(missing);
            let judged = site.judge(&roots, &site.host(), &chain, site.validity.0);
            // Whatever stands above the certificate that the root signed is for other roots.
            if missing <= site.needed_for(&anchor.root) {
                assert_eq!(judged.unwrap_err().name(), "UnknownIssuer", "{} without {missing}", site.site);
                needed += 1;
            } else {
                assert_eq!(judged, Ok(()), "{} without {missing}", site.site);
                spare += 1;
            }
        }
    });
    assert!(needed >= 18 && spare > 0, "{needed} {spare}");
}

#[test]
fn real_chains_are_refused_by_roots_that_do_not_anchor_them() {
    let (roots, sites) = load();
    let mut refused = 0;
    for site in &sites {
        for root in roots.iter().filter(|root| site.anchors.iter().all(|anchor| anchor.root != root.sha256)) {
            let judged = site.judge(&only(root), &site.host(), &site.chain, site.validity.0);
            assert_eq!(judged.unwrap_err().name(), "UnknownIssuer", "{}", site.site);
            refused += 1;
        }
    }
    assert_eq!(refused, 12 * 9 - 17);
}

#[test]
fn real_chains_with_an_altered_certificate_are_refused() {
    each_site_and_anchor(|site, anchor, roots| {
        for altered in 0..=site.needed_for(&anchor.root) {
            let mut chain = site.chain.clone();
            let mut bytes = chain[altered].to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            chain[altered] = bytes.into();
            let refused = site.judge(&roots, &site.host(), &chain, site.validity.0).unwrap_err();
            assert_eq!(refused.name(), "BadSignature", "{} with {altered} altered", site.site);
        }
    });
}

#[test]
fn real_roots_are_authorities_and_no_peers_certificates() {
    let (roots, sites) = load();
    for root in &roots {
        assert_eq!(only(root).len(), 1);
        let site = &sites[0];
        let judged = site.judge(&only(root), &site.host(), std::slice::from_ref(&root.der), site.validity.0);
        assert_eq!(judged.unwrap_err().name(), "SelfSigned");
    }
}
