//! What the gateway answered, read.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::{Failure, Refusal};

/// Reads an answer's body: the result, or the failure it tells of.
pub(super) fn read(url: &str, status: StatusCode, body: &[u8], with_token: bool) -> Result<Value, Failure> {
    match serde_json::from_slice::<Reply>(body) {
        Ok(Reply { error: Some(error), .. }) => Err(error.into_failure(with_token)),
        Ok(Reply {
            result: Some(result), ..
        }) => Ok(result),
        _ if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN => Err(no_entry(with_token, None)),
        _ if AWAY.contains(&status) => Err(Failure::Unreachable(format!(
            "no answer from {url}: what stands before it says HTTP {status}"
        ))),
        _ if status.is_success() => Err(Failure::refused(format!(
            "{url} answers, but not as a simrelay gateway does; is the address right?"
        ))),
        _ => Err(Failure::refused(format!(
            "{url} answers with HTTP {status}: {}",
            excerpt(body)
        ))),
    }
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct RpcError {
    code: i64,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    fn into_failure(self, with_token: bool) -> Failure {
        let reason = self.reason();
        match (reason, self.code) {
            (Some("unauthorized"), _) => no_entry(with_token, Some(&self.message)),
            (Some("scope"), _) => Failure::Unauthorised(format!(
                "{}; make a token with that scope: simrelay token new --scope …",
                self.message
            )),
            (Some("locked_out"), _) => Failure::LockedOut(self.message),
            (Some("invalid" | "number" | "text"), _) | (_, INVALID_PARAMS | INVALID_REQUEST | PARSE_ERROR) => {
                Failure::Usage(self.message)
            }
            (_, METHOD_NOT_FOUND) => Failure::refused(format!("{}; is the gateway of another version?", self.message)),
            _ => Failure::Refused(Refusal {
                sentence: self.message,
                code: Some(self.code),
                data: self.data,
            }),
        }
    }

    fn reason(&self) -> Option<&str> {
        self.data.as_ref()?.get("reason")?.as_str()
    }
}

fn no_entry(with_token: bool, said: Option<&str>) -> Failure {
    let said = said.unwrap_or("the gateway does not let us in");
    Failure::Unauthorised(match with_token {
        // The gateway's own words are for those who write clients.
        false => "the gateway wants a token: set SIMRELAY_TOKEN, or give --token-file FILE".to_owned(),
        true => format!("{said}; check the token (SIMRELAY_TOKEN or --token-file) against the gateway's configuration"),
    })
}

/// A `result` of null is a result; a missing one is none.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(EXCERPT).collect()
}

/// What a proxy says where the gateway behind it does not answer.
const AWAY: [StatusCode; 3] = [
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// How much of a foreign answer is shown, in characters.
const EXCERPT: usize = 200;

const PARSE_ERROR: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(body: &str) -> Failure {
        read("https://h/rpc", StatusCode::OK, body.as_bytes(), true).expect_err("a failure")
    }

    #[test]
    fn a_result_of_null_is_a_result() {
        let read = read("u", StatusCode::OK, br#"{"jsonrpc":"2.0","id":1,"result":null}"#, false);
        assert!(matches!(read, Ok(Value::Null)));
    }

    #[test]
    fn what_the_caller_did_wrong_is_wrong_usage() {
        let failure =
            failure(r#"{"error":{"code":2002,"message":"to: the number is empty","data":{"reason":"number"}}}"#);
        assert_eq!(failure.code(), 2);
        assert_eq!(failure.sentence(), Some("to: the number is empty"));
    }

    #[test]
    fn a_refusal_keeps_its_data() {
        let failure = failure(
            r#"{"error":{"code":2006,"message":"queue full","data":{"reason":"queue_full","retryable":true}}}"#,
        );
        let json = failure.to_json().expect("an object");
        assert_eq!(failure.code(), 1);
        assert_eq!(json["error"]["code"], 2006);
        assert_eq!(json["error"]["data"]["retryable"], true);
    }

    #[test]
    fn a_wrong_token_says_what_to_check() {
        let failure = read("u", StatusCode::UNAUTHORIZED, b"", true).expect_err("a failure");
        assert_eq!(failure.code(), 4);
        assert!(failure.sentence().is_some_and(|text| text.contains("SIMRELAY_TOKEN")));
    }

    #[test]
    fn what_passes_by_itself_is_told_from_what_does_not() {
        let failed = |status, body: &[u8]| read("u", status, body, true).expect_err("a failure");
        let of = |reason: &str, retryable| {
            let data = serde_json::json!({ "reason": reason, "retryable": retryable });
            let body = serde_json::json!({ "error": { "code": 1, "message": "m", "data": data } });
            failed(StatusCode::OK, body.to_string().as_bytes())
        };
        let away = failed(StatusCode::BAD_GATEWAY, b"<html>");
        assert_eq!((away.code(), away.passes()), (3, true));
        assert!(of("busy", true).passes());
        let locked_out = of("locked_out", true);
        assert_eq!((locked_out.code(), locked_out.passes()), (4, true));
        for lasting in [
            of("not_found", false),
            of("scope", false),
            of("unauthorized", false),
            of("invalid", false),
            failed(StatusCode::OK, b"<html>"),
            failed(StatusCode::UNAUTHORIZED, b""),
            Failure::Untrusted("m".into()),
        ] {
            assert!(!lasting.passes(), "{lasting:?}");
        }
    }

    #[test]
    fn another_server_is_told_from_a_gateway() {
        let failure = read("u", StatusCode::OK, b"<html>", true).expect_err("a failure");
        assert_eq!(failure.code(), 1);
        assert!(
            failure
                .sentence()
                .is_some_and(|text| text.contains("not as a simrelay gateway"))
        );
    }
}
