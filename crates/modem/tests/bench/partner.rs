//! A modem of the standards, small enough to be read, with answers that a test may replace.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{Answers, millis};

/// A modem in memory.
pub struct Partner {
    /// Answers that replace the built-in ones, by the whole command; each is used once, the last for ever.
    rules: Vec<(String, VecDeque<Reply>)>,
    /// Memories by name: places with their status and PDU.
    pub memories: BTreeMap<String, BTreeMap<u16, (u8, String)>>,
    /// The one that reading works on.
    pub selected: String,
    pub capacity: u16,
    /// How long an answer takes.
    pub delay: Duration,
    /// How long the network takes.
    pub latency: Duration,
    /// The PIN that is wanted, and whether it was entered.
    pub pin: Option<String>,
    pub tries: u8,
    pub echo: bool,
    pub mute: bool,
    /// Octets of a line that has not ended.
    line: Vec<u8>,
    /// The command that waits for a PDU.
    prompting: Option<String>,
    reference: u8,
    /// PDUs that went to the network.
    pub sent: Vec<String>,
}

/// An answer: octets and when they come.
#[derive(Clone)]
pub struct Reply(pub Vec<(Duration, Vec<u8>)>);

impl Partner {
    pub fn new() -> Self {
        let memories = ["SM", "ME", "SR"].map(|name| (name.to_owned(), BTreeMap::new()));
        Self {
            rules: Vec::new(),
            memories: memories.into(),
            selected: String::from("SM"),
            capacity: 20,
            delay: millis(2),
            latency: millis(50),
            pin: None,
            tries: 3,
            echo: false,
            mute: false,
            line: Vec::new(),
            prompting: None,
            reference: 0,
            sent: Vec::new(),
        }
    }

    /// Answers a command with this text, which is framed; empty: not at all.
    pub fn on(&mut self, command: &str, answer: &str) -> &mut Self {
        self.on_each(command, &[answer])
    }

    /// Answers a command with these texts in turn, the last for ever.
    pub fn on_each(&mut self, command: &str, answers: &[&str]) -> &mut Self {
        let replies = answers.iter().map(|answer| match *answer {
            "" => Reply(Vec::new()),
            answer => Reply(vec![(self.delay, framed(answer))]),
        });
        self.on_raw(command, replies.collect())
    }

    /// Answers a command with octets as they are.
    pub fn on_raw(&mut self, command: &str, replies: VecDeque<Reply>) -> &mut Self {
        self.rules.retain(|(known, _)| known != command);
        self.rules.push((command.to_owned(), replies));
        self
    }

    /// Forgets a replaced answer.
    pub fn forget(&mut self, command: &str) {
        self.rules.retain(|(known, _)| known != command);
    }

    pub fn store(&mut self, memory: &str, index: u16, status: u8, pdu: &str) {
        self.memories
            .get_mut(memory)
            .unwrap()
            .insert(index, (status, pdu.to_owned()));
    }

    pub fn model(&mut self, maker: &str, model: &str) -> &mut Self {
        self.on("AT+CGMI", &format!("{maker}\r\nOK"))
            .on("AT+CGMM", &format!("{model}\r\nOK"))
    }

    fn answer(&mut self, command: &str) -> Vec<(Duration, Vec<u8>)> {
        if let Some((_, replies)) = self.rules.iter_mut().find(|(known, _)| known == command) {
            let reply = replies.front().cloned().unwrap_or(Reply(Vec::new()));
            if replies.len() > 1 {
                replies.pop_front();
            }
            return reply.0;
        }
        let text = self.built_in(command);
        if text == ">" {
            self.prompting = Some(command.to_owned());
            return vec![(self.delay, b"\r\n> ".to_vec())];
        }
        let late = if command.starts_with("AT+CMSS") {
            self.latency
        } else {
            self.delay
        };
        vec![(late, framed(&text))]
    }

    fn built_in(&mut self, command: &str) -> String {
        let locked = self.pin.is_some();
        let rest = command.strip_prefix("AT").unwrap_or(command);
        let (name, argument) = rest.split_once('=').unwrap_or((rest, ""));
        let answer = match (name, argument) {
            ("", _) | ("E0", _) | ("+CMEE", _) | ("+CFUN", _) => "",
            ("+CGMI", _) => "Acme\r\n",
            ("+CGMM", _) => "Modem 1\r\n",
            ("+CGMR", _) => "1.0\r\n",
            ("+CGSN", _) => "490154203237518\r\n",
            ("+CCID", _) => "+CCID: 8949000000000000001\r\n",
            ("+CFUN?", _) => "+CFUN: 1\r\n",
            ("+CPIN?", _) if locked => "+CPIN: SIM PIN\r\n",
            ("+CPIN?", _) => "+CPIN: READY\r\n",
            ("+CPINR", _) => return format!("+CPINR: SIM PIN,{},3\r\nOK", self.tries),
            ("+CPIN", pin) => return self.unlock(pin),
            _ if locked => return String::from("+CME ERROR: 11"),
            ("+CIMI", _) => "262010000000001\r\n",
            ("+CSCA?", _) => "+CSCA: \"+491710760000\",145\r\n",
            ("+CNMI", "?") => "+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)\r\n",
            ("+CPMS", "?") => "+CPMS: (\"SM\",\"ME\",\"SR\"),(\"SM\",\"ME\"),(\"SM\",\"ME\")\r\n",
            ("+CPMS", names) => return self.select(names),
            ("+CREG?", _) => "+CREG: 2,1,\"1A2B\",\"01020304\"\r\n",
            ("+CGREG?", _) => "+CGREG: 2,1\r\n",
            ("+CEREG?", _) => "+CEREG: 0,0\r\n",
            ("+COPS?", _) => "+COPS: 0,0,\"Acme Mobile\",7\r\n",
            ("+CSQ", _) => "+CSQ: 17,99\r\n",
            ("+CNUM", _) => "+CNUM: \"\",\"+491701234567\",145\r\n",
            ("+CMGS" | "+CMGW", _) => return String::from(">"),
            ("+CMGL", _) => return self.list(),
            ("+CMGR", index) => return self.read(index),
            ("+CMGD", index) => return self.delete(index),
            ("+CMSS", index) => return self.release(index),
            _ => "",
        };
        format!("{answer}OK")
    }

