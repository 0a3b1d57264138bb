//! What a message remembers of the mail that it was.

use serde::{Deserialize, Serialize};

/// The note of a message ([`message::ReportNotice::note`]) whose failure is mailed back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// Who wrote the mail.
    pub(crate) bounce_to: String,
    /// The mail's Message-ID.
    pub(crate) mail: Option<String>,
}

impl Note {
    /// The note of a mail.
    pub(crate) fn of(bounce_to: &str, mail: Option<&str>) -> Self {
        Self {
            bounce_to: bounce_to.to_owned(),
            mail: mail.map(str::to_owned),
        }
    }

    /// As it is kept.
    pub(crate) fn text(&self) -> String {
        // Two texts can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The note that was kept; nothing where it is somebody else's.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
