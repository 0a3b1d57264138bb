//! What went on between peers, and what was wrong with it.
//!
//! [`Analyzer`] takes the octets of TCP connections with their times, from a [`Capture`] or as they come. It joins each
//! message with its response and its receipts, also where these come over another connection of the same message centre,
//! puts long messages together, measures windows and latencies, and names what the peers did against the rules, with the
//! rule. [`show`](self::show()) draws it for people; everything serialises for programs.

mod anomaly;
mod book;
mod framing;
mod parts;
mod session;
mod show;

use std::net::SocketAddr;

use serde::Serialize;

use self::{book::Book, session::Dialogue};
use crate::{
    DefaultAlphabet,
    capture::{Capture, CaptureError, Stamp},
};

pub use self::{
    anomaly::{Anomaly, Kind},
    parts::header_fault,
    session::{Latency, SessionView, Window},
    show::{show, show_message, show_pdu},
};

/// Gathers what connections carry.
#[derive(Debug, Default)]
pub struct Analyzer {
    default: DefaultAlphabet,
    dialogues: Vec<Dialogue>,
    book: Book,
    /// The last moment that is known of.
    last: Stamp,
}

/// What went on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Analysis {
    /// The connections that speak SMPP.
    pub sessions: Vec<SessionView>,
    /// Their messages, in the order in which they were sent.
    pub messages: Vec<MessageView>,
    /// Long messages, put together.
    pub texts: Vec<JoinedText>,
    /// What was against the rules, in the order in which it was seen.
    pub anomalies: Vec<Anomaly>,
    /// Anomalies beyond those that are kept.
    pub more_anomalies: usize,
    /// Messages whose receipt may well come after the capture's end.
    pub waiting_receipts: usize,
    /// Connections that speak something else.
    pub other_connections: usize,
    /// Connections among them that speak TLS, whose content nobody can see from outside.
    pub tls_connections: usize,
}

/// One message with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageView {
    /// Its place in [`Analysis::sessions`].
    pub session: usize,
    /// Its PDU.
    pub command: &'static str,
    /// When it was sent.
    pub at: Stamp,
    /// Its sequence number.
    pub sequence: u32,
    /// The sender.
    pub source: String,
    /// The recipient, or how many.
    pub destination: String,
    /// The coding, such as `0x08 UCS-2`.
    pub coding: String,
    /// What it says, where it is text.
    pub text: Option<String>,
    /// Its octets in hexadecimal, where it is not.
    pub data: Option<String>,
    /// registered_delivery.
    pub registered_delivery: u8,
    /// Which part of a longer message it is.
    pub part: Option<PartView>,
    /// Its answer.
    pub response: Option<ResponseView>,
    /// Its receipts.
    pub receipts: Vec<ReceiptView>,
}

/// A place in a longer message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PartView {
    /// The reference of that.
    pub reference: u16,
    /// Which part, from 1.
    pub sequence: u8,
    /// Of so many.
    pub total: u8,
}

/// The answer to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResponseView {
    /// When it came.
    pub at: Stamp,
    /// So many microseconds after the message.
    pub after_us: u64,
    /// The status, such as `ESME_ROK (0x00)`.
    pub status: String,
    /// The message id, where there is one.
    pub message_id: Option<String>,
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiptView {
    /// When it came.
    pub at: Stamp,
    /// So many microseconds after the message.
    pub after_us: u64,
    /// The id in it.
    pub id: String,
    /// What it says, such as `DELIVRD`.
    pub state: Option<String>,
    /// The network's error, where it tells one.
    pub error: Option<u32>,
    /// In what its id agrees with the response's.
    pub id_form: Option<&'static str>,
}

/// A long message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JoinedText {
    /// Places in [`Analysis::messages`], in the order of the parts.
    pub messages: Vec<usize>,
    /// How many parts it has.
    pub total: u8,
    /// Parts that are not in the capture.
    pub absent: Vec<u8>,
    /// What it says; nothing where it is data.
    pub text: Option<String>,
}

