//! A small JSON-RPC client.

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A client of one gateway, with one token. Calls block.
#[derive(Debug, Clone)]
pub struct Api {
    client: reqwest::Client,
    url: String,
    token: String,
    port: u16,
}

/// An error that the gateway answered, or that kept it from answering.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The JSON-RPC error code; 0 where there was no answer.
    pub code: i64,
    /// The sentence.
    pub message: String,
    /// `data` of the error.
    pub data: Value,
}

pub(crate) static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| Arc::new(Runtime::new().expect("a runtime")));

impl Refusal {
    /// The word that never changes.
    pub fn reason(&self) -> &str {
        self.data["reason"].as_str().unwrap_or_default()
    }

    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        self.data["retryable"] == true
    }

    /// The parameter at fault.
    pub fn field(&self) -> &str {
        self.data["field"].as_str().unwrap_or_default()
    }
}

impl Api {
    /// A client of the gateway at `port` that trusts `certificate`.
    pub fn new(port: u16, certificate: &Path, token: &str) -> Self {
        // Installed already where another client was made before.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let pem = fs::read(certificate).expect("a certificate");
        let certificate = reqwest::Certificate::from_pem(&pem).expect("a certificate");
        let client = reqwest::Client::builder()
            .tls_certs_only([certificate])
            .timeout(Duration::from_secs(90))
            .build()
            .expect("a client");
        Self {
            client,
            url: format!("https://localhost:{port}/rpc"),
            token: token.to_owned(),
            port,
        }
    }

    /// The same gateway with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// The gateway's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Calls a method.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        RUNTIME.block_on(self.call_async(method, params))
    }

    /// Calls a method, from a task.
    pub async fn call_async(&self, method: &str, params: Value) -> Result<Value, Refusal> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self.client.post(&self.url).bearer_auth(&self.token).json(&body);
        let unanswered = |error: reqwest::Error| Refusal {
            code: 0,
            message: format!("{error:?}"),
            data: Value::Null,
        };
        let response = request.send().await.map_err(unanswered)?;
        let answer: Value = response.json().await.map_err(unanswered)?;
        match answer.get("error") {
            None => Ok(answer["result"].clone()),
            Some(error) => Err(Refusal {
                code: error["code"].as_i64().unwrap_or_default(),
                message: error["message"].as_str().unwrap_or_default().to_owned(),
                data: error["data"].clone(),
            }),
        }
    }

    /// Gets a page of the API's port, with these headers and without the token: status, content type, body.
    ///
    /// # Panics
    /// There is no answer.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
        let url = format!("https://localhost:{}{path}", self.port);
        let request = headers.iter().fold(self.client.get(url), |request, (name, value)| {
            request.header(*name, *value)
        });
        RUNTIME.block_on(async {
            let response = request.send().await.expect("an answer");
            let kind = response.headers().get("content-type");
            let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
            (response.status().as_u16(), kind, response.text().await.expect("a body"))
        })
    }

    /// Sends a message; its id.
    ///
    /// # Panics
    /// The gateway refuses it.
    pub fn send(&self, to: &str, text: &str) -> String {
        self.send_with(json!({ "to": to, "text": text }))
    }

    /// Sends a message with these parameters; its id.
    ///
    /// # Panics
    /// The gateway refuses it.
    pub fn send_with(&self, params: Value) -> String {
        let accepted = self.call("sms.send", params).expect("accepted");
        accepted["id"].as_str().expect("an id").to_owned()
    }

    /// The reason of the refusal that a call gets, and the parameter it is about.
    ///
    /// # Panics
    /// The gateway does as it is asked.
    pub fn refused(&self, method: &str, params: Value) -> Refusal {
        match self.call(method, params.clone()) {
            Err(refusal) => refusal,
            Ok(result) => panic!("{method} {params} is not refused: {result}"),
        }
    }

    /// Received messages after `after`, waiting for the first.
    ///
    /// # Panics
    /// The gateway refuses it.
    pub fn fetch(&self, after: i64, wait_s: u32) -> Vec<Value> {
        let page = self
            .call("sms.fetch", json!({ "after": after, "wait_s": wait_s }))
            .expect("fetched");
        page["messages"].as_array().expect("messages").clone()
    }
}
