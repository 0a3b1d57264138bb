//! The client of the gateway's API: JSON-RPC 2.0 over HTTPS, one POST a call.

mod options;
mod reply;
mod spell;
mod trouble;
mod trust;

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::redirect;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::screen::note;

pub(crate) use options::{Aim, CONNECTION, Connection, lies_open};
pub(crate) use spell::Spell;
pub(crate) use trouble::certificate_sentence;

/// A gateway somewhere, ready to be asked.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    bearer: Option<HeaderValue>,
    timeout: Duration,
}

impl Client {
    /// Reads the certificate and the token; connects to nothing yet. What is wrong with the token's file, standard error is
    /// told.
    pub(crate) fn new(connection: &Connection) -> Result<Self, Failure> {
        connection.complaint().iter().for_each(|told| note(told));
        Self::quiet(connection)
    }

    /// The same for who tells what is wrong in a way of its own.
    pub(crate) fn quiet(connection: &Connection) -> Result<Self, Failure> {
        let url = connection.endpoint()?;
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("simrelay/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = connection.authority()? {
            builder = builder.tls_backend_preconfigured(trust::settings(&pem)?);
        }
        let http = builder
            .build()
            .map_err(|error| Failure::refused(format!("cannot set up TLS: {error}")))?;
        Ok(Self {
            http,
            url,
            bearer: connection.bearer()?,
            timeout: connection.patience(),
        })
    }

    /// Whether a token goes with each call.
    pub(crate) fn shows_token(&self) -> bool {
        self.bearer.is_some()
    }

    /// Calls a method and reads its result.
    pub(crate) async fn call<T: DeserializeOwned>(&self, method: &str, params: impl Serialize) -> Result<T, Failure> {
        let result = self.call_raw(method, params, Duration::ZERO).await?;
        understood(method, result)
    }

    /// Calls a method that may take `extra` longer than usual (a long poll), and gives the result as it came.
    pub(crate) async fn call_raw(
        &self,
        method: &str,
        params: impl Serialize,
        extra: Duration,
    ) -> Result<Value, Failure> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut request = self
            .http
            .post(&self.url)
            .timeout(self.timeout + extra)
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        let response = request
            .send()
            .await
            .map_err(|error| trouble::explain(&self.url, &error))?;
        let status = response.status();
        let bytes = response
            .bytes()
            .await
            .map_err(|error| trouble::explain(&self.url, &error))?;
        reply::read(&self.url, status, &bytes, self.bearer.is_some())
    }
}

/// Reads a result that came as it should.
pub(crate) fn understood<T: DeserializeOwned>(method: &str, result: Value) -> Result<T, Failure> {
    serde_json::from_value(result).map_err(|error| {
        Failure::refused(format!(
            "the gateway's answer to {method} is not understood ({error}); is it of another version?"
        ))
    })
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
