//! Holds SPEC-NOTES.md, and the list of past bugs in SECURITY.md, to the code: what a row names must exist.
//!
//! A row of SPEC-NOTES.md is `id | section | demand | code path | test | state`. Where the code path says `file: item`, the item's text
//! must stand in the file; a test is the name of a `fn` with `#[test]` in `src/`, `tests/` or `crates/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// One requirement.
struct Row {
    line: usize,
    cells: Vec<String>,
}

impl Row {
    fn id(&self) -> &str {
        &self.cells[0]
    }

    fn code(&self) -> &str {
        &self.cells[3]
    }

    fn test(&self) -> &str {
        &self.cells[4]
    }

    fn state(&self) -> &str {
        &self.cells[5]
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn notes() -> String {
    fs::read_to_string(root().join("SPEC-NOTES.md")).unwrap()
}

const HEADING: &str = "| id | section | demand | code path | test | state |";

const BUGS_HEADING: &str = "| bug | what it was | our answer | code | test |";

/// The rows of all tables under [`HEADING`]; other tables of the page are not looked at.
fn rows(notes: &str) -> Vec<Row> {
    rows_under(HEADING, notes)
}

fn rows_under(heading: &str, page: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut inside = false;
    for (index, line) in page.lines().enumerate() {
        match line {
            _ if line == heading => inside = true,
            _ if !line.starts_with('|') => inside = false,
            _ if inside && !line.starts_with("|---") => rows.push(Row { line: index + 1, cells: cells(line) }),
            _ => {}
        }
    }
    rows
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.strip_prefix('|').and_then(|it| it.strip_suffix('|')).unwrap_or(line);
    inner.split('|').map(|cell| cell.trim().replace('`', "")).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of all tests: each `fn` behind a `#[test]`, with other attributes between them or none.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["src", "tests", "crates"] {
        sources(&root().join(folder), &mut files);
    }
    files.iter().flat_map(|path| tests_in(&fs::read_to_string(path).unwrap())).collect()
}

fn tests_in(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut marked = false;
    for line in text.lines().map(str::trim_start) {
        marked |= line.starts_with("#[test]");
        if let Some(rest) = line.strip_prefix("fn ").or_else(|| line.strip_prefix("pub fn ")) {
            if marked {
                names.extend(rest.split('(').next().map(str::to_string));
            }
            marked = false;
        }
    }
    names
}

/// What is wrong with a row, in words.
fn faults(row: &Row, files: &mut BTreeMap<String, Option<String>>, tests: &BTreeSet<String>) -> Vec<String> {
    if row.cells.len() != 6 || row.cells.iter().any(String::is_empty) {
        return vec![format!("it has not six filled cells but {:?}", row.cells)];
    }
    let mut faults = Vec::new();
    let (is_met, reason) = match row.state().split_once(": ") {
        None => (row.state() == "met", ""),
        Some((_, reason)) => (false, reason),
    };
    let known = match row.state().split(':').next().unwrap_or_default() {
        "met" | "not applicable" => true,
        "declined" | "not yet" => !reason.trim().is_empty(),
        _ => false,
    };
    if !known {
        faults.push(format!("{:?} is no state, or lacks its reason", row.state()));
    }
    if row.code() != "—" {
        faults.extend(row.code().split("; ").filter_map(|code| code_fault(code, files)));
    } else if is_met {
        faults.push("it is met, but no code path says where".to_string());
    }
    if row.test() != "—" {
        let missing = row.test().split(", ").filter(|name| !tests.contains(*name));
        faults.extend(missing.map(|name| format!("there is no test {name}")));
    } else if is_met {
        faults.push("it is met, but no test says so".to_string());
    }
    faults
}

fn code_fault(code: &str, files: &mut BTreeMap<String, Option<String>>) -> Option<String> {
    let (path, item) = code.split_once(": ").map_or((code, None), |(path, item)| (path, Some(item)));
    let read = || fs::read_to_string(root().join(path)).ok();
    let text = files.entry(path.to_string()).or_insert_with(read);
    match (text, item) {
        (None, _) => Some(format!("there is no file {path}")),
        (Some(text), Some(item)) if !text.contains(item) => Some(format!("{path} does not contain {item}")),
        _ => None,
    }
}

#[test]
fn each_row_names_code_and_tests_that_exist() {
    let (mut files, tests) = (BTreeMap::new(), tests());
    let rows = rows(&notes());
    assert!(rows.len() >= 250, "the table was not found, or has lost rows: {}", rows.len());
    let report: Vec<String> = rows
        .iter()
        .flat_map(|row| {
            let said = |fault: String| format!("line {} ({}): {fault}", row.line, row.id());
            faults(row, &mut files, &tests).into_iter().map(said).collect::<Vec<_>>()
        })
        .collect();
    assert!(report.is_empty(), "\n{}", report.join("\n"));
}

#[test]
fn each_past_bug_names_code_and_tests_that_exist() {
    let page = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let (mut files, tests) = (BTreeMap::new(), tests());
    let bugs = rows_under(BUGS_HEADING, &page);
    assert!(bugs.len() > 25, "the table was not found, or has lost rows: {}", bugs.len());
    for bug in bugs {
        let [name, _, _, code, of] = &bug.cells[..] else { panic!("line {}: not five cells", bug.line) };
        assert_eq!(code_fault(code, &mut files), None, "line {}: {name}", bug.line);
        let missing: Vec<_> = of.split(", ").filter(|test| !tests.contains(*test)).collect();
        assert_eq!(missing, [""; 0], "line {}: {name}", bug.line);
    }
}

#[test]
fn each_id_stands_once() {
    let rows = rows(&notes());
    let mut seen = BTreeSet::new();
    for row in &rows {
        assert!(seen.insert(row.id()), "line {}: {} stands there twice", row.line, row.id());
    }
}

/// The page's own count is what a reader sees first; it must be true.
#[test]
fn count_of_rows_by_state_is_the_tables() {
    let notes = notes();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let rows = rows(&notes);
    for row in &rows {
        *counts.entry(row.state().split(':').next().unwrap_or_default()).or_default() += 1;
    }
    let count = |state| counts.get(state).copied().unwrap_or_default();
    let sentence = format!(
        "{} rows: {} met, {} not applicable, {} declined, {} not yet.",
        rows.len(),
        count("met"),
        count("not applicable"),
        count("declined"),
        count("not yet")
    );
    assert!(notes.contains(&sentence), "the page should say: {sentence}");
}

/// Each public limit of the record layer and the handshake stands in the section on limits.
#[test]
fn each_public_limit_is_explained() {
    let notes = notes();
    let limits = notes.split("\n## Limits").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut count = 0;
    for path in files {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Some((_, rest)) = line.split_once("const MAX_") else { continue };
            let name = format!("MAX_{}", rest.split(':').next().unwrap());
            assert!(limits.contains(&name), "{name} of {} is not among the limits", path.display());
            count += 1;
        }
    }
    assert!(count > 8, "the constants were not found");
}

#[test]
fn row_that_names_what_does_not_exist_is_found_out() {
    let tests = BTreeSet::from(["a_test".to_string()]);
    let faults_of = |line: &str| faults(&Row { line: 1, cells: cells(line) }, &mut BTreeMap::new(), &tests);
    let good = "| A-1 | §1 | demand | `Cargo.toml: [package]` | `a_test` | met |";
    assert_eq!(faults_of(good), [""; 0]);
    for (part, instead) in [
        ("Cargo.toml", "Cargo.lol"),
        ("[package]", "[no such thing]"),
        ("a_test", "another_test"),
        ("| met |", "| open |"),
        ("| met |", "| declined: |"),
        ("| met |", "| |"),
        ("`a_test`", "—"),
        ("| demand ", ""),
    ] {
        assert_eq!(faults_of(&good.replace(part, instead)).len(), 1, "{part} → {instead}");
    }
    assert_eq!(tests_in("#[test]\n#[cfg(x)]\nfn one() {}\nfn two() {}\n"), ["one"]);
}
