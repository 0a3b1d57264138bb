//! USSD: `+CUSD`.

use super::Malformed;
use crate::fields::rest_after;

/// `+CUSD` (TS 27.007 7.15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cusd {
    /// 0 done, 1 an answer is expected, 2 ended by the network, 3 another
    /// client answered, 4 not supported, 5 the network did not answer in time.
    pub status: u8,
    /// The text as it came, without quotes: plain, or hex of one kind or
    /// another. Line breaks within it stay.
    pub text: Option<Vec<u8>>,
    /// Data coding scheme (TS 23.038 5), where the modem tells one.
    pub dcs: Option<u8>,
}

/// Reads `+CUSD: status[,text[,dcs]]`, with or without quotes.
///
/// Texts hold quotes and commas of their own, so the last quote of the line ends
/// the text.
///
/// # Errors
/// When it is another result or has no status.
pub fn cusd(line: &[u8]) -> Result<Cusd, Malformed> {
    let rest = rest_after(line, "+CUSD").ok_or(Malformed::of("+CUSD", "name"))?;
    let comma = rest.iter().position(|&byte| byte == b',');
    let (status, rest) = rest.split_at(comma.unwrap_or(rest.len()));
    let status = number(status).ok_or(Malformed::of("+CUSD", "status"))?;
    let rest = rest.strip_prefix(b",").unwrap_or_default().trim_ascii();
    let (text, dcs) = match rest.strip_prefix(b"\"") {
        Some(quoted) => split_quoted(quoted),
        None => split_bare(rest),
    };
    let text = (comma.is_some() && !(text.is_empty() && dcs.is_none() && rest.is_empty())).then(|| text.to_vec());
    Ok(Cusd { status, text, dcs })
}

/// Splits behind the last quote; without one all of it is text.
fn split_quoted(text: &[u8]) -> (&[u8], Option<u8>) {
    let Some(end) = text.iter().rposition(|&byte| byte == b'"') else {
        return (text, None);
    };
    let tail = text[end + 1..].trim_ascii_start();
    (&text[..end], tail.strip_prefix(b",").and_then(number))
}

/// Splits before a last field that is a data coding scheme.
fn split_bare(text: &[u8]) -> (&[u8], Option<u8>) {
    let comma = text.iter().rposition(|&byte| byte == b',');
    if let Some(comma) = comma
        && let Some(dcs) = number(&text[comma + 1..])
    {
        return (text[..comma].trim_ascii_end(), Some(dcs));
    }
    (text, None)
}

fn number(text: &[u8]) -> Option<u8> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}
