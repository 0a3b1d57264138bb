//! The texts of the first version's query program: all records, or one sender's.

use std::fmt::Write;

/// A row of the state table: the last that was heard of a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The sender's address, as the network gave it.
    pub source_address: String,
    /// `Arrival`, `Exit`, or empty.
    pub status: String,
    /// What followed the word, blanks and all.
    pub time: String,
}

/// What the asker chose at [`PROMPT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// All records.
    All,
    /// One sender's.
    Sender,
}

impl Choice {
    /// Reads an answer to [`PROMPT`], in small or big letters; `None` is to be answered with [`INVALID`].
    pub fn read(answer: &str) -> Option<Self> {
        match answer {
            "A" | "a" => Some(Self::All),
            "S" | "s" => Some(Self::Sender),
            _ => None,
        }
    }
}

/// What is printed for all records.
pub fn all(rows: &[Row]) -> String {
    let mut text = String::from("All attendance records:\n");
    for row in rows {
        // Writing into a string cannot fail.
        _ = writeln!(
            text,
            "Source Address: {}\nStatus: {}\nTime: {}\n",
            row.source_address, row.status, row.time
        );
    }
    text
}

/// What is printed for one sender. A row without a word, or without a time, counts as none.
pub fn one(row: Option<&Row>) -> String {
    match row.filter(|row| !row.status.is_empty() && !row.time.is_empty()) {
        Some(row) => format!("Status: {}\nTime: {}\n", row.status, row.time),
        None => "No record found for the given source address.\n".to_owned(),
    }
}

/// Asks which query.
pub const PROMPT: &str = "Enter 'A' to display all records or 'S' to search for a specific source address: ";
/// Asks for the sender.
pub const SENDER_PROMPT: &str = "Enter the source address (phone number): ";
/// For any other choice.
pub const INVALID: &str = "Invalid input. Please enter 'A' or 'S'.\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn row(status: &str, time: &str) -> Row {
        Row {
            source_address: "989126211770".to_owned(),
            status: status.to_owned(),
            time: time.to_owned(),
        }
    }

    #[test]
    fn all_records_are_printed_with_a_blank_line_after_each() {
        let shown = all(&[row("Exit", " 15.15"), row("", "")]);
        let first = "Source Address: 989126211770\nStatus: Exit\nTime:  15.15\n\n";
        let second = "Source Address: 989126211770\nStatus: \nTime: \n\n";
        assert_eq!(shown, format!("All attendance records:\n{first}{second}"));
        assert_eq!(all(&[]), "All attendance records:\n");
    }

    #[test]
    fn one_record_is_found_only_with_both_of_its_fields() {
        assert_eq!(one(Some(&row("Exit", " 15.15"))), "Status: Exit\nTime:  15.15\n");
        for row in [None, Some(row("", "")), Some(row("Arrival", "")), Some(row("", " 8"))] {
            assert_eq!(one(row.as_ref()), "No record found for the given source address.\n");
        }
    }

    #[test]
    fn the_choice_is_read_in_small_letters_too() {
        assert_eq!(Choice::read("a"), Some(Choice::All));
        assert_eq!(Choice::read("S"), Some(Choice::Sender));
        for wrong in ["", "x", " A", "AS"] {
            assert_eq!(Choice::read(wrong), None, "{wrong:?}");
        }
    }
}
