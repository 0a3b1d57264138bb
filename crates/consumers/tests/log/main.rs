//! What the log says of consumers. A program of its own, since where a line goes is settled once for all threads.

#[path = "../it/scripted.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod scripted;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use consumers::Verdict;

use scripted::{Scripted, call, open, room, until};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("unpoisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines(&self) -> Vec<String> {
        let log = self.0.lock().expect("unpoisoned");
        String::from_utf8_lossy(&log).lines().map(str::to_owned).collect()
    }
}

// One thread, so that everything is logged to this test alone.
#[tokio::test]
async fn a_server_that_is_down_for_many_events_is_told_once_and_that_it_is_back() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _logging = tracing::subscriber::set_default(subscriber.finish());
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), &["hook"]);
    for sim in 0..50 {
        call(&store, &format!("sim{sim}")).await;
    }
    static BACK: AtomicBool = AtomicBool::new(false);
    let hook = Arc::new(Scripted::new("hook", |_| match BACK.load(Ordering::SeqCst) {
        true => Some(Verdict::Done),
        false => Some(Verdict::later("nobody answers")),
    }));
    let room = room(&store, &[&hook]);
    until("each was tried", || hook.words().len() >= 100).await;
    BACK.store(true, Ordering::SeqCst);
    let tried = hook.words().len();
    until("each was taken", || hook.words().len() >= tried + 50).await;
    room.stop().await;
    let told: Vec<String> = log.lines().into_iter().filter(|line| line.contains("hook")).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(
        told[0].contains("WARN") && told[0].contains("hook fails: nobody answers; 50 events wait"),
        "{told:#?}"
    );
    assert!(
        told[1].contains("INFO") && told[1].contains("hook works again, after "),
        "{told:#?}"
    );
}
