//! Every error the API answers with: one table from what went wrong to a stable code.

use std::borrow::Cow;

use gateway::ErrorKind;
use jsonrpsee::types::ErrorObjectOwned;
use message::MessageId;
use serde::Serialize;

/// A kind of error, for good: neither its number nor its word ever changes its meaning.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The JSON-RPC code.
    pub number: i32,
    /// The word in `data.reason`.
    pub word: &'static str,
    /// The HTTP status of a lone call that ends so.
    pub status: u16,
    /// Whether the same call may succeed later without anybody changing it.
    pub retryable: bool,
    /// What it means, for the documentation.
    pub about: &'static str,
}

macro_rules! codes {
    ($($name:ident = $number:literal, $word:literal, $status:literal, $retryable:literal, $about:literal;)*) => {
        impl Code {
            $(#[doc = $about] pub(crate) const $name: &'static Code = &Code {
                number: $number, word: $word, status: $status, retryable: $retryable, about: $about,
            };)*

            /// The whole table.
            pub const ALL: &'static [&'static Code] = &[$(Code::$name),*];
        }
    };
}

codes! {
    PARSE = -32700, "parse", 400, false, "The body is not JSON.";
    REQUEST = -32600, "request", 400, false, "The body is JSON, but no JSON-RPC 2.0 call.";
    METHOD = -32601, "method", 200, false, "There is no such method.";
    PARAMS = -32602, "params", 200, false, "A parameter is missing, unknown or of the wrong type.";
    INTERNAL = -32603, "internal", 200, false, "The gateway failed; its log says more.";
    TOKEN_MISSING = 1001, "unauthorized", 401, false, "The method needs a token and none was shown.";
    TOKEN_WRONG = 1002, "unauthorized", 401, false, "The token is wrong, unknown or was revoked.";
    SCOPE = 1003, "scope", 403, false, "The token lacks the scope that the method needs.";
    RATE = 1004, "rate", 429, true, "The token made more calls than it may in a minute.";
    LOCKED_OUT = 1005, "locked_out", 429, true, "Too many wrong tokens came from this address.";
    BODY_TOO_LARGE = 1006, "body_too_large", 413, false, "The request body is too large.";
    BATCH_TOO_LARGE = 1007, "batch_too_large", 413, false, "The batch holds too many calls.";
    BODY_TOO_SLOW = 1008, "body_too_slow", 408, true, "The request body did not arrive in time.";
    CONTENT_TYPE = 1009, "content_type", 415, false, "The Content-Type is none that is understood.";
    BUSY = 1010, "busy", 503, true, "Too many calls are being worked.";
    WAITS = 1011, "waits", 429, true, "Too many calls wait for a message already.";
    WEBSOCKET = 1012, "websocket", 200, false, "The method needs a WebSocket.";
    HTTP_METHOD = 1013, "http_method", 405, false, "Calls are made by POST.";
    PATH = 1014, "path", 404, false, "Nothing lives at this path.";
    RESPONSE_TOO_LARGE = 1015, "response_too_large", 200, false, "The answer is too large; ask for less.";
    SUBSCRIPTIONS = 1016, "subscriptions", 200, false, "The WebSocket has as many subscriptions as it may have.";
    INVALID = 2001, "invalid", 200, false, "A parameter's value cannot be used.";
    NUMBER = 2002, "number", 200, false, "The number is none that can be used.";
    TEXT = 2003, "text", 200, false, "The text is empty or too long.";
    NOT_FOUND = 2004, "not_found", 200, false, "There is nothing by that id or name that the token may see.";
    NOT_ALLOWED = 2005, "not_allowed", 200, false, "The token may not do that with this SIM or number.";
    QUEUE_FULL = 2006, "queue_full", 200, true, "Too many messages wait already.";
    LIMIT = 2007, "limit", 200, true, "A limit or budget is used up for now.";
    STATE = 2008, "state", 200, false, "It is too late, or too early, for that.";
    CONFLICT = 2009, "conflict", 200, true, "Somebody else is at it.";
    NO_ROUTE = 2010, "no_route", 200, false, "No SIM may carry the message.";
    UNAVAILABLE = 2011, "unavailable", 200, true, "The store or a modem does not work now.";
    TIMEOUT = 2012, "timeout", 200, true, "The network did not answer in time.";
    NOT_SUPPORTED = 2013, "not_supported", 200, false, "The network does not support that.";
    STOPPED = 2014, "stopped", 200, false, "Nothing fits among the many messages that one call looks at; `data.before` goes on.";
}

