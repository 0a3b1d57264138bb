//! Names of fields and graphs.
//!
//! Munin takes `[A-Za-z_][A-Za-z0-9_]*`, and not `root`. A slot's name may begin with a digit and hold `-` and more, and no
//! two slots may fall on one field: their histories would be mixed for good.

use std::fmt::Write;

/// The field of a slot: its name where that is legal, else `x_` with what is illegal as hexadecimal octets. `x_` itself is
/// escaped, so that no two names fall together.
pub(super) fn field(slot: &str) -> String {
    let starts_well = slot.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    let legal = slot.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if starts_well && legal && slot != "root" && !slot.starts_with(ESCAPED) {
        return slot.to_owned();
    }
    let mut name = ESCAPED.to_owned();
    for byte in slot.bytes() {
        match byte.is_ascii_alphanumeric() {
            true => name.push(char::from(byte)),
            // Writing to a String cannot fail.
            false => drop(write!(name, "_{byte:02x}")),
        }
    }
    name
}

const ESCAPED: &str = "x_";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_legal_and_no_two_fall_together() {
        let slots = [
            "sim1",
            "sim-1",
            "sim_1",
            "sim.1",
            "sim 1",
            "00",
            "0",
            "root",
            "_root",
            "x_root",
            "x_sim_2d1",
            "sim_2d1",
            "x_",
            "x",
            "",
            "-",
            "_",
            "ä",
            "a-b",
            "a_b",
            "a-_b",
            "a_-b",
            "x_a_2db",
            "x__",
            "2d",
            "_2d",
        ];
        let names: BTreeSet<String> = slots.iter().map(|slot| field(slot)).collect();
        assert_eq!(names.len(), slots.len(), "{names:?}");
        for name in &names {
            let starts = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
            let legal = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            assert!(starts && legal && name != "root", "{name}");
        }
        assert_eq!(field("sim1"), "sim1");
        assert_eq!(field("sim-1"), "x_sim_2d1");
    }
}
