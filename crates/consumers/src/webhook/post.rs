//! Posts a body and reads the answer.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, StatusCode, Url};
use thiserror::Error as ThisError;

use super::address::{Resolver, is_public};
use super::body::Body;
use super::config::{Config, Secret, literal};
use super::sign::{self, ATTEMPT_HEADER, EVENT_HEADER, SIGNATURE_HEADER, TIME_HEADER};
use crate::trouble::{in_words, innermost};
use crate::{Verdict, clock};

/// Why a hook cannot be made.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The operator's turn.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The operator's turn.
    #[error("{}: {problem}", .file.display())]
    Authority {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Ours, or the system's: there may be no authorities on it.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// The other side has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status, 200 to 299.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
}

/// The other side does not have it, or nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Trouble {
    /// It could not be connected to.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// It was connected to, and no answer came.
    #[error("no answer: {0}")]
    Silent(String),
    /// It answered something else than 2xx.
    #[error("{why}")]
    Refused {
        /// The status.
        status: u16,
        /// For people.
        why: String,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
}

impl From<Trouble> for Verdict {
    fn from(trouble: Trouble) -> Self {
        let why = trouble.to_string();
        match trouble {
            Trouble::Unreachable(_) => Self::Away { why },
            Trouble::Silent(_) => Self::later(why),
            Trouble::Refused { status: GONE, .. } => Self::GiveUp { why },
            Trouble::Refused { after, .. } => Self::Later { why, after },
        }
    }
}

/// Posts to one hook.
pub(super) struct Poster {
    client: Client,
    url: Url,
    secret: Secret,
    /// The URL names an address that must not be connected to. No name is resolved then, so nobody else looks.
    forbidden: bool,
}

impl Poster {
    /// Sets up TLS and the way to the hook.
    pub(super) fn new(config: &Config) -> Result<Self, Error> {
        let url = Url::parse(&config.url).map_err(|_| Error::Missing("the URL"))?;
        let secret = config.secret.clone().ok_or(Error::Missing("the secret"))?;
        let mut builder = Client::builder()
            .https_only(true)
            // A proxy would choose the address, and nobody would look at it.
            .no_proxy()
            .redirect(Policy::none())
            .dns_resolver(Resolver {
                allow_private: config.allow_private,
            })
            .timeout(config.timeout())
            .user_agent(concat!("simrelay/", env!("CARGO_PKG_VERSION")));
        if let Some(file) = &config.ca_file {
            builder = builder.tls_certs_only(authorities(file)?);
        }
        let client = builder.build().map_err(|error| Error::Tls(innermost(&error)))?;
        let forbidden = !config.allow_private && literal(&url).is_some_and(|address| !is_public(address));
        Ok(Self {
            client,
            url,
            secret,
            forbidden,
        })
    }

    /// Posts a body for the `attempt`-th time.
    pub(super) async fn post(&self, body: &Body, attempt: u32) -> Result<Answer, Trouble> {
        if self.forbidden {
            let why = "it is no public address; allow_private = true allows it";
            return Err(Trouble::Unreachable(why.to_owned()));
        }
        let signed = sign::sign(&self.secret, clock::now(), body.json.as_bytes());
        let begun = std::time::Instant::now();
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(EVENT_HEADER, body.id.to_string())
            .header(TIME_HEADER, signed.time)
            .header(SIGNATURE_HEADER, signed.signature)
            .header(ATTEMPT_HEADER, attempt)
            .body(body.json.clone());
        let response = request.send().await.map_err(|error| trouble(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        drain(response).await;
        match status.is_success() {
            true => Ok(Answer {
                status: status.as_u16(),
                took: begun.elapsed(),
            }),
            false => Err(refused(status, &headers)),
        }
    }
}

/// Reads what the answer holds, so that the connection can be used again; a longer one is not worth it.
async fn drain(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > LONGEST_ANSWER {
            return;
        }
    }
}

fn refused(status: StatusCode, headers: &HeaderMap) -> Trouble {
    let after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let what = match status.as_u16() {
        300..=399 => "redirects are not followed: correct the url",
        401 | 403 => "does it know the right secret?",
        404 => "is the url right?",
        GONE => "nothing more is wanted there",
        429 | 503 => "it asks for patience",
        _ => "it could not take it",
    };
    Trouble::Refused {
        status: status.as_u16(),
        why: format!("it answers {}; {what}", status.as_u16()),
        after,
    }
}

/// The URL may hold a secret of the other side's, so no sentence repeats it.
fn trouble(error: &reqwest::Error) -> Trouble {
    let why = in_words(error);
    match error {
        error if error.is_connect() => Trouble::Unreachable(why),
        error if error.is_timeout() => Trouble::Silent("it took too long".to_owned()),
        _ => Trouble::Silent(why),
    }
}

fn authorities(file: &PathBuf) -> Result<Vec<Certificate>, Error> {
    let wrong = |problem: String| Error::Authority {
        file: file.clone(),
        problem,
    };
    let pem = std::fs::read(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(wrong("holds no certificate in PEM form".to_owned())),
    }
}

/// The other side wants no more of it (RFC 9110 15.5.11).
const GONE: u16 = 410;
/// How much of an answer is read, in octets.
const LONGEST_ANSWER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn verdict(status: u16, after: Option<&'static str>) -> Verdict {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(after));
        }
        refused(StatusCode::from_u16(status).unwrap(), &headers).into()
    }

    #[test]
    fn every_answer_but_gone_means_again() {
        for status in [300, 301, 307, 400, 401, 404, 413, 429, 500, 503, 599] {
            assert!(matches!(verdict(status, None), Verdict::Later { .. }), "{status}");
        }
        assert_eq!(
            verdict(410, None),
            Verdict::give_up("it answers 410; nothing more is wanted there")
        );
    }

    #[test]
    fn a_wish_when_to_come_again_is_followed_where_it_is_in_seconds() {
        let after = |text| match verdict(503, text) {
            Verdict::Later { after, .. } => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(after(Some("120")), Some(Duration::from_secs(120)));
        for strange in ["-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999999999999999"] {
            assert_eq!(after(Some(strange)), None, "{strange}");
        }
    }
}
