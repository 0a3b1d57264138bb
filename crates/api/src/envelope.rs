//! What a body, or a message on a WebSocket, is before it is a call: a call, a batch of them, or none, and then what is
//! wrong with it, in words. The same for every way in.

use std::borrow::Cow;

use jsonrpsee::core::server::MethodResponse;
use jsonrpsee::types::Id as LibraryId;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::codes::{Code, Refusal};
use crate::methods::{self, Need};

/// What was asked.
#[derive(Debug)]
pub(crate) enum Asked<'a> {
    /// One call by itself.
    Call(Call<'a>),
    /// A batch: calls, and what is none.
    Batch(Vec<Result<Call<'a>, Fault<'a>>>),
}

/// One call, as its caller wrote it.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// JSON-RPC calls one without an id a notification.
    pub(crate) id: Option<Id<'a>>,
    pub(crate) method: Cow<'a, str>,
    pub(crate) params: Option<&'a RawValue>,
}

/// What is no call, and whom to tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault<'a> {
    pub(crate) id: Id<'a>,
    pub(crate) refusal: Refusal,
}

/// The id of a call: the JSON of a text, a number or null, letter by letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id<'a>(&'a str);

/// Reads a body. A batch may hold as many calls as `most`.
///
/// # Errors
/// It is no call and no batch.
pub(crate) fn read(body: &[u8], most: u32) -> Result<Asked<'_>, Fault<'_>> {
    match body.trim_ascii_start().first() {
        Some(b'{') => call(body).map(Asked::Call).ok_or_else(|| explain(body)),
        Some(b'[') => batch(body, most),
        _ => Err(explain(body)),
    }
}

/// Whether `body` is a lone call of a method that needs no token. A batch is none: it may hold others.
pub(crate) fn is_open(body: &[u8]) -> bool {
    let Ok(Asked::Call(call)) = read(body, 0) else {
        return false;
    };
    methods::by_name(&call.method).is_some_and(|method| method.need == Need::Nothing)
}

impl<'a> Id<'a> {
    /// The id of an answer to what has none.
    pub(crate) const NULL: Id<'static> = Id("null");

    fn new(written: &'a RawValue) -> Option<Self> {
        let written = written.get();
        let is_one =
            written == "null" || written.starts_with(['"', '-']) || written.starts_with(|c: char| c.is_ascii_digit());
        is_one.then_some(Self(written))
    }

    /// The answer to the call with this id. The library below knows fewer ids than JSON-RPC does, and is told null.
    pub(crate) fn put_into(self, mut answer: String) -> String {
        if self != Self::NULL && answer.starts_with(BEGINNING) {
            answer.replace_range(BEGINNING.len() - Self::NULL.0.len()..BEGINNING.len(), self.0);
        }
        answer
    }

    /// The answer to this id that says no.
    pub(crate) fn refused(self, refusal: &Refusal) -> String {
        let answer = MethodResponse::error(LibraryId::Null, refusal.object()).into_json();
        self.put_into(Box::<str>::from(answer).into())
    }
}

fn call(written: &[u8]) -> Option<Call<'_>> {
    #[derive(Deserialize)]
    struct Members<'a> {
        #[serde(borrow)]
        jsonrpc: Cow<'a, str>,
        #[serde(borrow, default, deserialize_with = "present")]
        id: Option<&'a RawValue>,
        #[serde(borrow)]
        method: Cow<'a, str>,
        #[serde(borrow, default)]
        params: Option<&'a RawValue>,
    }
    let members: Members<'_> = serde_json::from_slice(written).ok()?;
    let id = match members.id {
        Some(written) => Some(Id::new(written)?),
        None => None,
    };
    (members.jsonrpc == "2.0").then_some(Call {
        id,
        method: members.method,
        params: members.params,
    })
}

fn batch(body: &[u8], most: u32) -> Result<Asked<'_>, Fault<'_>> {
    let entries: Vec<&RawValue> = serde_json::from_slice(body).map_err(|_| explain(body))?;
    if entries.is_empty() {
        return Err(Fault::nobodys(Code::REQUEST, "the batch is empty"));
    }
    if entries.len() > most as usize {
        let sentence = format!("a batch holds at most {most} calls, this one has {}", entries.len());
        return Err(Fault::nobodys(Code::BATCH_TOO_LARGE, sentence));
    }
    Ok(Asked::Batch(entries.into_iter().map(entry).collect()))
}

fn entry(written: &RawValue) -> Result<Call<'_>, Fault<'_>> {
    let written = written.get().as_bytes();
    if !written.starts_with(b"{") {
        let sentence = "this entry of the batch is no JSON-RPC 2.0 call";
        return Err(Fault::nobodys(Code::REQUEST, sentence));
    }
    call(written).ok_or_else(|| explain(written))
}

/// Says why something was not understood, and the id to answer to, where there is one.
fn explain(written: &[u8]) -> Fault<'_> {
    match serde_json::from_slice::<Value>(written) {
        Ok(Value::Object(call)) => {
            let id = id_of(written);
            Fault {
                id: id.and_then(Id::new).unwrap_or(Id::NULL),
                refusal: Refusal::new(Code::REQUEST, fault(&call, id)),
            }
        }
        Ok(_) => Fault::nobodys(Code::REQUEST, "the body is neither a call nor a batch of calls"),
        Err(error) => Fault::nobodys(Code::PARSE, format!("the body is not JSON: {error}")),
    }
}

impl Fault<'static> {
    fn nobodys(code: &'static Code, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self {
            id: Id::NULL,
            refusal: Refusal::new(code, sentence),
        }
    }
}

