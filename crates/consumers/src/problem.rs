//! What is wrong with a setting.

/// A setting that cannot be used, for whoever shows it beside the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key within the section, as `url`; empty for the section itself.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What would be right, to follow "write".
    pub right: String,
}

impl Problem {
    /// A problem of one key.
    pub fn new(key: impl Into<String>, problem: impl Into<String>, right: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
            right: right.into(),
        }
    }

    /// One for each key whose number is 0 and should not be; `problem`: what follows from it.
    pub fn zeros(numbers: &[(&str, u32)], problem: &str) -> Vec<Self> {
        let zeros = numbers.iter().filter(|(_, number)| *number == 0);
        zeros.map(|(key, _)| Self::new(*key, problem, "at least 1")).collect()
    }
}
