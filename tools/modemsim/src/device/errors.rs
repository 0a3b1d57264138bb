//! How a command fails.

/// A final result other than `OK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fail {
    /// `ERROR`
    Plain,
    /// `+CME ERROR: n` (TS 27.007 9.2), subject to `+CMEE`.
    Cme(u16),
    /// `+CMS ERROR: n` (TS 27.005 3.2.5).
    Cms(u16),
    /// As it stands.
    Text(String),
}

impl Fail {
    /// The line under a setting of `+CMEE`.
    pub(super) fn text(&self, cmee: u8) -> String {
        match self {
            Self::Plain => "ERROR".into(),
            Self::Cme(_) if cmee == 0 => "ERROR".into(),
            Self::Cme(code) if cmee == 2 => match cme_words(*code) {
                Some(words) => format!("+CME ERROR: {words}"),
                None => format!("+CME ERROR: {code}"),
            },
            Self::Cme(code) => format!("+CME ERROR: {code}"),
            Self::Cms(code) => format!("+CMS ERROR: {code}"),
            Self::Text(text) => text.clone(),
        }
    }
}

fn cme_words(code: u16) -> Option<&'static str> {
    Some(match code {
        3 => "operation not allowed",
        4 => "operation not supported",
        10 => "SIM not inserted",
        11 => "SIM PIN required",
        12 => "SIM PUK required",
        13 => "SIM failure",
        14 => "SIM busy",
        16 => "incorrect password",
        30 => "no network service",
        50 => "incorrect parameters",
        100 => "unknown",
        _ => return None,
    })
}
