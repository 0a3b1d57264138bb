//! The bare group commit behind a socket: octets come, a row is kept, octets go. No protocol and no gateway: what is lost
//! here to the commit alone is the loopback's and the waking of threads, and no message centre gets it back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::FutureExt;
use futures_util::stream::FuturesUnordered;
use store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{message, store};
use crate::rig::free_address;
use crate::{Error, system};

/// Rows in a second, for a client that has so many requests open.
pub(super) fn commits(folder: &Path, window: usize, time: Duration) -> Result<f64, Error> {
    let store = store(&folder.join(format!("socket-{window}")))?;
    let address = free_address()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = system("the bare store's runtime", runtime)?;
    let listener = system("a port", runtime.block_on(TcpListener::bind(address)))?;
    let serving = runtime.spawn(serve(listener, store.clone()));
    let client = thread::spawn(move || ask(address, window, time));
    let found = client
        .join()
        .map_err(|_| Error::Refused("the client's thread died".into()))?;
    runtime.block_on(async {
        // It ends with the client.
        let _ = serving.await;
        store.close().await;
    });
    found
}

/// Keeps a row for each request, and answers when it is kept.
async fn serve(listener: TcpListener, store: Store) -> std::io::Result<()> {
    let (socket, _) = listener.accept().await?;
    socket.set_nodelay(true)?;
    let (mut read, mut write) = socket.into_split();
    let mut octets = vec![0; 16 * 1024];
    let mut keeping = FuturesUnordered::new();
    let (mut unread, mut count) = (0, 0);
    loop {
        tokio::select! {
            biased;
            Some(kept) = keeping.next(), if !keeping.is_empty() => {
                let mut all: bool = kept;
                let mut answers = vec![0; ANSWER];
                // What a commit kept is answered at once.
                while let Some(Some(kept)) = keeping.next().now_or_never() {
                    all &= kept;
                    answers.resize(answers.len() + ANSWER, 0);
                }
                if !all {
                    return Err(std::io::Error::other("a row was not kept"));
                }
                write.write_all(&answers).await?;
            }
            heard = read.read(&mut octets) => {
                let heard = heard?;
                if heard == 0 {
                    return Ok(());
                }
                unread += heard;
                for _ in 0..unread / REQUEST {
                    let (store, row) = (store.clone(), message(count));
                    count += 1;
                    keeping.push(async move { store.accept(row).await.is_ok() });
                }
                unread %= REQUEST;
            }
        }
    }
}

/// Keeps so many requests open.
fn ask(address: std::net::SocketAddr, window: usize, time: Duration) -> Result<f64, Error> {
    let mut socket = system("the socket", TcpStream::connect(address))?;
    system("the socket", socket.set_nodelay(true))?;
    let mut octets = vec![0; 16 * 1024];
    let (mut open, mut answered, mut unread) = (0, 0, 0);
    let start = Instant::now();
    while start.elapsed() < time {
        system("the socket", socket.write_all(&vec![0; (window - open) * REQUEST]))?;
        open = window;
        unread += system("the socket", socket.read(&mut octets))?;
        answered += unread / ANSWER;
        open -= unread / ANSWER;
        unread %= ANSWER;
    }
    Ok(answered as f64 / start.elapsed().as_secs_f64())
}

/// Octets of a request and of its answer, as long as a submit_sm of sixty letters and its answer.
const REQUEST: usize = 120;
const ANSWER: usize = 53;
