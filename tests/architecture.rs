//! Holds the `use crate::` lines of `src/` to the floors that ARCHITECTURE.md draws.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the ground floor up: a room may import those before it, never those after it.
const FLOORS: &[&str] = &[
    "wire",
    "clock",
    "error",
    "der",
    "crypto",
    "keys",
    "record",
    "verify",
    "resume",
    "config",
    "handshake",
    "connection",
    "stream",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with its path below `src/` and its text without line comments.
fn files() -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&src, &mut found);
    found.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
        let text = fs::read_to_string(&path).unwrap();
        let code: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        (name, code.join("\n"))
    };
    found.into_iter().map(read).collect()
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Every `crate::x::y` path in a text, in `use` lines and in expressions alike.
fn crate_paths(text: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (start, _) in text.match_indices("crate::") {
        if text[..start].ends_with(|before: char| before.is_alphanumeric() || before == '_') {
            continue;
        }
        let rest = &text[start + "crate::".len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        paths.push(rest[..end].split("::").filter(|part| !part.is_empty()).map(String::from).collect());
    }
    paths
}

#[test]
fn every_room_imports_only_from_floors_below_it() {
    let height: BTreeMap<_, _> = FLOORS.iter().enumerate().map(|(height, room)| (*room, height)).collect();
    let mut imports = 0;
    for (file, text) in files() {
        let own = room(&file).to_string();
        if own == "lib" {
            continue;
        }
        let own_height = height.get(own.as_str()).unwrap_or_else(|| panic!("{file} is in no room of the picture"));
        for path in crate_paths(&text) {
            let Some(target) = path.first().filter(|target| height.contains_key(target.as_str())) else { continue };
            imports += 1;
            let below = height[target.as_str()] <= *own_height;
            assert!(below, "{file} imports crate::{}, which stands above {own}", path.join("::"));
        }
    }
    assert!(imports > 100, "only {imports} imports were read: the reader is broken");
}

#[test]
fn client_and_server_do_not_meet() {
    for (file, text) in files() {
        for (own, other) in [("handshake/client/", "server"), ("handshake/server/", "client")] {
            if !file.starts_with(own) {
                continue;
            }
            for path in crate_paths(&text) {
                let meets =
                    path.first().is_some_and(|room| room == "handshake") && path.get(1).is_some_and(|at| at == other);
                assert!(!meets, "{file} imports crate::{}", path.join("::"));
            }
            assert!(!text.contains(&format!("super::{other}::")), "{file} reaches its other role");
        }
    }
}

#[test]
fn versions_do_not_meet() {
    for (file, text) in files() {
        for (own, other) in [("/tls13/", "tls12"), ("/tls12/", "tls13")] {
            assert!(!(file.contains(own) && text.contains(other)), "{file} names {other}");
        }
    }
}

#[test]
fn ring_is_named_in_one_folder_only() {
    for (file, text) in files() {
        assert!(file.starts_with("crypto/ring/") || !names_crate(&text, "ring"), "{file} names ring");
    }
}

#[test]
fn webpki_is_named_in_one_folder_only() {
    for (file, text) in files() {
        assert!(file.starts_with("verify/") || !names_crate(&text, "webpki"), "{file} names webpki");
    }
}

/// Whether a path starts with this crate, not with a module of ours of the same name.
fn names_crate(text: &str, name: &str) -> bool {
    let needle = format!("{name}::");
    text.match_indices(&needle).any(|(start, _)| {
        let before = &text[..start];
        !before.ends_with(|c: char| c.is_alphanumeric() || c == '_') && !before.ends_with("::")
    })
}

#[test]
fn wire_imports_nothing_of_ours() {
    for (file, text) in files() {
        if room(&file) == "wire" {
            let foreign: Vec<_> =
                crate_paths(&text).into_iter().filter(|path| path.first().is_some_and(|room| room != "wire")).collect();
            assert!(foreign.is_empty(), "{file} imports {foreign:?}");
        }
    }
}

#[test]
fn no_file_and_no_room_is_loose() {
    for (file, _) in files() {
        let name = file.rsplit('/').next().unwrap().trim_end_matches(".rs");
        assert!(!["util", "utils", "common", "misc", "helpers"].contains(&name), "{file} is a drawer");
    }
}