    fn unlock(&mut self, pin: &str) -> String {
        if self.pin.as_deref() == Some(pin.trim_matches('"')) {
            self.pin = None;
            return String::from("OK");
        }
        self.tries = self.tries.saturating_sub(1);
        String::from(if self.tries == 0 {
            "+CME ERROR: 12"
        } else {
            "+CME ERROR: 16"
        })
    }

    fn select(&mut self, names: &str) -> String {
        let first = names.split(',').next().unwrap_or_default().trim_matches('"').to_owned();
        let Some(memory) = self.memories.get(&first) else {
            return String::from("+CMS ERROR: 302");
        };
        let counts = format!("{},{}", memory.len(), self.capacity);
        self.selected = first;
        format!("+CPMS: {counts},{counts},{counts}\r\nOK")
    }

    fn list(&self) -> String {
        let mut text = String::new();
        for (index, (status, pdu)) in &self.memories[&self.selected] {
            text += &format!("+CMGL: {index},{status},,{}\r\n{pdu}\r\n", pdu.len() / 2 - 8);
        }
        text + "OK"
    }

    fn read(&self, index: &str) -> String {
        let place = index
            .parse()
            .ok()
            .and_then(|index: u16| self.memories[&self.selected].get(&index));
        match place {
            Some((status, pdu)) => format!("+CMGR: {status},,{}\r\n{pdu}\r\nOK", pdu.len() / 2 - 8),
            None => String::from("+CMS ERROR: 321"),
        }
    }

    fn delete(&mut self, index: &str) -> String {
        let place = index.parse().ok();
        let memory = self.memories.get_mut(&self.selected).unwrap();
        match place.and_then(|index: u16| memory.remove(&index)) {
            Some(_) => String::from("OK"),
            None => String::from("+CMS ERROR: 321"),
        }
    }

    fn release(&mut self, index: &str) -> String {
        let index: u16 = index.parse().unwrap();
        let memory = self.memories.get_mut(&self.selected).unwrap();
        let Some(place) = memory.get_mut(&index) else {
            return String::from("+CMS ERROR: 321");
        };
        place.0 = 3;
        self.sent.push(place.1.clone());
        self.reference = self.reference.wrapping_add(1);
        format!("+CMSS: {}\r\nOK", self.reference)
    }

    /// The PDU has come.
    fn pdu(&mut self, command: &str, pdu: &str) -> Vec<(Duration, Vec<u8>)> {
        let name = format!("{} PDU", &command[..7]);
        if self.rules.iter().any(|(known, _)| *known == name) {
            return self.answer(&name);
        }
        if command.starts_with("AT+CMGW") {
            let memory = self.memories.get_mut(&self.selected).unwrap();
            let index = (1..).find(|index| !memory.contains_key(index)).unwrap();
            memory.insert(index, (2, pdu.to_owned()));
            return vec![(self.delay, framed(&format!("+CMGW: {index}\r\nOK")))];
        }
        self.sent.push(pdu.to_owned());
        self.reference = self.reference.wrapping_add(1);
        vec![(self.latency, framed(&format!("+CMGS: {}\r\nOK", self.reference)))]
    }

    fn line(&mut self) -> Vec<(Duration, Vec<u8>)> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        if line.is_empty() {
            return Vec::new();
        }
        let mut answers = Vec::new();
        if self.echo {
            answers.push((millis(0), format!("{line}\r").into_bytes()));
        }
        answers.extend(self.answer(&line));
        answers
    }
}

impl Answers for Partner {
    fn take(&mut self, octets: &[u8]) -> Vec<(Duration, Vec<u8>)> {
        let mut answers = Vec::new();
        for &octet in octets {
            match octet {
                0x1B => {
                    self.prompting = None;
                    self.line.clear();
                }
                0x1A => {
                    let pdu = String::from_utf8(std::mem::take(&mut self.line)).unwrap();
                    if let Some(command) = self.prompting.take() {
                        answers.extend(self.pdu(&command, &pdu));
                    }
                }
                b'\r' if self.prompting.is_none() => answers.extend(self.line()),
                octet => self.line.push(octet),
            }
        }
        if self.mute { Vec::new() } else { answers }
    }
}

/// A text as lines between CR LF.
pub fn framed(text: &str) -> Vec<u8> {
    format!("\r\n{text}\r\n").into_bytes()
}
