//! Message memories and routing: `+CPMS`, `+CNMI`.

use super::{Malformed, named};
use crate::{
    Memory,
    fields::{Field, Fields},
};

/// What one of the three roles of `+CPMS` has (TS 27.005 3.2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Storage {
    /// The memory, where the answer names it.
    pub memory: Option<Memory>,
    /// Messages in it.
    pub used: Option<u16>,
    /// Places it has.
    pub total: Option<u16>,
}

/// Which memories serve for reading, for writing and for receiving.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageChoices {
    /// Reading, listing, deleting.
    pub read: Vec<Memory>,
    /// Writing and sending from.
    pub write: Vec<Memory>,
    /// Where received messages go.
    pub receive: Vec<Memory>,
}

/// `+CNMI` (TS 27.005 3.4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cnmi {
    /// `mode`: when to tell.
    pub mode: u8,
    /// `mt`: messages; 1 stored and told, 2 routed.
    pub messages: u8,
    /// `bm`: broadcasts.
    pub broadcasts: u8,
    /// `ds`: status reports; 1 routed, 2 stored and told.
    pub reports: u8,
    /// `bfr`: what happens to results that were held back.
    pub buffer: u8,
}

/// The answer to `+CNMI=?`: the values each field may take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CnmiChoices {
    /// For `mode`.
    pub mode: Vec<u16>,
    /// For `mt`.
    pub messages: Vec<u16>,
    /// For `bm`.
    pub broadcasts: Vec<u16>,
    /// For `ds`.
    pub reports: Vec<u16>,
    /// For `bfr`.
    pub buffer: Vec<u16>,
}

impl CnmiChoices {
    /// Whether all of a setting's values are offered. A field with no values
    /// forbids nothing: modems leave out what they do not tell.
    pub fn allows(&self, wanted: Cnmi) -> bool {
        let fields = [
            (&self.mode, wanted.mode),
            (&self.messages, wanted.messages),
            (&self.broadcasts, wanted.broadcasts),
            (&self.reports, wanted.reports),
            (&self.buffer, wanted.buffer),
        ];
        let offered = |(list, value): (&Vec<u16>, u8)| list.is_empty() || list.contains(&value.into());
        fields.into_iter().all(offered)
    }
}

impl std::fmt::Display for Cnmi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            mode,
            messages,
            broadcasts,
            reports,
            buffer,
        } = self;
        write!(f, "{mode},{messages},{broadcasts},{reports},{buffer}")
    }
}

/// Reads the answer to `+CPMS?`, which names the memories, or to `+CPMS=`,
/// which only counts.
///
/// # Errors
/// When it is another result.
pub fn cpms(line: &[u8]) -> Result<[Storage; 3], Malformed> {
    let fields = named(line, "+CPMS")?;
    let is_name = |at: usize| matches!(fields.get(at), Field::Quoted(_)) || letters(fields.get(at));
    let step = if is_name(0) || fields.len() > 6 { 3 } else { 2 };
    let mut roles = [Storage::default(); 3];
    for (at, role) in roles.iter_mut().enumerate() {
        let from = at * step;
        let name = fields.bytes(from).filter(|_| step == 3);
        *role = Storage {
            memory: name.and_then(Memory::new),
            used: fields.number(from + step - 2),
            total: fields.number(from + step - 1),
        };
    }
    Ok(roles)
}

/// Reads the answer to `+CPMS=?`. Empty lists are an honest answer: that modem
/// stores no messages.
///
/// # Errors
/// When it is another result.
pub fn cpms_choices(line: &[u8]) -> Result<StorageChoices, Malformed> {
    let fields = named(line, "+CPMS")?;
    // Wavecom wraps the lists in one more pair of brackets.
    let fields = match fields.0.as_slice() {
        [Field::Group(inner)] if inner.0.iter().any(|f| matches!(f, Field::Group(_))) => inner.clone(),
        _ => fields,
    };
    Ok(StorageChoices {
        read: memories(&fields, 0),
        write: memories(&fields, 1),
        receive: memories(&fields, 2),
    })
}

/// Reads the answer to `+CNMI?`.
///
/// # Errors
/// When it is another result or has no mode.
pub fn cnmi(line: &[u8]) -> Result<Cnmi, Malformed> {
    let fields = named(line, "+CNMI")?;
    let value = |at| fields.number(at).unwrap_or_default();
    Ok(Cnmi {
        mode: fields.number(0).ok_or(Malformed::of("+CNMI", "mode"))?,
        messages: value(1),
        broadcasts: value(2),
        reports: value(3),
        buffer: value(4),
    })
}

/// Reads the answer to `+CNMI=?`.
///
/// # Errors
/// When it is another result.
pub fn cnmi_choices(line: &[u8]) -> Result<CnmiChoices, Malformed> {
    let fields = named(line, "+CNMI")?;
    Ok(CnmiChoices {
        mode: fields.range(0),
        messages: fields.range(1),
        broadcasts: fields.range(2),
        reports: fields.range(3),
        buffer: fields.range(4),
    })
}

fn memories(fields: &Fields<'_>, at: usize) -> Vec<Memory> {
    let list = fields.list(at);
    list.iter()
        .filter_map(|field| Memory::new(field.bytes()?.trim_ascii()))
        .collect()
}

fn letters(field: &Field<'_>) -> bool {
    field
        .bytes()
        .and_then(<[u8]>::first)
        .is_some_and(u8::is_ascii_alphabetic)
}