impl Code {
    /// The code of a refusal by the gateway. Wrong numbers and texts have their own.
    fn of(kind: ErrorKind, field: Option<&str>) -> &'static Self {
        match (kind, field) {
            (ErrorKind::Invalid, Some("to" | "number")) => Self::NUMBER,
            (ErrorKind::Invalid, Some("text")) => Self::TEXT,
            (ErrorKind::Invalid, _) => Self::INVALID,
            (ErrorKind::NotFound, _) => Self::NOT_FOUND,
            (ErrorKind::NotAllowed, _) => Self::NOT_ALLOWED,
            (ErrorKind::QueueFull, _) => Self::QUEUE_FULL,
            (ErrorKind::LimitReached, _) => Self::LIMIT,
            (ErrorKind::WrongState, _) => Self::STATE,
            (ErrorKind::Conflict, _) => Self::CONFLICT,
            (ErrorKind::NoRoute, _) => Self::NO_ROUTE,
            (ErrorKind::Unavailable, _) => Self::UNAVAILABLE,
            (ErrorKind::Timeout, _) => Self::TIMEOUT,
            (ErrorKind::NotSupported, _) => Self::NOT_SUPPORTED,
            (ErrorKind::Internal, _) => Self::INTERNAL,
        }
    }
}

/// A call that is not carried out: its code, a sentence for the caller, and the parameter it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static Code,
    pub(crate) sentence: Cow<'static, str>,
    pub(crate) field: Option<Cow<'static, str>>,
    /// When to come back, in seconds, where that is known.
    pub(crate) retry_after_s: Option<u64>,
    /// The message before which a search goes on.
    pub(crate) before: Option<MessageId>,
}

impl Refusal {
    pub(crate) fn new(code: &'static Code, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            sentence: sentence.into(),
            field: None,
            retry_after_s: None,
            before: None,
        }
    }

    /// A parameter of the wrong shape.
    pub(crate) fn params(field: impl Into<Cow<'static, str>>, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::new(Code::PARAMS, sentence)
        }
    }

    /// A search that ended before it found anything, and goes on before this message.
    pub(crate) fn stopped(before: MessageId) -> Self {
        let sentence = format!(
            "nothing that fits is among the messages that one call looks at: go on with `before` = \"{before}\""
        );
        Self {
            before: Some(before),
            ..Self::new(Code::STOPPED, sentence)
        }
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after_s: Some(seconds.max(1)),
            ..self
        }
    }

    /// The error object of the answer.
    pub(crate) fn object(&self) -> ErrorObjectOwned {
        let data = Data {
            reason: self.code.word,
            retryable: self.code.retryable,
            field: self.field.as_deref(),
            before: self.before,
        };
        ErrorObjectOwned::owned(self.code.number, self.sentence.as_ref(), Some(data))
    }
}

impl From<gateway::Error> for Refusal {
    fn from(error: gateway::Error) -> Self {
        let code = Code::of(error.kind, error.field);
        match (&error.detail, error.kind) {
            (detail, ErrorKind::Internal | ErrorKind::Unavailable) => {
                tracing::warn!(code = code.word, detail, "{}", error.reason);
            }
            (detail, _) => tracing::debug!(code = code.word, detail, "{}", error.reason),
        }
        Self {
            field: error.field.map(Cow::Borrowed),
            ..Self::new(code, error.reason)
        }
    }
}

/// `error.data`.
#[derive(Serialize)]
struct Data<'a> {
    reason: &'static str,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<MessageId>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_number_has_two_meanings() {
        let numbers: BTreeSet<_> = Code::ALL.iter().map(|code| code.number).collect();
        assert_eq!(numbers.len(), Code::ALL.len());
    }

    #[test]
    fn the_gateway_and_the_table_agree_on_what_may_be_tried_again() {
        use ErrorKind::*;
        for kind in [
            Invalid,
            NotFound,
            NotAllowed,
            QueueFull,
            LimitReached,
            WrongState,
            Conflict,
            NoRoute,
            Unavailable,
            Timeout,
            NotSupported,
            Internal,
        ] {
            assert_eq!(Code::of(kind, None).retryable, kind.retryable(), "{kind:?}");
        }
    }

    #[test]
    fn an_error_carries_reason_retryable_and_field() {
        let error = gateway::Error::invalid("to", "the number is empty");
        let object = serde_json::to_value(Refusal::from(error).object()).expect("JSON");
        let expected = serde_json::json!({
            "code": 2002,
            "message": "the number is empty",
            "data": {"reason": "number", "retryable": false, "field": "to"},
        });
        assert_eq!(object, expected);
    }
}
