//! What is in force.

/// What the process has given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// The process itself: privileges, core dumps, its memory.
    pub process: Part,
    /// Files and ports.
    pub files: Part,
    /// System calls.
    pub calls: Part,
}

/// How one part of it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// In force, as a whole.
    Held(String),
    /// In force, but for what the sentence says the kernel cannot do.
    Partly(String),
    /// Not in force though it should be; why.
    Failed(String),
    /// Not wanted.
    Free,
}

impl Confinement {
    /// Nothing is given up.
    pub(crate) fn off() -> Self {
        Self {
            process: Part::Free,
            files: Part::Free,
            calls: Part::Free,
        }
    }

    /// Each part with its name.
    pub fn parts(&self) -> [(&'static str, &Part); 3] {
        [
            ("process", &self.process),
            ("files and ports", &self.files),
            ("system calls", &self.calls),
        ]
    }
}

impl Part {
    /// What is the case, as a sentence.
    pub fn sentence(&self) -> &str {
        match self {
            Self::Held(sentence) | Self::Partly(sentence) | Self::Failed(sentence) => sentence,
            Self::Free => "not confined",
        }
    }

    /// Whether something is in force.
    pub fn is_in_force(&self) -> bool {
        matches!(self, Self::Held(_) | Self::Partly(_))
    }
}
