//! Vector files whose values are taken out one by one, so that none is overlooked and none is used twice.

use std::borrow::ToOwned;
use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;

use bulla::crypto::Secret;
use serde_json::{Map, Value};

use super::hex;

/// The named values of one JSON object. Dropping it while values are left is a failure.
pub(crate) struct Values(Map<String, Value>);

#[allow(dead_code, reason = "each test program uses a part of it")]
impl Values {
    /// Reads `vectors/{file}.json`.
    pub(crate) fn load(file: &str) -> Self {
        let path = format!("{}/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        match serde_json::from_str(&text) {
            Ok(Value::Object(values)) => Self(values),
            other => panic!("{path}: no object but {other:?}"),
        }
    }

    fn names(&self) -> Vec<&String> {
        self.0.keys().collect()
    }

    /// Takes any value out, if it is there.
    fn optional(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    fn value(&mut self, name: &str) -> Value {
        self.optional(name).unwrap_or_else(|| panic!("no {name} among {:?}", self.names()))
    }

    /// Takes a text out.
    pub(crate) fn text(&mut self, name: &str) -> String {
        self.value(name).as_str().unwrap_or_else(|| panic!("{name} is no text")).to_owned()
    }

    /// Takes a text out, if it is there.
    pub(crate) fn optional_text(&mut self, name: &str) -> Option<String> {
        self.optional(name).map(|value| value.as_str().unwrap_or_else(|| panic!("{name} is no text")).to_owned())
    }

    /// Takes bytes out.
    pub(crate) fn bytes(&mut self, name: &str) -> Vec<u8> {
        hex::decode(&self.text(name))
    }

    /// Takes bytes out, if they are there.
    pub(crate) fn optional_bytes(&mut self, name: &str) -> Option<Vec<u8>> {
        self.optional_text(name).map(|text| hex::decode(&text))
    }

    /// Takes bytes out, or a null, which says that there are none.
    pub(crate) fn nullable_bytes(&mut self, name: &str) -> Option<Vec<u8>> {
        match self.value(name) {
            Value::Null => None,
            Value::String(text) => Some(hex::decode(&text)),
            other => panic!("{name} is {other:?}"),
        }
    }

    /// Takes a yes or no out, if it is there.
    pub(crate) fn optional_flag(&mut self, name: &str) -> Option<bool> {
        self.optional(name).map(|value| value.as_bool().unwrap_or_else(|| panic!("{name} is neither yes nor no")))
    }

    /// Takes a number out.
    pub(crate) fn number(&mut self, name: &str) -> usize {
        self.value(name).as_u64().and_then(|number| number.try_into().ok()).unwrap_or_else(|| panic!("{name}"))
    }

    /// Takes a number out, if it is there.
    pub(crate) fn optional_number(&mut self, name: &str) -> Option<usize> {
        self.0.contains_key(name).then(|| self.number(name))
    }

    /// Takes an object out, if it is there.
    pub(crate) fn optional_nested(&mut self, name: &str) -> Option<Values> {
        self.0.contains_key(name).then(|| self.nested(name))
    }

    /// Takes bytes out that are a secret.
    pub(crate) fn secret(&mut self, name: &str) -> Secret {
        Secret::from_vec(self.bytes(name))
    }

    /// Leaves everything aside that another test uses.
    pub(crate) fn leave_all(&mut self) {
        self.0.clear();
    }

    /// Takes out everything that is left, all of it bytes.
    pub(crate) fn take_all_bytes(&mut self) -> BTreeMap<String, Vec<u8>> {
        let names: Vec<String> = self.0.keys().cloned().collect();
        names.into_iter().map(|name| (name.clone(), self.bytes(&name))).collect()
    }

    /// Takes an object out.
    pub(crate) fn nested(&mut self, name: &str) -> Values {
        match self.value(name) {
            Value::Object(values) => Self(values),
            other => panic!("{name} is no object but {other:?}"),
        }
    }

    /// Takes a list of texts out.
    pub(crate) fn texts(&mut self, name: &str) -> Vec<String> {
        let Value::Array(list) = self.value(name) else { panic!("{name} is no list") };
        list.iter().map(|value| value.as_str().unwrap_or_else(|| panic!("{name}")).to_owned()).collect()
    }

    /// Takes a list of objects out.
    pub(crate) fn list(&mut self, name: &str) -> Vec<Values> {
        let Value::Array(list) = self.value(name) else { panic!("{name} is no list") };
        list.into_iter()
            .map(|value| match value {
                Value::Object(values) => Self(values),
                other => panic!("{name} holds {other:?}"),
            })
            .collect()
    }

    /// Takes a list of objects out, if it is there.
    pub(crate) fn optional_list(&mut self, name: &str) -> Vec<Values> {
        if self.0.contains_key(name) { self.list(name) } else { Vec::new() }
    }

    /// Leaves values aside that say nothing, or nothing that can be tested.
    pub(crate) fn leave(&mut self, names: &[&str]) {
        for name in names {
            self.optional(name);
        }
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || self.0.is_empty(), "values not used: {:?}", self.names());
    }
}

/// One group of a Wycheproof file with its cases.
#[allow(dead_code, reason = "each test program uses a part of it")]
pub(crate) struct Group {
    /// What the cases have in common.
    pub(crate) common: Values,
    /// The cases.
    pub(crate) cases: Vec<Case>,
}

/// One case of a Wycheproof file.
pub(crate) struct Case {
    /// Its number there, for messages.
    pub(crate) id: usize,
    /// Its flags there.
    pub(crate) flags: Vec<String>,
    /// `valid`, `invalid` or `acceptable`.
    pub(crate) result: String,
    /// The rest.
    #[allow(dead_code, reason = "each test program uses a part of it")]
    pub(crate) values: Values,
}

/// Reads `vectors/wycheproof/{file}.json`, which must hold exactly `count` cases.
#[allow(dead_code, reason = "each test program uses a part of it")]
pub(crate) fn wycheproof(file: &str, count: usize) -> Vec<Group> {
    let mut all = Values::load(&format!("wycheproof/{file}"));
    all.leave(&["algorithm", "source", "license", "upstreamTests"]);
    assert_eq!(all.number("numberOfTests"), count, "{file}");
    let groups: Vec<Group> = all.list("testGroups").into_iter().map(Group::new).collect();
    assert_eq!(groups.iter().map(|group| group.cases.len()).sum::<usize>(), count, "{file}");
    groups
}

impl Group {
    fn new(mut common: Values) -> Self {
        common.leave(&["type"]);
        let cases = common.list("tests").into_iter().map(Case::new).collect();
        Self { common, cases }
    }
}

impl Case {
    fn new(mut values: Values) -> Self {
        let flags = if values.0.contains_key("flags") { values.texts("flags") } else { Vec::new() };
        Self { id: values.number("tcId"), flags, result: values.text("result"), values }
    }

    /// Says whether the case must succeed. An `acceptable` one needs a decision, which is the test's.
    #[allow(dead_code, reason = "each test program uses a part of it")]
    pub(crate) fn must_succeed(&self) -> bool {
        match self.result.as_str() {
            "valid" => true,
            "invalid" => false,
            other => panic!("case {}: {other}", self.id),
        }
    }

    /// Says whether the case carries a flag.
    #[allow(dead_code, reason = "each test program uses a part of it")]
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|it| it == flag)
    }
}
