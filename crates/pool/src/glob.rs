//! Patterns of paths: `*`, `?` and `[a-z]`, each within one component.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Whether a pattern matches a whole path.
pub(crate) fn matches(pattern: &str, path: &Path) -> bool {
    let Some(path) = path.to_str() else { return false };
    let (mut patterns, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) if fits(pattern.as_bytes(), part.as_bytes()) => {}
            _ => return false,
        }
    }
}

/// Whether a text is a pattern rather than a path.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether a pattern can match a whole path at all: it begins at the root, and every `[` is closed in its component.
pub(crate) fn is_sound(pattern: &str) -> bool {
    let closed = |component: &str| {
        let mut rest = component;
        while let Some((_, set)) = rest.split_once('[') {
            let Some((members, after)) = set.split_once(']') else {
                return false;
            };
            if members.is_empty() {
                return false;
            }
            rest = after;
        }
        true
    };
    pattern.starts_with('/') && pattern.split('/').all(closed)
}

/// The paths there are that a pattern matches, sorted.
pub(crate) fn expand(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in Path::new(pattern).components() {
        let text = match component {
            Component::Normal(text) => text.to_string_lossy().into_owned(),
            other => {
                found.iter_mut().for_each(|path| path.push(other));
                continue;
            }
        };
        found = found.iter().flat_map(|folder| step(folder, &text)).collect();
    }
    found.sort();
    found
}

/// The longest folder of a pattern that has no wildcard in it: where to watch.
pub(crate) fn fixed_folder(pattern: &str) -> PathBuf {
    let fixed = Path::new(pattern).components();
    let fixed = fixed.take_while(|part| !is_pattern(&part.as_os_str().to_string_lossy()));
    let folder: PathBuf = fixed.collect();
    if folder == Path::new(pattern) {
        return folder.parent().map(Path::to_path_buf).unwrap_or_default();
    }
    folder
}

fn step(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    if !is_pattern(pattern) {
        let path = folder.join(pattern);
        return if path.symlink_metadata().is_ok() {
            vec![path]
        } else {
            Vec::new()
        };
    }
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let fitting = names.filter(|name| fits(pattern.as_bytes(), name.as_encoded_bytes()));
    fitting.map(|name| folder.join(name)).collect()
}

/// Matches one component. The last `*` is the only one that ever needs to be tried again, so this takes at most the
/// product of both lengths.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if let Some(width) = one(&pattern[p..], text[t]) {
            p += width;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// Matches one octet against the head of a pattern; how much of the pattern that took.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => {
            let end = pattern.iter().position(|&byte| byte == b']')?;
            in_set(&pattern[1..end], byte).then_some(end + 1)
        }
        literal => (literal == byte).then_some(1),
    }
}

fn in_set(set: &[u8], byte: u8) -> bool {
    let mut rest = set;
    while let Some((&low, tail)) = rest.split_first() {
        let (high, used) = match tail {
            [b'-', high, ..] => (*high, 2),
            _ => (low, 0),
        };
        if (low..=high).contains(&byte) {
            return true;
        }
        rest = &tail[used..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_within_components() {
        assert!(matches("/dev/ttyUSB*", Path::new("/dev/ttyUSB12")));
        assert!(matches(
            "/dev/serial/by-id/*-if0[0-2]-port?",
            Path::new("/dev/serial/by-id/usb-X-if02-port0")
        ));
        assert!(!matches("/dev/*", Path::new("/dev/serial/by-id")));
        assert!(!matches("/dev/ttyUSB[0-3]", Path::new("/dev/ttyUSB4")));
        assert!(matches("/a/*b*c", Path::new("/a/xbxbxc")));
    }

    #[test]
    fn a_bracket_that_is_not_closed_makes_no_pattern() {
        for sound in ["/dev/ttyUSB*", "/dev/ttyUSB[0-3]", "/dev/[ab]/tty[0-9]?"] {
            assert!(is_sound(sound), "{sound}");
        }
        for wrong in ["ttyUSB*", "", "/dev/[tty", "/dev/[a/b]", "/dev/tty[]"] {
            assert!(!is_sound(wrong), "{wrong}");
        }
    }

    #[test]
    fn many_stars_do_not_take_long() {
        let pattern = "*a".repeat(200);
        assert!(!fits(pattern.as_bytes(), "b".repeat(5000).as_bytes()));
    }

    #[test]
    fn the_folder_to_watch_is_the_part_without_wildcards() {
        assert_eq!(fixed_folder("/dev/ttyUSB*"), Path::new("/dev"));
        assert_eq!(fixed_folder("/dev/x/*/y"), Path::new("/dev/x"));
        assert_eq!(fixed_folder("/dev/ttyUSB0"), Path::new("/dev"));
    }

    #[test]
    fn what_is_there_is_found() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["ttyUSB0", "ttyUSB1", "other"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = expand(&format!("{}/ttyUSB*", folder.path().display()));
        assert_eq!(found.len(), 2);
    }
}
