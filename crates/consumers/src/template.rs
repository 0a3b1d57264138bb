//! Templates: text with `{field}` in it. What fields there are is for those to say who fill them in.

/// A template, read. `F` is a field of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template<F> {
    pieces: Vec<Piece<F>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece<F> {
    Text(String),
    Field(F),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateError {
    /// What is wrong.
    pub(crate) problem: String,
    /// What would be right.
    pub(crate) right: String,
}

impl<F> Template<F> {
    /// Reads a template; `{{` and `}}` are braces, and `field` reads what stands between two of them.
    pub(crate) fn parse(source: &str, field: impl Fn(&str) -> Result<F, TemplateError>) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = source;
        while let Some(place) = rest.find(['{', '}']) {
            text.push_str(&rest[..place]);
            let brace = &rest[place..=place];
            rest = &rest[place + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                text.push_str(brace);
                rest = after;
                continue;
            }
            let end = rest.find('}').filter(|_| brace == "{").ok_or_else(no_partner)?;
            pieces.push(Piece::Text(std::mem::take(&mut text)));
            pieces.push(Piece::Field(field(&rest[..end])?));
            rest = &rest[end + 1..];
        }
        text.push_str(rest);
        pieces.push(Piece::Text(text));
        Ok(Self { pieces })
    }

    /// Fills it in; `write` appends what a field shows.
    pub(crate) fn fill(&self, write: impl Fn(&F, &mut String)) -> String {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Field(field) => write(field, &mut filled),
            }
        }
        filled
    }
}

/// The field of this name.
pub(crate) fn named<F: Copy>(fields: &[(&str, F)], name: &str) -> Result<F, TemplateError> {
    let found = fields.iter().find(|(known, _)| *known == name);
    found.map(|(_, field)| *field).ok_or_else(|| {
        let known: Vec<&str> = fields.iter().map(|(known, _)| *known).collect();
        TemplateError {
            problem: format!("there is no {{{name}}}"),
            right: format!("one of {}", known.join(", ")),
        }
    })
}

fn no_partner() -> TemplateError {
    TemplateError {
        problem: "a brace has no partner".into(),
        right: "{field}, and {{ or }} for a brace".into(),
    }
}
