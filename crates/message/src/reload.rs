//! What a reload of the settings did.

use serde::{Deserialize, Serialize};

/// What came of reading the settings again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reloaded {
    /// Whether they are in force now. Where they are not, everything is as it was.
    pub taken: bool,
    /// What is different now, by section: `slots.sim1`, `api.tokens`. Where something came or went it says so.
    pub changed: Vec<String>,
    /// What is different in the file and stays as it was until the gateway is started again.
    pub needs_restart: Vec<String>,
    /// What is wrong, where they were not taken.
    pub faults: Vec<String>,
}