fn fault(call: &Map<String, Value>, id: Option<&RawValue>) -> Cow<'static, str> {
    if call.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return "a call says \"jsonrpc\": \"2.0\"".into();
    }
    if !call.get("method").is_some_and(Value::is_string) {
        return "a call names its method: \"method\": \"ping\"".into();
    }
    if let Some(id) = id.filter(|id| Id::new(id).is_none()) {
        let shown: String = id.get().chars().take(40).collect();
        return format!("the id of a call is a text or a number, not {shown}").into();
    }
    "the call holds a member twice".into()
}

/// The id of a call that has one.
fn id_of(call: &[u8]) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Call<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        id: Option<&'a RawValue>,
    }
    serde_json::from_slice::<Call<'_>>(call).ok()?.id
}

/// Tells a member that is null from one that is not there.
fn present<'de, D: Deserializer<'de>>(member: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(member).map(Some)
}

/// How every answer of the library to a call whose id is null begins.
const BEGINNING: &str = r#"{"jsonrpc":"2.0","id":null"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lone_ping_is_open() {
        assert!(is_open(br#" {"jsonrpc": "2.0", "id": 1, "method": "ping"}"#));
        for shut in [
            r#"{"jsonrpc": "2.0", "id": 1, "method": "sms.send"}"#,
            r#"{"jsonrpc": "2.0", "id": 1, "method": "ping","method": "sms.send"}"#,
            r#"[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]"#,
            r#"{"jsonrpc": "2.0", "id": 1, "method": "ping""#,
            r#"["ping"]"#,
            "",
        ] {
            assert!(!is_open(shut.as_bytes()), "{shut}");
        }
    }

    #[test]
    fn an_id_comes_back_as_it_was_written() {
        for id in [
            "0",
            "-7",
            "-0",
            "1.50",
            "1e3",
            "18446744073709551616",
            "null",
            r#""a\u00e9\"""#,
            r#""""#,
        ] {
            let body =
                format!(r#"{{"method": "ping", "jsonrpc": "2.0", "params": {{"id": 9}}, "id": {id}, "more": 1}}"#);
            let Ok(Asked::Call(call)) = read(body.as_bytes(), 1) else {
                panic!("{body}")
            };
            let refusal = Refusal::new(Code::BUSY, "no");
            let answer = call.id.expect("an id").refused(&refusal);
            assert!(
                answer.starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":"#)),
                "{answer}"
            );
            assert_eq!(call.params.expect("parameters").get(), r#"{"id": 9}"#);
        }
    }

    #[test]
    fn an_id_that_is_null_is_one_and_a_missing_one_is_none() {
        let id = |body: &'static str| match read(body.as_bytes(), 1) {
            Ok(Asked::Call(call)) => call.id,
            other => panic!("{other:?}"),
        };
        assert_eq!(id(r#"{"jsonrpc":"2.0","method":"a","id":null}"#), Some(Id::NULL));
        assert_eq!(id(r#"{"jsonrpc":"2.0","method":"a"}"#), None);
    }

    #[test]
    fn a_body_that_is_no_call_is_told_what_is_wrong() {
        for (body, number, words) in [
            ("", -32700, "not JSON"),
            ("{\"jsonrpc\": \"2.0\",", -32700, "line 1 column 18"),
            ("[{]", -32700, "line 1 column 3"),
            ("\u{feff}{}", -32700, "not JSON"),
            ("7", -32600, "neither a call nor a batch"),
            (r#"{"id": 1, "method": "ping"}"#, -32600, "\"jsonrpc\": \"2.0\""),
            (r#"{"jsonrpc": "2.0", "id": 1}"#, -32600, "names its method"),
            (
                r#"{"jsonrpc": "2.0", "id": 1, "method": 5}"#,
                -32600,
                "names its method",
            ),
            (
                r#"{"jsonrpc": "2.0", "id": {"a": 1}, "method": "ping"}"#,
                -32600,
                r#"a text or a number, not {"a": 1}"#,
            ),
            (
                r#"{"jsonrpc": "2.0", "id": true, "method": "ping"}"#,
                -32600,
                "a text or a number, not true",
            ),
            (
                r#"{"jsonrpc": "2.0", "id": 1, "method": "ping", "method": "ping"}"#,
                -32600,
                "a member twice",
            ),
            ("[]", -32600, "the batch is empty"),
            ("[1,2,3]", 1007, "at most 2 calls, this one has 3"),
        ] {
            let fault = read(body.as_bytes(), 2).expect_err(body);
            assert_eq!(fault.refusal.code.number, number, "{body}");
            assert!(
                fault.refusal.sentence.contains(words),
                "{body}: {}",
                fault.refusal.sentence
            );
        }
        let fault = read(br#"{"id": "x", "method": "ping"}"#, 2).expect_err("no version");
        assert_eq!(fault.id, Id(r#""x""#));
        assert_eq!(
            read(b"{\"\xff\": 1}", 2).expect_err("no text").refusal.code,
            Code::PARSE
        );
    }

    #[test]
    fn each_entry_of_a_batch_stands_for_itself() {
        let body = br#"[{"jsonrpc":"2.0","id":-1,"method":"a"}, ["2.0",1,"ping",null], {"jsonrpc":"2.0","id":[],"method":"a"}]"#;
        let Ok(Asked::Batch(entries)) = read(body, 3) else {
            panic!("no batch")
        };
        assert!(
            matches!(&entries[0], Ok(call) if call.id == Some(Id("-1"))),
            "{entries:?}"
        );
        let words = ["no JSON-RPC 2.0 call", "a text or a number, not []"];
        for (entry, words) in entries[1..].iter().zip(words) {
            let refusal = &entry.as_ref().expect_err("no call").refusal;
            assert_eq!(refusal.code, Code::REQUEST);
            assert!(refusal.sentence.contains(words), "{}", refusal.sentence);
        }
    }
}
