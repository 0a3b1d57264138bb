//! Tells what each line is, in the light of the command that waits.

use crate::{
    Command, Final, Framer, Urc,
    framer::Cut,
    noise::{is_noise, is_noise_line},
    reply,
    urc::Header,
};

/// Bytes in, events out: a [`Framer`] and the little memory that telling lines
/// apart needs.
#[derive(Debug, Default)]
pub struct Reader {
    framer: Framer,
    /// The first line of a two-line result, until its second has come.
    header: Option<Header>,
    /// A two-line result whose second line did not come: something else did, and was told first.
    broken: Option<Urc>,
}

/// One thing that the modem said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// It waits for a PDU.
    Prompt,
    /// The end of an exchange; a stray one when no command is open.
    Final(Final),
    /// It came unasked.
    Urc(Urc),
    /// A line of the answer to the command that is open.
    Info(&'a [u8]),
    /// Our own words come back.
    Echo(&'a [u8]),
    /// It came unasked, is known, and says nothing.
    Noise(&'a [u8]),
    /// Nobody knows what it is.
    Unknown(&'a [u8]),
    /// The head of a line longer than [`MAX_LINE`](crate::MAX_LINE).
    Overlong(&'a [u8]),
    /// So many octets were dropped unread.
    Lost(usize),
}

impl Reader {
    /// Takes what was read from the port.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.framer.receive(bytes);
    }

    /// The next event, or nothing until more bytes come. `pending` is the
    /// command whose final result has not come yet.
    pub fn next(&mut self, pending: Option<&Command>) -> Option<Event<'_>> {
        if let Some(urc) = self.broken.take() {
            return Some(Event::Urc(urc));
        }
        let prompts = pending.is_some_and(Command::prompts);
        loop {
            let (from, to, cut) = match self.framer.advance(prompts)? {
                Cut::Prompt => return Some(Event::Prompt),
                Cut::Lost(octets) => return Some(Event::Lost(octets)),
                Cut::Line { from, to, cut } => (from, to, cut),
            };
            let line = self.framer.slice(from, to);
            let told = match cut {
                true => Told::Overlong,
                false => tell(line, pending, self.header.is_some()),
            };
            let (header, broken, told) = join(self.header, told, line);
            (self.header, self.broken) = (header, broken);
            if let Some(told) = told {
                return Some(told.event(self.framer.slice(from, to)));
            }
        }
    }

    /// Whether bytes wait for their line end: then [`flush`](Self::flush) after
    /// a silence.
    pub fn is_partial(&self) -> bool {
        self.framer.is_partial()
    }

    /// Gives up waiting for a line end; see [`Framer::flush`].
    pub fn flush(&mut self) {
        self.framer.flush();
    }

    /// Forgets everything, as after opening a port.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// What a line is, without the line.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Final(Final),
    Urc(Urc),
    Info,
    /// Our own words came first, and the answer behind them on the same line.
    InfoFrom(usize),
    Echo,
    Noise,
    Unknown,
    Overlong,
    /// The first of two lines.
    First(Header),
    /// The second of two lines.
    Second,
}

impl Told {
    fn event(self, line: &[u8]) -> Event<'_> {
        match self {
            Self::Final(result) => Event::Final(result),
            Self::Urc(urc) => Event::Urc(urc),
            Self::InfoFrom(start) => Event::Info(&line[start..]),
            Self::Info | Self::First(_) | Self::Second => Event::Info(line),
            Self::Echo => Event::Echo(line),
            Self::Noise => Event::Noise(line),
            Self::Unknown => Event::Unknown(line),
            Self::Overlong => Event::Overlong(line),
        }
    }
}

/// Joins the two lines of a result. What is known to come unasked may stand between them; anything else means that the
/// second will not come, and then the first is told without it, since a message did come.
fn join(header: Option<Header>, told: Told, line: &[u8]) -> (Option<Header>, Option<Urc>, Option<Told>) {
    match (header, told) {
        (first, Told::First(next)) => (Some(next), None, first.map(|first| Told::Urc(first.with(b"")))),
        (Some(first), Told::Second) => (None, None, Some(Told::Urc(first.with(line)))),
        (Some(first), told @ (Told::Urc(_) | Told::Noise)) => (Some(first), None, Some(told)),
        (Some(first), told) => (None, Some(first.with(b"")), Some(told)),
        (None, told) => (None, None, Some(told)),
    }
}

/// Tells one line; `waits` when the first of two lines came before.
fn tell(line: &[u8], pending: Option<&Command>, waits: bool) -> Told {
    if waits && is_pdu(line) {
        return Told::Second;
    }
    if let Some(told) = pending.and_then(|command| echoed(line, command)) {
        return told;
    }
    if let Some(told) = named(line, pending).or_else(|| bare(line, pending)) {
        return told;
    }
    // Binary noise in front of a line that would otherwise be understood.
    let clean = line.iter().position(|byte| byte.is_ascii_graphic());
    if let Some(start) = clean.filter(|&start| start > 0 && !line[..start].is_ascii()) {
        let rest = &line[start..];
        if let Some(told) = named(rest, pending).or_else(|| bare(rest, pending)) {
            return told;
        }
    }
    // A PDU that is damaged beyond being hex, or the text of a modem in text mode.
    if waits && name_of(line).is_none() {
        return Told::Second;
    }
    unnamed(line, pending)
}

/// Our own words, alone or with the answer behind them (modems that keep
/// echoing after `ATE0`, or that lose the line end).
fn echoed(line: &[u8], command: &Command) -> Option<Told> {
    let text = command.text().as_bytes();
    let head = line.get(..text.len()).unwrap_or_default();
    if !text.is_empty() && head.eq_ignore_ascii_case(text) {
        let rest = line[text.len()..].trim_ascii_start();
        if rest.is_empty() {
            return Some(Told::Echo);
        }
        if let Some(result) = Final::parse(rest) {
            return Some(Told::Final(result));
        }
        let name = name_of(rest).filter(|name| command.asks_for(name));
        return name.map(|_| Told::InfoFrom(line.len() - rest.len()));
    }
    let payload = command.payload()?;
    let pdu = &payload[..payload.len().saturating_sub(1)];
    (!pdu.is_empty() && line == pdu).then_some(Told::Echo)
}

/// A line with a name and a colon, such as `+CREG: 1`.
fn named(line: &[u8], pending: Option<&Command>) -> Option<Told> {
    let name = name_of(line)?;
    if let Some(first) = Header::parse(name, line) {
        return Some(Told::First(first));
    }
    if let Some(command) = pending.filter(|command| command.asks_for(name))
        && answers(name, line, command)
    {
        return Some(Told::Info);
    }
    if let Some(urc) = Urc::parse(name, line) {
        return Some(Told::Urc(urc));
    }
    if let Some(result) = Final::parse(line) {
        return Some(Told::Final(result));
    }
    is_noise(name).then_some(Told::Noise)
}

/// Whether a line of a name that was asked for is the answer.
fn answers(name: &[u8], line: &[u8], command: &Command) -> bool {
    match name {
        // These come unasked while the command that switches them is open.
        b"+CMTI" | b"+CDSI" | b"+CBMI" => false,
        b"+CUSD" | b"+CLIP" | b"+CRING" => command.is_query(),
        b"+CREG" | b"+CGREG" | b"+CEREG" | b"+C5GREG" => command.is_query() && reply::is_solicited_registration(line),
        _ => true,
    }
}

/// A line without a name.
fn bare(line: &[u8], pending: Option<&Command>) -> Option<Told> {
    if let Some(result) = Final::parse(line) {
        let of_call = result.is_of_call() && !pending.is_some_and(Command::is_call);
        let stray = result == Final::Error(Some("NA".into())) && pending.is_none();
        return match (of_call, stray) {
            (true, _) => Some(Told::Urc(Urc::CallEnded)),
            (_, true) => None,
            _ => Some(Told::Final(result)),
        };
    }
    if let Some(urc) = Urc::parse_bare(line) {
        return Some(Told::Urc(urc));
    }
    is_noise_line(line).then_some(Told::Noise)
}

/// What nothing else claimed: the answer's body, or unknown.
fn unnamed(line: &[u8], pending: Option<&Command>) -> Told {
    let Some(command) = pending else {
        return if looks_like_echo(line) {
            Told::Echo
        } else {
            Told::Unknown
        };
    };
    if command.is_free_form() {
        return Told::Info;
    }
    if looks_like_echo(line) {
        return Told::Echo;
    }
    let foreign = name_of(line).is_some_and(|name| is_extended(name[0]) && !command.asks_for(name));
    if foreign { Told::Unknown } else { Told::Info }
}

/// What stands before the colon, if it can be a result's name: `+CSQ`, `HANGUP`.
fn name_of(line: &[u8]) -> Option<&[u8]> {
    let first = *line.first()?;
    if !is_extended(first) && !first.is_ascii_alphabetic() {
        return None;
    }
    let head = &line[..line.len().min(LONGEST_NAME)];
    let colon = head.iter().position(|&byte| byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_- ".contains(byte);
    name[1..].iter().all(plain).then_some(name)
}

/// Marks of extended commands and results (V.250 5.4, makers' own).
fn is_extended(byte: u8) -> bool {
    b"+^#*$%_!&@".contains(&byte)
}

/// A command that came back late.
fn looks_like_echo(line: &[u8]) -> bool {
    let at = line.get(..2).is_some_and(|head| head.eq_ignore_ascii_case(b"AT"));
    at && line.get(2).is_none_or(|&byte| is_extended(byte))
}

/// Whether a line may be the PDU that a header announced: hex for the most part,
/// since a damaged PDU is still to be kept and shown.
fn is_pdu(line: &[u8]) -> bool {
    let hex = line.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    line.len() >= SHORTEST_PDU && hex * 4 >= line.len() * 3 && !line.contains(&b':')
}

/// Names end before this many octets.
const LONGEST_NAME: usize = 24;

/// SMSC length, first octet, address, PID and DCS in hex leave nothing shorter.
const SHORTEST_PDU: usize = 12;
