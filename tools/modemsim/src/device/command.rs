//! Commands on a line: `AT`, then basic commands one after another, extended ones apart by semicolons (V.250 5.2).

/// One command of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command<'a> {
    /// In capitals, as `+CMGS`, `E`, `&F`.
    pub(super) name: String,
    pub(super) form: Form<'a>,
}

/// How a command is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form<'a> {
    Run,
    /// `?`
    Read,
    /// `=?`
    Test,
    /// `=` and what follows; for basic commands the number behind the letter.
    Set(&'a str),
}

impl<'a> Command<'a> {
    /// Takes the first command off `rest`, which stands behind `AT`.
    pub(super) fn take(rest: &'a str) -> (Self, &'a str) {
        let extended = rest.starts_with(|first: char| !first.is_ascii_alphabetic() && !"&\\".contains(first));
        if extended {
            Self::take_extended(rest)
        } else {
            Self::take_basic(rest)
        }
    }

    fn take_extended(rest: &'a str) -> (Self, &'a str) {
        let end = unquoted(rest, ';').unwrap_or(rest.len());
        let (command, rest) = (&rest[..end], rest[end..].trim_start_matches(';'));
        let (name, form) = match command.find(['=', '?']) {
            None => (command, Form::Run),
            Some(at) => (&command[..at], Form::of(&command[at..])),
        };
        (
            Self {
                name: name.trim().to_ascii_uppercase(),
                form,
            },
            rest,
        )
    }

    fn take_basic(rest: &'a str) -> (Self, &'a str) {
        let letters = if rest.starts_with(['&', '\\']) { 2 } else { 1 };
        let name_end = rest.char_indices().nth(letters).map_or(rest.len(), |(at, _)| at);
        let (name, rest) = rest.split_at(name_end);
        // Dialling takes the rest of the line, S-registers a number and perhaps a value.
        let end = match name {
            "D" | "d" => rest.find(';').unwrap_or(rest.len()),
            "S" | "s" => rest
                .find(|next: char| !next.is_ascii_digit() && !"=?".contains(next))
                .unwrap_or(rest.len()),
            _ => rest.find(|next: char| !next.is_ascii_digit()).unwrap_or(rest.len()),
        };
        let (value, rest) = rest.split_at(end);
        let form = if value.is_empty() { Form::Run } else { Form::Set(value) };
        (
            Self {
                name: name.to_ascii_uppercase(),
                form,
            },
            rest.trim_start_matches(';'),
        )
    }

    /// The command as it stood on the line, for the answers that a profile gives outright.
    pub(super) fn spelled(&self) -> String {
        match self.form {
            Form::Run => self.name.clone(),
            Form::Read => format!("{}?", self.name),
            Form::Test => format!("{}=?", self.name),
            Form::Set(value) if self.name.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                format!("{}{value}", self.name)
            }
            Form::Set(value) => format!("{}={value}", self.name),
        }
    }
}

impl<'a> Form<'a> {
    fn of(tail: &'a str) -> Self {
        match tail {
            "?" => Self::Read,
            "=?" => Self::Test,
            _ => tail.strip_prefix('=').map_or(Self::Read, Self::Set),
        }
    }
}

/// The parameters of a command: parts between commas, without the quotes around them.
pub(super) fn parameters(mut rest: &str) -> Vec<&str> {
    let mut found = Vec::new();
    while let Some(comma) = unquoted(rest, ',') {
        found.push(bare(&rest[..comma]));
        rest = &rest[comma + 1..];
    }
    found.push(bare(rest));
    found
}

/// What stands behind `AT` on a line, noise before it left out; `None` where there is no command.
pub(super) fn behind_at(line: &str) -> Option<&str> {
    let at = line
        .as_bytes()
        .windows(2)
        .position(|pair| pair.eq_ignore_ascii_case(b"AT"))?;
    line.get(at + 2..)
}

fn bare(parameter: &str) -> &str {
    parameter.trim().trim_matches('"')
}

fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, found)| {
        quoted ^= found == '"';
        (found == wanted && !quoted).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<String> {
        let (mut rest, mut found) = (behind_at(line).unwrap(), Vec::new());
        while !rest.is_empty() {
            let (command, tail) = Command::take(rest);
            found.push(command.spelled());
            rest = tail;
        }
        found
    }

    #[test]
    fn commands_joined_on_a_line_come_apart() {
        assert_eq!(
            names("ATE0V1+CMEE=1;+CSCS=\"a;b\";+CREG?;&F"),
            ["E0", "V1", "+CMEE=1", "+CSCS=\"a;b\"", "+CREG?", "&F"]
        );
        assert_eq!(names("\u{1b}at+cops=?"), ["+COPS=?"]);
        assert_eq!(names("ATS0=1"), ["S0=1"]);
    }

    #[test]
    fn parameters_lose_quotes_and_keep_gaps() {
        assert_eq!(parameters("\"SM\",,\"a,b\",2"), ["SM", "", "a,b", "2"]);
    }
}
