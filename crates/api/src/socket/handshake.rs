//! The opening handshake (RFC 6455 clause 4.2).

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use sha1::{Digest, Sha1};

use crate::codes::{Code, Refusal};

/// Whether a WebSocket is wanted.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    says(headers, CONNECTION, "upgrade") && says(headers, UPGRADE, "websocket")
}

/// The answer that opens the WebSocket. No extension is agreed on.
pub(super) fn answer(request: &Request) -> Result<Response, Refusal> {
    let headers = request.headers();
    let known = request.method() == Method::GET && headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|it| it == "13");
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == KEY);
    let accepted = key.and_then(|key| HeaderValue::from_str(&accept(key.as_bytes())).ok());
    let Some(accepted) = accepted.filter(|_| known) else {
        return Err(Refusal::new(Code::REQUEST, "the WebSocket handshake is incomplete"));
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    Ok(response)
}

/// Whether a header with a list of words holds this one.
fn says(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .any(|said| said.trim().eq_ignore_ascii_case(word))
}

/// What shows the client that its key was read (1.3).
fn accept(key: &[u8]) -> String {
    let hash = Sha1::new().chain_update(key).chain_update(MAGIC).finalize();
    STANDARD.encode(hash)
}

/// The standard's own constant, and the length of a key: 16 octets in base 64.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455 clause 1.3.
    #[test]
    fn the_example_of_the_standard_is_accepted() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_handshake_is_known_by_its_words_and_refused_when_it_lacks_one() {
        let request = |change: fn(&mut Request)| {
            let mut request = Request::new(Body::empty());
            let headers = request.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("WebSocket"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
            change(&mut request);
            request
        };
        let whole = request(|_| {});
        assert!(is_wanted(whole.headers()));
        assert_eq!(answer(&whole).expect("opened").status(), 101);
        assert!(!is_wanted(&HeaderMap::new()));
        let lacking: [fn(&mut Request); 4] = [
            |request| *request.method_mut() = Method::POST,
            |request| drop(request.headers_mut().remove(SEC_WEBSOCKET_KEY)),
            |request| {
                drop(
                    request
                        .headers_mut()
                        .insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("short")),
                )
            },
            |request| {
                drop(
                    request
                        .headers_mut()
                        .insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("8")),
                )
            },
        ];
        for change in lacking {
            assert_eq!(answer(&request(change)).expect_err("refused").code, Code::REQUEST);
        }
    }
}
