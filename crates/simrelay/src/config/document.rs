//! A TOML file with the place of every key in it.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::slots;

/// A file's tree of values; wrong ones can be taken out so that the next wrong one shows.
pub(super) struct Document<'a> {
    source: &'a str,
    /// The file as it is.
    tree: Spanned<DeTable<'a>>,
    /// The file as the parts want it, without what was found wrong.
    rest: Spanned<DeValue<'a>>,
}

/// The way to a value: keys and places in lists.
pub(super) type Path = Vec<Step>;

/// One step of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into the table's member of this name.
    Key(String),
    /// To the list's element with this index.
    Index(usize),
}

impl Step {
    /// The name of the member, where it is one.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Index(_) => None,
        }
    }
}

impl<'a> Document<'a> {
    /// Reads a file as far as its syntax allows; the errors are those of the syntax.
    pub(super) fn parse(source: &'a str) -> (Self, Vec<Error>) {
        let (tree, errors) = DeTable::parse_recoverable(source);
        let mut rest = Spanned::new(tree.span(), DeValue::Table(tree.get_ref().clone()));
        slots::part(&mut rest);
        (Self { source, tree, rest }, errors)
    }

    /// Reads what was not taken out into a type; the error has the place where it is.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(ValueDeserializer::from(self.rest.clone()))
    }

    /// The line of an octet, from 1.
    pub(super) fn line_at(&self, octet: usize) -> usize {
        let before = self.source.as_bytes().iter().take(octet);
        before.filter(|byte| **byte == b'\n').count() + 1
    }

    /// The line a value's key stands on.
    pub(super) fn line_of(&self, path: &[Step]) -> Option<usize> {
        self.place(path).map(|place| self.line_at(place.start))
    }

    /// The text of a value as the file writes it, on one line and not too long; nothing for tables.
    pub(super) fn text_of(&self, path: &[Step]) -> Option<String> {
        let value = self.value(path)?;
        if matches!(value.get_ref(), DeValue::Table(_)) {
            return None;
        }
        let text = self
            .source
            .get(value.span())?
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        match text.char_indices().nth(VALUE_SHOWN) {
            Some((end, _)) => Some(format!("{}…", &text[..end])),
            None => Some(text),
        }
    }

    /// The way to whatever stands at `span`: a key, or a value.
    pub(super) fn find(&self, span: &Range<usize>) -> Option<Path> {
        let mut path = Path::new();
        find_in_table(self.tree.get_ref(), span, &mut path).then_some(path)
    }

    /// Takes out whatever stands at `span`; whether there was something.
    pub(super) fn take_out(&mut self, span: &Range<usize>) -> bool {
        let mut path = Path::new();
        find_in_value(&self.rest, span, &mut path) && remove_from_value(self.rest.get_mut(), &path)
    }

    /// The key as people read it: an element of a list goes by its `name` or `id`, else by its place.
    pub(super) fn words(&self, path: &[Step]) -> String {
        let mut words = String::new();
        for (depth, step) in path.iter().enumerate() {
            let word = match step {
                Step::Key(key) => key.clone(),
                Step::Index(index) => self.title(&path[..=depth]).unwrap_or_else(|| format!("#{}", index + 1)),
            };
            if !words.is_empty() {
                words.push('.');
            }
            words.push_str(&word);
        }
        words
    }

    /// The value at the end of a way.
    pub(super) fn value(&self, path: &[Step]) -> Option<&Spanned<DeValue<'a>>> {
        let (first, rest) = path.split_first()?;
        let Step::Key(first) = first else { return None };
        let value = self.tree.get_ref().get(first.as_str())?;
        rest.iter()
            .try_fold(value, |value, step| step_into(value.get_ref(), step))
    }

    /// Whether a key that `chosen` picks holds a text that is not empty, anywhere.
    pub(super) fn any_text(&self, chosen: impl Fn(&str) -> bool) -> bool {
        any_text_in(self.tree.get_ref(), &chosen)
    }

    /// Whether the value is a list.
    pub(super) fn is_list(&self, path: &[Step]) -> bool {
        self.value(path)
            .is_some_and(|value| matches!(value.get_ref(), DeValue::Array(_)))
    }

    fn title(&self, path: &[Step]) -> Option<String> {
        let DeValue::Table(table) = self.value(path)?.get_ref() else {
            return None;
        };
        let name = TITLES.iter().find_map(|key| table.get(*key))?;
        match name.get_ref() {
            DeValue::String(name) if !name.is_empty() => Some(name.to_string()),
            _ => None,
        }
    }

    /// Where the key stands, or the element of a list.
    fn place(&self, path: &[Step]) -> Option<Range<usize>> {
        let (last, parents) = path.split_last()?;
        let Step::Key(key) = last else {
            return self.value(path).map(Spanned::span);
        };
        let table = match parents {
            [] => self.tree.get_ref(),
            _ => match self.value(parents)?.get_ref() {
                DeValue::Table(table) => table,
                _ => return None,
            },
        };
        table.get_key_value(key.as_str()).map(|(key, _)| key.span())
    }
}

