//! A WebSocket to the gateway.

use std::fmt;
use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::api::RUNTIME;
use crate::{Gateway, Rig};

/// A WebSocket with one token. Calls block.
pub struct Socket {
    stream: WebSocketStream<TlsStream<TcpStream>>,
    /// Notifications that came while an answer was waited for.
    early: Vec<Value>,
}

impl Rig {
    /// Opens a WebSocket with the administrator's token.
    ///
    /// # Panics
    /// The gateway does not take it.
    pub fn socket(&self, gateway: &Gateway) -> Socket {
        self.socket_with(gateway, self.token()).expect("a WebSocket")
    }

    /// Opens a WebSocket with another token; why not, where it is refused.
    pub fn socket_with(&self, gateway: &Gateway, token: &str) -> Result<Socket, String> {
        RUNTIME.block_on(self.open(gateway.api().port(), token))
    }

    async fn open(&self, port: u16, token: &str) -> Result<Socket, String> {
        let told = |error: &dyn fmt::Display| error.to_string();
        let mut roots = RootCertStore::empty();
        let pem = fs::read(self.certificate()).map_err(|error| told(&error))?;
        let certificate = CertificateDer::from_pem_slice(&pem).map_err(|error| told(&error))?;
        roots.add(certificate).map_err(|error| told(&error))?;
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tcp = TcpStream::connect(("127.0.0.1", port)).await;
        let tcp = tcp.map_err(|error: io::Error| told(&error))?;
        let name = ServerName::try_from("localhost").map_err(|error| told(&error))?;
        let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
        let mut request = format!("wss://localhost:{port}/rpc")
            .into_client_request()
            .map_err(|error| told(&error))?;
        let bearer = format!("Bearer {token}").parse().map_err(|_| "no header".to_owned())?;
        request.headers_mut().insert("authorization", bearer);
        let (stream, _) = client_async(request, tls.map_err(|error| told(&error))?)
            .await
            .map_err(|error| told(&error))?;
        Ok(Socket {
            stream,
            early: Vec::new(),
        })
    }
}

impl Socket {
    /// Calls a method; its whole answer.
    ///
    /// # Panics
    /// None comes.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.ask(method, params);
        self.answer()
    }

    /// Calls a method without waiting for the answer.
    ///
    /// # Panics
    /// The gateway is gone.
    pub fn ask(&mut self, method: &str, params: Value) {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        RUNTIME
            .block_on(self.stream.send(Message::text(call.to_string())))
            .expect("said");
    }

    /// The whole answer of what was asked.
    ///
    /// # Panics
    /// None comes.
    pub fn answer(&mut self) -> Value {
        loop {
            let heard = self.hear(LIMIT).expect("an answer");
            if heard.get("id").is_some() {
                return heard;
            }
            self.early.push(heard);
        }
    }

    /// The message of the next notification, if one comes within `limit`.
    pub fn message(&mut self, limit: Duration) -> Option<Value> {
        let heard = if self.early.is_empty() {
            self.hear(limit)?
        } else {
            self.early.remove(0)
        };
        Some(heard["params"]["result"].clone())
    }

    /// Waits for the gateway's word that it closes the connection (RFC 6455 5.5.1), and passes over what it says before;
    /// how the connection ended instead, where that never comes.
    pub fn wait_closed(&mut self, limit: Duration) -> Result<(), String> {
        RUNTIME.block_on(async {
            loop {
                let heard = tokio::time::timeout(limit, self.stream.next()).await;
                match heard.map_err(|_| format!("still open after {limit:?}"))? {
                    Some(Ok(Message::Close(_))) => return Ok(()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.to_string()),
                    None => return Err("it ended without a word".to_owned()),
                }
            }
        })
    }

    fn hear(&mut self, limit: Duration) -> Option<Value> {
        RUNTIME.block_on(async {
            loop {
                let heard = tokio::time::timeout(limit, self.stream.next()).await.ok()??;
                if let Message::Text(text) = heard.ok()? {
                    return serde_json::from_str(&text).ok();
                }
            }
        })
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

const LIMIT: Duration = Duration::from_secs(60);
