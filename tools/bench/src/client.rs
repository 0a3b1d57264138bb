//! JSON-RPC over HTTPS on one connection. Written by hand and blocking: the client shares its two cores with what it measures.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::{Error, system};

/// Where the gateway is, whom to trust and what to show.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    tls: Arc<ClientConfig>,
}

/// A connection.
pub(crate) struct Client {
    stream: StreamOwned<ClientConnection, TcpStream>,
    head: String,
    unread: Vec<u8>,
    calls: u64,
}

impl Door {
    /// A door whose certificate is the only one trusted.
    pub(crate) fn new(address: SocketAddr, certificate: CertificateDer<'static>, token: String) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        roots
            .add(certificate)
            .map_err(|error| Error::Refused(error.to_string()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| Error::Refused(error.to_string()))?;
        let tls = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Ok(Self { address, token, tls })
    }

    pub(crate) fn open(&self) -> Result<Client, Error> {
        let stream = system("connecting", TcpStream::connect(self.address))?;
        system("the socket", stream.set_nodelay(true))?;
        system("the socket", stream.set_read_timeout(Some(PATIENCE)))?;
        let name = ServerName::IpAddress(self.address.ip().into());
        let tls =
            ClientConnection::new(Arc::clone(&self.tls), name).map_err(|error| Error::Refused(error.to_string()))?;
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: ",
            self.address, self.token
        );
        Ok(Client {
            stream: StreamOwned::new(tls, stream),
            head,
            unread: Vec::new(),
            calls: 0,
        })
    }
}

impl Client {
    /// One call; an error of the gateway is an [`Error::Refused`] with its words.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Result<Value, Error> {
        self.calls += 1;
        let mut answer = self.post(&json!({"jsonrpc": "2.0", "id": self.calls, "method": method, "params": params}))?;
        if answer["error"].is_object() {
            return Err(Error::Refused(format!("{method}: {}", answer["error"])));
        }
        Ok(answer["result"].take())
    }

    /// Many calls of one method in a batch; their results in order.
    pub(crate) fn batch(&mut self, method: &str, params: impl Iterator<Item = Value>) -> Result<Vec<Value>, Error> {
        let calls = params
            .enumerate()
            .map(|(id, params)| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        let calls: Vec<_> = calls.collect();
        let Value::Array(mut answers) = self.post(&Value::Array(calls))? else {
            return Err(Error::Refused(format!("{method}: the batch is not answered by a list")));
        };
        answers.sort_by_key(|answer| answer["id"].as_u64());
        if let Some(failed) = answers.iter().find(|answer| answer["error"].is_object()) {
            return Err(Error::Refused(format!("{method}: {}", failed["error"])));
        }
        Ok(answers.into_iter().map(|mut answer| answer["result"].take()).collect())
    }

    fn post(&mut self, body: &Value) -> Result<Value, Error> {
        let body = body.to_string();
        let request = format!("{}{}\r\n\r\n{body}", self.head, body.len());
        system("sending", self.stream.write_all(request.as_bytes()))?;
        let head_end = loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more()?;
        };
        let head = String::from_utf8_lossy(&self.unread[..head_end]).into_owned();
        let length = header(&head, "content-length").and_then(|value| value.parse::<usize>().ok());
        let length = length.ok_or_else(|| Error::Refused(format!("an answer without length: {head}")))?;
        while self.unread.len() < head_end + length {
            self.read_more()?;
        }
        let answer: Vec<u8> = self.unread.drain(..head_end + length).skip(head_end).collect();
        serde_json::from_slice(&answer)
            .map_err(|_| Error::Refused(format!("{head}{}", String::from_utf8_lossy(&answer))))
    }

    fn read_more(&mut self) -> Result<(), Error> {
        let mut buffer = [0; 16_384];
        match system("reading", self.stream.read(&mut buffer))? {
            0 => Err(Error::Refused("the gateway closed the connection".into())),
            read => {
                self.unread.extend_from_slice(&buffer[..read]);
                Ok(())
            }
        }
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// Longer than any call takes: a long poll lasts 60 s at most.
const PATIENCE: Duration = Duration::from_secs(90);