fn find_in_table(table: &DeTable<'_>, span: &Range<usize>, path: &mut Path) -> bool {
    for (key, value) in table {
        path.push(Step::Key(key.get_ref().to_string()));
        if find_in_value(value, span, path) || key.span() == *span {
            return true;
        }
        path.pop();
    }
    false
}

/// Deeper values first, since a table written as `a.b = 1` begins where its member does.
fn find_in_value(value: &Spanned<DeValue<'_>>, span: &Range<usize>, path: &mut Path) -> bool {
    let inside = match value.get_ref() {
        DeValue::Table(table) => find_in_table(table, span, path),
        DeValue::Array(array) => array.iter().enumerate().any(|(index, element)| {
            path.push(Step::Index(index));
            let found = find_in_value(element, span, path);
            if !found {
                path.pop();
            }
            found
        }),
        _ => false,
    };
    inside || value.span() == *span
}

fn any_text_in(table: &DeTable<'_>, chosen: &impl Fn(&str) -> bool) -> bool {
    table.iter().any(|(key, value)| match value.get_ref() {
        DeValue::Table(table) => any_text_in(table, chosen),
        DeValue::Array(array) => array.iter().any(|element| match element.get_ref() {
            DeValue::Table(table) => any_text_in(table, chosen),
            _ => false,
        }),
        DeValue::String(text) => chosen(key.get_ref()) && !text.is_empty(),
        _ => false,
    })
}

fn step_into<'v, 'a>(value: &'v DeValue<'a>, step: &Step) -> Option<&'v Spanned<DeValue<'a>>> {
    match (value, step) {
        (DeValue::Table(table), Step::Key(key)) => table.get(key.as_str()),
        (DeValue::Array(array), Step::Index(index)) => array.get(*index),
        _ => None,
    }
}

fn remove_from_table(table: &mut DeTable<'_>, path: &[Step]) -> bool {
    match path {
        [Step::Key(key)] => table.remove(key.as_str()).is_some(),
        [Step::Key(key), rest @ ..] => match table.get_mut(key.as_str()) {
            Some(value) => remove_from_value(value.get_mut(), rest),
            None => false,
        },
        _ => false,
    }
}

fn remove_from_value(value: &mut DeValue<'_>, path: &[Step]) -> bool {
    match (value, path) {
        (DeValue::Table(table), path) => remove_from_table(table, path),
        (DeValue::Array(array), [Step::Index(index)]) => {
            let others = array.iter().enumerate().filter(|(place, _)| place != index);
            *array = others.map(|(_, value)| value.clone()).collect();
            true
        }
        (DeValue::Array(array), [Step::Index(index), rest @ ..]) => match array.get_mut(*index) {
            Some(element) => remove_from_value(element.get_mut(), rest),
            None => false,
        },
        _ => false,
    }
}

/// How much of a value is shown, in characters.
const VALUE_SHOWN: usize = 60;

/// The keys that name an element of a list, in the order of preference.
const TITLES: [&str; 3] = ["name", "id", "prefix"];
