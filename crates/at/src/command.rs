//! What is written to a modem, and which lines answer it.

use std::fmt;

use zeroize::Zeroizing;

/// Ends a command line (V.250 5.2.1, S3).
pub const CR: u8 = b'\r';
/// Ends the PDU after the prompt (TS 27.005 4.3).
pub const CTRL_Z: u8 = 0x1A;
/// Leaves the prompt without sending (TS 27.005 4.3).
pub const ESC: u8 = 0x1B;

/// A command line, perhaps with a PDU that goes out at the prompt.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// The line with its CR; wiped when it is dropped, since it may hold a PIN.
    line: Zeroizing<Vec<u8>>,
    /// The PDU in hex with its Ctrl-Z.
    payload: Option<Vec<u8>>,
    /// Further prefixes that answer it.
    aliases: &'static [&'static str],
    /// It holds a PIN or password.
    secret: bool,
}

impl Command {
    /// A command by its text without line end, such as `AT+CSQ`.
    ///
    /// Control characters in it would end the line early or leave a prompt,
    /// so they are dropped.
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        let mut line = Zeroizing::new(Vec::with_capacity(text.len() + 1));
        line.extend(text.bytes().filter(|byte| !byte.is_ascii_control()));
        line.push(CR);
        let mut command = Self {
            line,
            payload: None,
            aliases: &[],
            secret: false,
        };
        command.aliases = aliases(command.text());
        command
    }

    /// `+CMGS`: sends a PDU (TS 27.005 4.3). `tpdu_length` counts octets
    /// without the SMSC part, `pdu` is hex with it.
    pub fn cmgs(tpdu_length: usize, pdu: &str) -> Self {
        Self::new(format!("AT+CMGS={tpdu_length}")).at_prompt(pdu)
    }

    /// `+CMGW`: stores a PDU to be sent later (TS 27.005 4.4).
    pub fn cmgw(tpdu_length: usize, pdu: &str) -> Self {
        Self::new(format!("AT+CMGW={tpdu_length}")).at_prompt(pdu)
    }

    /// `+CMSS`: sends a stored message (TS 27.005 3.5.2).
    pub fn cmss(index: u16) -> Self {
        Self::new(format!("AT+CMSS={index}"))
    }

    /// `+CMGR`: reads a stored message (TS 27.005 3.4.3).
    pub fn cmgr(index: u16) -> Self {
        Self::new(format!("AT+CMGR={index}"))
    }

    /// `+CMGD`: deletes a stored message (TS 27.005 3.5.4).
    pub fn cmgd(index: u16) -> Self {
        Self::new(format!("AT+CMGD={index}"))
    }

    /// `+CPIN`: enters a PIN (TS 27.007 8.3). Never shown in a trace.
    pub fn cpin(pin: &str) -> Self {
        const BEFORE: &str = "AT+CPIN=\"";
        // A string that grows leaves its letters where they were.
        let mut text = Zeroizing::new(String::with_capacity(BEFORE.len() + pin.len() + 1));
        text.extend([BEFORE, pin, "\""]);
        Self::new(text.as_str()).secret()
    }

    /// Sends `text` and Ctrl-Z when the modem prompts.
    pub fn at_prompt(mut self, text: &str) -> Self {
        let clean = text.bytes().filter(|byte| !byte.is_ascii_control());
        let mut payload = Vec::with_capacity(text.len() + 1);
        payload.extend(clean);
        payload.push(CTRL_Z);
        self.payload = Some(payload);
        self
    }

    /// Keeps the text out of `Debug`, `Display` and traces.
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Whether the text must not be shown.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// The octets to write first, with CR.
    pub fn bytes(&self) -> &[u8] {
        &self.line
    }

    /// The octets to write at the prompt, with Ctrl-Z.
    pub fn payload(&self) -> Option<&[u8]> {
        self.payload.as_deref()
    }

    /// Whether a prompt is to be expected.
    pub fn prompts(&self) -> bool {
        self.payload.is_some()
    }

    /// The command's text without line end.
    pub fn text(&self) -> &str {
        let text = &self.line[..self.line.len() - 1];
        std::str::from_utf8(text).expect("taken from a str without its control characters")
    }

    /// Whether a line with this prefix (`+CREG`, without colon) answers it.
    pub fn asks_for(&self, prefix: &[u8]) -> bool {
        let named = |name: &str| name.as_bytes().eq_ignore_ascii_case(prefix);
        self.names().any(named) || self.aliases.iter().copied().any(named)
    }

    /// Whether it only reads or tests (`?` at the end), so that results which
    /// otherwise come unasked are its answer.
    pub fn is_query(&self) -> bool {
        self.text().ends_with('?')
    }

    /// Whether it dials, answers or hangs up, so that `NO CARRIER` and the like
    /// end it (V.250 6.3).
    pub fn is_call(&self) -> bool {
        let rest = self.text().as_bytes().get(2).map(u8::to_ascii_uppercase);
        matches!(rest, Some(b'D' | b'A' | b'H' | b'O')) || self.asks_for(b"+CHUP")
    }

    /// Whether any line may answer it: basic commands such as `ATI`, and lists
    /// of commands, which look like anything.
    pub fn is_free_form(&self) -> bool {
        let basic = self.text().as_bytes().get(2);
        let extended = matches!(basic, Some(b'+' | b'^' | b'#' | b'*' | b'$' | b'%' | b'_' | b'!'));
        !extended || self.asks_for(b"+CLAC")
    }

    /// Whether the lines of its answer come with a second line, the PDU.
    pub fn answers_in_pairs(&self) -> bool {
        self.asks_for(b"+CMGR") || self.asks_for(b"+CMGL")
    }

    /// The names of the commands on the line: `+CSQ` and `+CPIN` in
    /// `AT+CSQ;+CPIN?`.
    fn names(&self) -> impl Iterator<Item = &str> {
        let text = self.text();
        let rest = if starts_with_at(text) { &text[2..] } else { text };
        rest.split(';').map(|part| {
            let end = part.find(['=', '?']).unwrap_or(part.len());
            part[..end].trim()
        })
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.secret {
            return f.write_str(self.text());
        }
        let name = self.names().next().unwrap_or_default();
        write!(f, "AT{name}=***")
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({self})")
    }
}

fn starts_with_at(text: &str) -> bool {
    let head = text.as_bytes().get(..2);
    head.is_some_and(|head| head.eq_ignore_ascii_case(b"AT"))
}

/// The ICCID is asked for and answered under many names.
const ICCID_PREFIXES: &[&str] = &[
    "+CCID",
    "+QCCID",
    "+ICCID",
    "^ICCID",
    "ICCID",
    "#CCID",
    "+CICCID",
    "%CCID",
    "^CCID",
    "+ZGETICCID",
];

fn aliases(text: &str) -> &'static [&'static str] {
    if text.contains("CCID") {
        return ICCID_PREFIXES;
    }
    if starts_with_at(text) && text[2..].starts_with("+GSN") {
        return &["+CGSN"];
    }
    &[]
}
