//! Holds the runner's configuration to its own rules: no test is disabled and no error is mapped without a reason.

use serde_json::{Map, Value};

/// How many of our errors one of the runner's may stand for before it must be said why.
const TARGETS_WITHOUT_REASON: usize = 3;

fn config() -> Map<String, Value> {
    let config: Value = serde_json::from_str(include_str!("../config.json")).unwrap();
    config.as_object().unwrap().clone()
}

fn object(config: &Map<String, Value>, key: &str) -> Map<String, Value> {
    config[key].as_object().unwrap().clone()
}

#[test]
fn every_disabled_pattern_says_whether_for_ever_or_not_yet_and_why() {
    let disabled = object(&config(), "DisabledTests");
    assert!(!disabled.is_empty());
    for (pattern, reason) in &disabled {
        let reason = reason.as_str().unwrap();
        let words = reason.strip_prefix("Never: ").or_else(|| reason.strip_prefix("Not yet: "));
        assert!(words.is_some_and(|words| words.len() > 3), "{pattern}: {reason}");
    }
}

#[test]
fn row_of_the_error_map_with_many_targets_has_its_reason_and_no_other_has() {
    let config = config();
    let reasons = object(&config, "ErrorMapReasons");
    let rows = object(&config, "ErrorMap");
    for (expected, targets) in &rows {
        let many = targets.as_array().unwrap().len() > TARGETS_WITHOUT_REASON;
        assert_eq!(many, reasons.contains_key(expected), "{expected}");
    }
    assert!(reasons.keys().all(|expected| rows.contains_key(expected)));
}

#[test]
fn every_target_of_the_error_map_is_the_whole_name_of_an_error() {
    let errors = include_str!("../../../src/error.rs");
    let names: Vec<&str> = errors.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    for (expected, targets) in &object(&config(), "ErrorMap") {
        assert!(!targets.as_array().unwrap().is_empty(), "{expected} would match anything");
        for target in targets.as_array().unwrap() {
            let target = target.as_str().unwrap();
            let name = target.strip_prefix(':').and_then(|target| target.strip_suffix(':'));
            assert!(name.is_some_and(|name| names.contains(&name)), "{expected}: {target}");
        }
    }
}
