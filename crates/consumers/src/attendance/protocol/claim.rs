//! What a request of the first version states: a word and whatever follows it.

use std::fmt;

/// The word of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    /// Somebody came.
    Arrival,
    /// Somebody went.
    Exit,
}

/// What a plaintext states. It is the sender's word: the time is free text and has no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The word; `None` where the plaintext has neither: kept as blanks and acknowledged all the same.
    pub word: Option<Word>,
    /// What follows the word, up to its next occurrence, blanks and all; empty where there is no word.
    pub time: &'a str,
    /// What stands before the word.
    before: &'a str,
}

/// A time of day as a claim states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockTime {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59; 0 where none is given.
    pub second: u8,
}

impl Word {
    /// As it stands in a request and in the state table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arrival => "Arrival",
            Self::Exit => "Exit",
        }
    }
}

impl<'a> Claim<'a> {
    /// Reads a plaintext. *Arrival* is looked for first, wherever it stands; letters count as they are written.
    pub fn read(plaintext: &'a str) -> Self {
        let word = [Word::Arrival, Word::Exit]
            .into_iter()
            .find(|word| plaintext.contains(word.name()));
        let mut pieces = word.map(|word| plaintext.split(word.name())).into_iter().flatten();
        let before = pieces.next().unwrap_or("");
        let time = pieces.next().unwrap_or("");
        Self { word, time, before }
    }

    /// As the state table shows the word: empty for neither.
    pub fn status(&self) -> &'static str {
        self.word.map_or("", Word::name)
    }

    /// The time of day, where nothing else is claimed: `(Arrival|Exit) HH.MM` or `HH:MM`, with or without seconds and
    /// their fraction, in ASCII, Persian or Arabic digits. Strict mode takes only requests that have one.
    pub fn clock(&self) -> Option<ClockTime> {
        match (self.word, self.before.is_empty()) {
            (Some(_), true) => ClockTime::read(self.time.trim()),
            _ => None,
        }
    }
}

impl ClockTime {
    fn read(text: &str) -> Option<Self> {
        let mut fields = text.split(['.', ':']);
        let hour = field(fields.next()?, 1..=2, 23)?;
        let minute = field(fields.next()?, 2..=2, 59)?;
        let second = fields.next().map_or(Some(0), |text| field(text, 2..=2, 59))?;
        let sound = fields.next().is_none_or(|fraction| digits(fraction).is_some());
        (sound && fields.next().is_none()).then_some(Self { hour, minute, second })
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }
}

/// A number of so many digits, up to a limit.
fn field(text: &str, length: std::ops::RangeInclusive<usize>, most: u8) -> Option<u8> {
    let digits = digits(text).filter(|digits| length.contains(&digits.len()))?;
    let number = digits.into_iter().fold(0, |number, digit| number * 10 + digit);
    (number <= most).then_some(number)
}

/// The values of up to nine digits; ASCII, Persian (U+06F0) or Arabic (U+0660).
fn digits(text: &str) -> Option<Vec<u8>> {
    let value = |letter: char, zero: char| {
        u32::from(letter)
            .checked_sub(u32::from(zero))
            .filter(|value| *value < 10)
    };
    let one = |letter| ['0', '۰', '٠'].into_iter().find_map(|zero| value(letter, zero));
    let digits: Vec<u8> = text
        .chars()
        .map(|letter| one(letter)?.try_into().ok())
        .collect::<Option<_>>()?;
    (1..=9).contains(&digits.len()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(plaintext: &str) -> (&str, &str) {
        let claim = Claim::read(plaintext);
        (claim.status(), claim.time)
    }

    #[test]
    fn the_time_is_what_stands_between_the_word_and_its_next_occurrence() {
        assert_eq!(read("Arrival 08.00"), ("Arrival", " 08.00"));
        assert_eq!(read("Exit15.15"), ("Exit", "15.15"));
        assert_eq!(read("Arrival"), ("Arrival", ""));
        assert_eq!(read("Arrival Arrival 08.00"), ("Arrival", " "));
        assert_eq!(read("Exit 9 Arrival 8"), ("Arrival", " 8"));
        assert_eq!(read("Re-Exit 9"), ("Exit", " 9"));
    }

    #[test]
    fn neither_word_is_a_claim_of_nothing() {
        for plaintext in ["", "arrival 08.00", "EXIT 9", "hello"] {
            assert_eq!(read(plaintext), ("", ""), "{plaintext:?}");
        }
    }

    #[test]
    fn a_time_of_day_is_read_in_three_kinds_of_digits() {
        let clock = |plaintext| Claim::read(plaintext).clock().map(|clock| clock.to_string());
        assert_eq!(clock("Arrival 08.00").as_deref(), Some("08:00:00"));
        assert_eq!(clock("Exit  16.45 ").as_deref(), Some("16:45:00"));
        assert_eq!(clock("Arrival 07:59:59.123").as_deref(), Some("07:59:59"));
        assert_eq!(clock("Arrival8:30").as_deref(), Some("08:30:00"));
        assert_eq!(clock("Arrival ۰۸:۳۰").as_deref(), Some("08:30:00"));
        assert_eq!(clock("Exit ١٧:٤٥").as_deref(), Some("17:45:00"));
    }

    #[test]
    fn anything_besides_a_word_and_a_time_is_not_strict() {
        for plaintext in [
            "Arrival",
            "Arrival 24.00",
            "Arrival 08.60",
            "Arrival 8.0",
            "Arrival 08.00 gate 3",
            "I say Arrival 08.00",
            "Arrival 8.00 Exit 9.00",
            "Arrival 08.00.00.1.2",
            "Arrival 008.00",
            "Arrival 08.",
            "arrival 08.00",
            "08.00",
        ] {
            assert_eq!(Claim::read(plaintext).clock(), None, "{plaintext:?}");
        }
    }
}
