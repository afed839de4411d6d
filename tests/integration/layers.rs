//! The layers hold: an import points down only, and each driver crate is used in its own layer alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each top-level module of `src` may import from the crate.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("job", &["event"]),
    ("event", &["job"]),
    ("write", &["job", "event"]),
    ("access", &["job"]),
    ("meter", &["job", "event", "write"]),
    ("store", &["job", "event", "write"]),
    ("hub", &["job", "event", "meter"]),
    ("upstream", &[]),
    ("event_log", &["job", "event", "write", "meter", "store", "hub"]),
    ("pipeline", &["job", "event", "write", "meter", "store", "event_log", "upstream"]),
    // `upstream` for the calls to webhooks, which belong to no pipeline.
    ("engine", &["job", "event", "write", "meter", "store", "event_log", "pipeline", "upstream"]),
    ("http", &["job", "event", "write", "access", "meter", "store", "event_log", "pipeline", "engine"]),
    ("config", &["job", "access", "upstream"]),
    ("app", &["config", "access", "meter", "http", "engine", "pipeline", "event_log", "store", "hub", "upstream"]),
    ("demo", &["config", "upstream"]),
    ("doctor", &["config", "store", "upstream"]),
    ("health", &["config"]),
    ("watch", &["config", "job", "access", "upstream"]),
    ("traces", &[]),
    ("lib", &[]),
    // `upstream` for the rules about addresses of users, which `main` sets for the demo.
    ("main", &["app", "config", "demo", "doctor", "health", "traces", "upstream", "watch"]),
];

/// In which modules a driver crate may be named.
const DRIVERS: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("dashmap", &["hub"]),
    ("broadcast", &["hub"]),
    ("reqwest", &["upstream", "demo", "health", "traces", "watch"]),
    ("axum", &["http", "app", "demo"]),
    ("hyper", &["http", "demo"]),
    ("jsonwebtoken", &["access"]),
    ("tower_http", &["http"]),
    // The nouns, so that what describes them cannot drift from what is sent; it knows nothing of HTTP there.
    ("utoipa", &["http", "job", "event", "write"]),
];

#[test]
fn imports_point_down_only() {
    for (file, text) in sources() {
        let module = module_of(&file);
        let (_, allowed) = MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{module} has no place in the layers yet"));
        for imported in imports(&text) {
            let known = MAY_IMPORT.iter().any(|(name, _)| *name == imported);
            let fine = imported == module || !known || allowed.contains(&imported.as_str());
            assert!(fine, "{} imports {imported}, which lies above or beside it", file.display());
        }
    }
}

#[test]
fn drivers_stay_in_their_layer() {
    for (file, text) in sources() {
        let module = module_of(&file);
        for (driver, allowed) in DRIVERS {
            let named = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| line.contains(&format!("{driver}::")) || line.contains(&format!("use {driver};")));
            assert!(!named || allowed.contains(&module.as_str()), "{} names {driver}", file.display());
        }
    }
}

#[test]
fn every_module_says_what_it_does_and_what_it_must_not_do() {
    for (file, text) in sources().into_iter().filter(|(file, _)| !is_test(file)) {
        let doc: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        let sentences = doc.join(" ").split_inclusive(['.', ';']).filter(|part| part.ends_with(['.', ';'])).count();
        assert!(sentences >= 2, "{}: {doc:?}", file.display());
    }
}

/// The first path segment after `crate::` (or the library's name) wherever one is named.
fn imports(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut found = Vec::new();
    for line in code {
        for marker in ["crate::", "jobcast::"] {
            for (at, _) in line.match_indices(marker) {
                let name = line[at + marker.len()..].split(|c: char| !c.is_alphanumeric() && c != '_').next();
                found.extend(name.filter(|name| !name.is_empty()).map(str::to_owned));
            }
        }
    }
    found
}

fn is_test(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str() == "tests") || file.ends_with("tests.rs")
}

fn module_of(file: &Path) -> String {
    let below = file.strip_prefix(root()).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path, text);
            }
        }
    }
    assert!(found.len() > 10, "the sources were found");
    found
}
