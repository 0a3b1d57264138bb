//! An HTTPS server that takes posts, or does not.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::Rig;
use crate::free_port;

/// What the server does with a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// Answers this status.
    Answer(u16),
    /// Answers 200 after so long.
    Slowly(Duration),
    /// Answers 307 to this address.
    Redirect(String),
    /// Answers 200 with a body that does not end.
    Endless,
}

/// A post as it came.
#[derive(Debug, Clone)]
pub struct Post {
    /// The headers, their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it was answered 200.
    pub taken: bool,
}

/// A place for a server: a port, and a certificate that clients can trust.
#[derive(Debug)]
pub struct Sink {
    port: u16,
    authority: PathBuf,
    tls: Arc<ServerConfig>,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    manner: Mutex<Manner>,
    posts: Mutex<Vec<Post>>,
    connections: AtomicUsize,
    open: AtomicBool,
}

impl Sink {
    /// A server called `name` that nobody can connect to yet; its certificate lies in the rig's folder.
    pub fn new(rig: &Rig, name: &str) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let authority = rig.folder().join(format!("{name}.pem"));
        fs::write(&authority, cert.pem()).expect("written");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a key that fits");
        let shared = Shared {
            manner: Mutex::new(Manner::Answer(200)),
            posts: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicBool::new(false),
        };
        Self {
            port: free_port(),
            authority,
            tls: Arc::new(tls),
            shared: Arc::new(shared),
            listening: None,
        }
    }

    /// The same, and open.
    pub fn open(rig: &Rig, name: &str) -> Self {
        let mut sink = Self::new(rig, name);
        sink.listen();
        sink
    }

    /// From now on somebody listens.
    pub fn listen(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).expect("its port");
        self.shared.open.store(true, Ordering::SeqCst);
        let (tls, shared) = (Arc::clone(&self.tls), Arc::clone(&self.shared));
        self.listening = Some(thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if !shared.open.load(Ordering::SeqCst) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (tls, shared) = (Arc::clone(&tls), Arc::clone(&shared));
                thread::spawn(move || shared.serve(stream, tls));
            }
        }));
    }

    /// The lines of a hook `name` that leads here.
    pub fn hook(&self, name: &str, lines: &str) -> String {
        format!(
            "[[webhooks]]\nname = {name:?}\nurl = {:?}\nsecret = {:?}\nca_file = {:?}\nallow_private = true\n{lines}\n",
            self.url(),
            Self::SECRET,
            self.authority
        )
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/hook", self.port)
    }

    /// From now on it does so.
    pub fn be(&self, manner: Manner) {
        *self.shared.manner.lock().expect("unpoisoned") = manner;
    }

    /// What was posted so far.
    pub fn posts(&self) -> Vec<Post> {
        self.shared.posts.lock().expect("unpoisoned").clone()
    }

    /// The posts that it took.
    pub fn taken(&self) -> Vec<Post> {
        self.posts().into_iter().filter(|post| post.taken).collect()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// What hooks that lead here sign with.
    pub const SECRET: &str = "a secret of a hook that leads to a sink";
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.open.store(false, Ordering::SeqCst);
        // Wakes the listener, so that it sees that it is over.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl Post {
    /// The body, read.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The event's id, which is the same in header and body.
    pub fn id(&self) -> String {
        let id = self.headers["simrelay-event"].clone();
        assert_eq!(self.json()["id"], id.as_str());
        id
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream, tls: Arc<ServerConfig>) {
        let connection = ServerConnection::new(tls).expect("a connection");
        let mut reader = BufReader::new(StreamOwned::new(connection, stream));
        while let Some((headers, body)) = read(&mut reader) {
            let manner = self.manner.lock().expect("unpoisoned").clone();
            let taken = matches!(manner, Manner::Answer(200) | Manner::Endless);
            let post = Post { headers, body, taken };
            self.posts.lock().expect("unpoisoned").push(post);
            if answer(reader.get_mut(), &manner).is_err() {
                return;
            }
        }
    }
}

/// One request; nothing where the client has gone or does not believe the certificate.
fn read(reader: &mut impl BufRead) -> Option<(BTreeMap<String, String>, Vec<u8>)> {
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if let Some((name, value)) = text.split_once(": ") {
            headers.insert(name.to_lowercase(), value.to_owned());
        }
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((headers, body))
}

fn answer(stream: &mut impl Write, manner: &Manner) -> std::io::Result<()> {
    match manner {
        Manner::Answer(status) => write!(stream, "HTTP/1.1 {status} so\r\ncontent-length: 2\r\n\r\nok")?,
        Manner::Slowly(wait) => {
            thread::sleep(*wait);
            write!(stream, "HTTP/1.1 200 so\r\ncontent-length: 2\r\n\r\nok")?;
        }
        Manner::Redirect(to) => {
            write!(stream, "HTTP/1.1 307 so\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")?;
        }
        Manner::Endless => {
            write!(stream, "HTTP/1.1 200 so\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 4096])?;
            }
        }
    }
    stream.flush()
}
