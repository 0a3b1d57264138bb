//! What is wrong with a setting, told so that it can be put right.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// One wrong setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// The file; absent where the setting came from the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<PathBuf>,
    /// The line in it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    /// The key with its tables: `api.listen`, `slots.sim1.port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    /// What stands there, unless it is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// What is wrong.
    pub(crate) problem: String,
    /// What would be right.
    pub(crate) right: String,
}

impl Fault {
    /// A fault of the file as a whole.
    pub(crate) fn of_file(file: &Path, problem: impl Into<String>, right: impl Into<String>) -> Self {
        Self {
            file: Some(file.to_owned()),
            line: None,
            key: None,
            value: None,
            problem: problem.into(),
            right: right.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{}:{line}: ", file.display())?,
            (Some(file), None) => write!(f, "{}: ", file.display())?,
            (None, _) => f.write_str("environment: ")?,
        }
        match (&self.key, &self.value) {
            (Some(key), Some(value)) => write!(f, "{key} = {value}: ")?,
            (Some(key), None) => write!(f, "{key}: ")?,
            (None, _) => {}
        }
        write!(f, "{}; {}", self.problem, self.right)
    }
}
