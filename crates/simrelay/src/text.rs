//! The text of a message, as an argument or from standard input.

use std::io::{self, Read};

/// What `-` stands for, or the argument itself.
///
/// # Errors
/// Standard input cannot be read, or is no UTF-8.
pub(crate) fn or_standard_input(argument: &str) -> io::Result<String> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    io::stdin().take(MOST_OCTETS).read_to_string(&mut text)?;
    // The line break that every Unix tool ends with is not part of the text.
    Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

/// More than the longest text has; what is longer is refused by its length, not read into memory.
const MOST_OCTETS: u64 = 1 << 20;