impl Analysis {
    /// What is about some messages alone: these, their sessions, the long ones that they belong to, and what was wrong with
    /// them.
    pub fn only(self, wanted: impl Fn(&MessageView) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.messages.len())
            .filter(|index| wanted(&self.messages[*index]))
            .collect();
        // Where a message that is kept stands now.
        let place = |index: usize| kept.binary_search(&index).ok();
        let texts = self.texts.into_iter().filter_map(|text| {
            let messages: Vec<usize> = text.messages.iter().filter_map(|index| place(*index)).collect();
            (!messages.is_empty()).then_some(JoinedText { messages, ..text })
        });
        let anomalies = self.anomalies.into_iter().filter_map(|anomaly| {
            let message = Some(place(anomaly.message?)?);
            Some(Anomaly { message, ..anomaly })
        });
        let messages: Vec<MessageView> = kept.iter().map(|index| self.messages[*index].clone()).collect();
        let mut sessions = self.sessions;
        sessions.retain(|session| messages.iter().any(|message| message.session == session.number));
        Self {
            sessions,
            texts: texts.collect(),
            anomalies: anomalies.collect(),
            more_anomalies: 0,
            waiting_receipts: 0,
            messages,
            ..Self::default()
        }
    }
}

impl Analyzer {
    /// An analyser of peers whose data_coding 0 means this.
    pub fn new(default: DefaultAlphabet) -> Self {
        Self {
            default,
            ..Self::default()
        }
    }

    /// A connection that `from` opened, `whole` where its opening was seen. The number is for [`Analyzer::hear`].
    pub fn connect(&mut self, from: SocketAddr, to: SocketAddr, whole: bool) -> usize {
        self.dialogues
            .push(Dialogue::new(self.dialogues.len(), from, to, whole));
        self.dialogues.len() - 1
    }

    /// Takes octets, `forth` from the one who opened the connection; `missing` octets before them are not known. A number
    /// that was not given is passed over.
    pub fn hear(&mut self, connection: usize, forth: bool, octets: &[u8], at: Stamp, missing: usize) {
        self.last = self.last.max(at);
        if let Some(dialogue) = self.dialogues.get_mut(connection) {
            dialogue.hear(forth, octets, at, missing, self.default, &mut self.book);
        }
    }

    /// The end of a connection was seen: nothing is answered on it after that.
    pub fn close(&mut self, connection: usize, at: Stamp) {
        self.last = self.last.max(at);
        if let Some(dialogue) = self.dialogues.get_mut(connection) {
            dialogue.close(at);
        }
    }

    /// What went on.
    pub fn finish(mut self) -> Analysis {
        let mut sessions = Vec::new();
        let (mut other, mut tls) = (0, 0);
        for dialogue in self.dialogues {
            other += usize::from(!dialogue.is_smpp());
            tls += usize::from(dialogue.is_tls());
            sessions.push(dialogue.finish(self.last, &mut self.book));
        }
        let joined = self.book.finish(self.default, self.last);
        let mut analysis = Analysis {
            sessions,
            messages: joined.messages,
            texts: joined.texts,
            anomalies: joined.anomalies,
            more_anomalies: joined.more_anomalies,
            waiting_receipts: joined.waiting_receipts,
            other_connections: other,
            tls_connections: tls,
        };
        analysis.sessions.retain(|session| session.is_smpp);
        analysis.anomalies.sort_by_key(|anomaly| anomaly.at);
        analysis
    }
}

/// Analyses a capture file.
///
/// # Errors
/// See [`CaptureError`].
pub fn analyze(file: &[u8], default: DefaultAlphabet) -> Result<Analysis, CaptureError> {
    let capture = Capture::read(file)?;
    let mut analyzer = Analyzer::new(default);
    for connection in &capture.connections {
        analyzer.connect(connection.from, connection.to, connection.opened);
    }
    for piece in &capture.pieces {
        analyzer.hear(piece.connection, piece.forth, piece.octets, piece.at, piece.missing);
    }
    for (number, connection) in capture.connections.iter().enumerate() {
        if let Some(ended) = connection.ended {
            analyzer.close(number, ended);
        }
    }
    Ok(analyzer.finish())
}

/// How long an answer may take before its lack is against a rule, in nanoseconds: our own response timer.
const PATIENCE: u64 = 60_000_000_000;
