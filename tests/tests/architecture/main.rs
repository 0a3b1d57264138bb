//! The house rules that a machine can see.

mod supply;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each crate with its floor (docs/architecture.md).
const FLOORS: &[(&str, u8)] = &[
    ("tpdu", 1),
    ("at", 1),
    ("message", 1),
    ("smpp", 2),
    ("modem", 2),
    ("router", 2),
    ("store", 2),
    ("pool", 3),
    ("gateway", 4),
    ("api", 5),
    ("consumers", 5),
    ("esme", 5),
    ("hardening", 5),
    ("smsc", 6),
    ("simrelay", 7),
];

/// What may do I/O; nothing below these may even depend on what can.
const NO_IO: &[&str] = &["tpdu", "at", "message", "smpp", "modem", "router"];
const CAN_DO_IO: &[&str] = &[
    "tokio",
    "rusqlite",
    "nix",
    "notify",
    "tokio-serial",
    "axum",
    "reqwest",
    "hyper",
];

#[test]
fn floors_never_look_up() {
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    for (name, floor) in FLOORS {
        for dependency in dependencies(name) {
            let Some(below) = floors.get(dependency.as_str()) else {
                continue;
            };
            assert!(
                below < floor,
                "{name} (floor {floor}) depends on {dependency} (floor {below})"
            );
        }
    }
}

#[test]
fn every_crate_has_its_floor() {
    let found: Vec<String> = fs::read_dir(root().join("crates"))
        .expect("the crates")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        found.len(),
        FLOORS.len(),
        "{found:?}: draw it in docs/architecture.md and name it here"
    );
    for name in found {
        assert!(FLOORS.iter().any(|(known, _)| *known == name), "{name} has no floor");
    }
}

#[test]
fn the_lower_floors_cannot_do_io() {
    for name in NO_IO {
        for dependency in dependencies(name) {
            assert!(
                !CAN_DO_IO.contains(&dependency.as_str()),
                "{name} depends on {dependency}"
            );
        }
    }
}

#[test]
fn only_the_store_speaks_sql_and_witnesses_commits() {
    let witness = ["Committed::witnessed", "rusqlite"];
    for (name, _) in FLOORS.iter().filter(|(name, _)| *name != "store") {
        for (file, line) in code(name) {
            for word in witness {
                assert!(!line.contains(word), "{}: {word} belongs to the store", file.display());
            }
        }
    }
}

#[test]
fn only_the_pool_opens_ports() {
    for (name, _) in FLOORS.iter().filter(|(name, _)| *name != "pool") {
        assert!(
            !dependencies(name).contains(&"tokio-serial".to_owned()),
            "{name} opens ports"
        );
    }
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    for (name, _) in FLOORS {
        let folder = root().join("crates").join(name).join("src");
        let roots = [folder.join("lib.rs"), folder.join("main.rs")];
        for file in roots.iter().filter(|file| file.exists()) {
            let text = fs::read_to_string(file).expect("a source file");
            assert!(
                text.contains("#![forbid(unsafe_code)]"),
                "{} does not forbid it",
                file.display()
            );
        }
    }
}

/// The names under `[dependencies]`.
fn dependencies(name: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).expect("a manifest");
    let section = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let name_of = |line: &str| line.split(['.', '=', ' ']).next().map(str::to_owned);
    section
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(name_of)
        .collect()
}

/// Every line of a crate's code that is neither comment nor test.
fn code(name: &str) -> Vec<(PathBuf, String)> {
    let mut lines = Vec::new();
    for file in sources(&root().join("crates").join(name).join("src")) {
        let text = fs::read_to_string(&file).expect("a source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        lines.extend(code.lines().filter(is_code).map(|line| (file.clone(), line.to_owned())));
    }
    lines
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("an entry").path();
        let is_test = path
            .file_name()
            .is_some_and(|name| name == "tests.rs" || name == "tests");
        if path.is_dir() && !is_test {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
