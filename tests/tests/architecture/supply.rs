//! What comes from others: under which licences, from where, and what must not come.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::root;

/// Licences that the gateway may be shipped under or with (docs/packaging.md). MPL-2.0 binds its own files alone.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// What must not be built into anything, and why.
const BANNED: &[(&str, &str)] = &[
    (
        "ring",
        "a second TLS provider beside aws-lc-rs panics at the first handshake",
    ),
    ("openssl-sys", "a second TLS library"),
    ("native-tls", "a second TLS library"),
    ("libudev-sys", "ports are found without it"),
    ("chrono", "jiff is the one calendar"),
];

/// What is there once: two of them would keep two copies of what there is one of.
const ONCE: &[&str] = &["aws-lc-rs", "jiff", "libsqlite3-sys", "rustls", "tokio"];

#[test]
fn every_licence_is_one_we_may_ship() {
    let unknown: BTreeMap<String, String> = packages()
        .into_iter()
        .filter_map(|package| {
            let licence = package["license"].as_str().unwrap_or("none").to_owned();
            let name = package["name"].as_str()?.to_owned();
            (!Licence::read(&licence).is_allowed()).then_some((name, licence))
        })
        .collect();
    assert!(unknown.is_empty(), "not on the list of licences: {unknown:#?}");
}

#[test]
fn everything_comes_from_here_or_from_the_registry() {
    let strange: Vec<String> = packages()
        .iter()
        .filter_map(|package| package["source"].as_str())
        .filter(|source| !source.starts_with("registry+https://github.com/rust-lang/crates.io-index"))
        .map(str::to_owned)
        .collect();
    assert!(strange.is_empty(), "{strange:#?}");
}

#[test]
fn what_is_banned_is_in_no_build() {
    let built = built();
    for (name, why) in BANNED {
        assert!(!built.contains_key(*name), "{name} is in the tree: {why}");
    }
    for name in ONCE {
        let versions = built
            .get(*name)
            .unwrap_or_else(|| panic!("{name} is not in the tree any more"));
        assert_eq!(versions.len(), 1, "{name} is there as {versions:?}");
    }
}

#[test]
fn the_package_has_the_plugin_where_icinga_looks_for_it() {
    let packages = packages();
    let simrelay = packages.iter().find(|package| package["name"] == "simrelay");
    let assets = &simrelay.expect("the program")["metadata"]["deb"]["assets"];
    let assets = assets.as_array().expect("a list");
    let program = "usr/bin/simrelay";
    assert!(assets.iter().any(|asset| asset[1] == "usr/bin/"), "{assets:?}");
    let plugin = "usr/lib/nagios/plugins/check_simrelay";
    let link = assets.iter().find(|asset| asset["dest"] == plugin).expect("the link");
    // From its folder up to the root, and down to the program.
    let up = "../".repeat(plugin.split('/').count() - 1);
    assert_eq!(link["link_name"], format!("{up}{program}").replace("../usr/", ""));
}

/// Every package that a build for Linux may need.
fn packages() -> Vec<Value> {
    let target = "x86_64-unknown-linux-gnu";
    let told = cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        target,
    ]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    told["packages"].as_array().expect("packages").clone()
}

/// What is built on this machine, by name: its versions.
fn built() -> BTreeMap<String, BTreeSet<String>> {
    let told = cargo(&["tree", "--workspace", "--locked", "--prefix", "none", "--format", "{p}"]);
    let mut built: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in told.lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            built.entry(name.to_owned()).or_default().insert(version.to_owned());
        }
    }
    built
}

fn cargo(args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(args)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// A licence as a manifest states it (SPDX 2.3, annex D; `/` is an older way to write OR).
#[derive(Debug, PartialEq)]
enum Licence {
    One(String),
    Any(Vec<Licence>),
    All(Vec<Licence>),
}

impl Licence {
    fn read(text: &str) -> Self {
        let text = text.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let mut words = text.split_whitespace().peekable();
        Self::any(&mut words)
    }

    fn any<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Self {
        let mut choice = vec![Self::all(words)];
        while words.next_if_eq(&"OR").is_some() {
            choice.push(Self::all(words));
        }
        Self::Any(choice)
    }

    fn all<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Self {
        let mut every = vec![Self::one(words)];
        while words.next_if_eq(&"AND").is_some() {
            every.push(Self::one(words));
        }
        Self::All(every)
    }

    fn one<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Self {
        let first = words.next().unwrap_or_default();
        if first == "(" {
            let inner = Self::any(words);
            assert_eq!(words.next(), Some(")"), "an open bracket");
            return inner;
        }
        match words.next_if_eq(&"WITH") {
            Some(_) => Self::One(format!("{first} WITH {}", words.next().unwrap_or_default())),
            None => Self::One(first.to_owned()),
        }
    }

    fn is_allowed(&self) -> bool {
        match self {
            Self::One(name) => ALLOWED.contains(&name.as_str()),
            Self::Any(choice) => choice.iter().any(Self::is_allowed),
            Self::All(every) => every.iter().all(Self::is_allowed),
        }
    }
}

#[test]
fn licences_are_read_as_they_are_meant() {
    for (text, allowed) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("MIT AND GPL-3.0-only", false),
        ("(MIT OR GPL-3.0-only) AND Unicode-3.0", true),
        ("MIT OR Apache-2.0 AND GPL-3.0-only", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true),
        ("Apache-2.0 WITH Classpath-exception-2.0", false),
        ("none", false),
    ] {
        assert_eq!(Licence::read(text).is_allowed(), allowed, "{text}");
    }
}
