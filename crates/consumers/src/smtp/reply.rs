//! What a client is told.

use std::fmt;

/// A reply: a code of RFC 5321 4.2, an enhanced one of RFC 3463, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The code, 200 to 599.
    pub code: u16,
    /// The enhanced code, as `[5, 1, 1]`.
    pub enhanced: [u8; 3],
    /// The sentence, on one line, for the person who reads the log of the other side.
    pub text: String,
}

impl Reply {
    /// A reply; line ends and control characters in its sentence become blanks.
    pub fn new(code: u16, enhanced: [u8; 3], text: impl AsRef<str>) -> Self {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        let text = text.as_ref().chars().take(TEXT_MOST).map(clean).collect();
        Self { code, enhanced, text }
    }

    /// It does not work now: the client keeps the mail and comes again.
    pub fn later(text: impl AsRef<str>) -> Self {
        Self::new(451, [4, 3, 0], text)
    }

    /// A quota is used up, or there is no room: the client keeps the mail and comes again.
    pub fn full(text: impl AsRef<str>) -> Self {
        Self::new(452, [4, 5, 3], text)
    }

    /// There is no such address.
    pub fn unknown(text: impl AsRef<str>) -> Self {
        Self::new(550, [5, 1, 1], text)
    }

    /// The mail, or its recipient, is refused for good.
    pub fn refused(text: impl AsRef<str>) -> Self {
        Self::new(550, [5, 7, 1], text)
    }

    /// Whether the same may work later.
    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [class, subject, detail] = self.enhanced;
        write!(f, "{} {class}.{subject}.{detail} {}", self.code, self.text)
    }
}

/// A reply's line has at most 512 octets (RFC 5321 4.5.3.1.5).
const TEXT_MOST: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_stays_on_its_line() {
        let reply = Reply::refused("no\r\n250 yes");
        assert_eq!(reply.to_string(), "550 5.7.1 no  250 yes");
        assert!(Reply::later("é".repeat(1000)).to_string().len() < 510);
    }
}
