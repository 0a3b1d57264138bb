//! One client's conversation, as a value: lines go in, and what to say or to find out comes out.
//!
//! It follows RFC 5321 where that matters, and forgives what devices do: no greeting or one without a name, addresses
//! without angle brackets, line feeds alone. It reads nothing, waits for nothing, and holds no mail.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN, Error as Fault, MailFrom, Request};
use zeroize::Zeroizing;

use super::framing::Line;
use super::{Account, Answer, Config, Doorman, LoginError, Recipient, Reply, Sender, Trust};

/// What a session goes by.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// The settings.
    pub(super) config: Arc<Config>,
    /// How the server calls itself.
    pub(super) name: String,
    /// Whether it has a certificate.
    pub(super) has_tls: bool,
    /// Who checks logins; `None`: there are none.
    pub(super) doorman: Option<Arc<dyn Doorman>>,
}

/// A conversation.
#[derive(Debug)]
pub(super) struct Session {
    rules: Rules,
    peer: IpAddr,
    secure: bool,
    account: Option<Account>,
    expects: Expects,
    sender: Option<Sender>,
    recipients: Vec<(usize, Recipient)>,
    faults: u32,
    logins: u32,
}

/// What the next line is.
#[derive(Debug)]
enum Expects {
    Command,
    /// The response of `AUTH PLAIN`.
    Plain,
    /// The user of `AUTH LOGIN`.
    User,
    /// The password of this user.
    Password(String),
}

/// What a session wants.
#[derive(Debug)]
pub(super) enum Step {
    /// Tell the client this, and go on with the next line.
    Say(String),
    /// Check this login, and tell [`Session::logged_in`].
    Login { user: String, password: Zeroizing<String> },
    /// Ask the mailboxes about this address, and tell [`Session::answered`].
    Ask(Recipient),
    /// Tell the client this and read a mail; then take the [`Session::envelope`].
    Data(String),
    /// Tell the client this, forget what else it said, and go on with TLS; then tell [`Session::secured`].
    StartTls(String),
    /// Tell the client this, and end it.
    Close(String),
}

/// What a mail is carried in.
#[derive(Debug)]
pub(super) struct Envelope {
    /// Who brings it.
    pub(super) sender: Sender,
    /// For whom, each with the place of its mailbox.
    pub(super) recipients: Vec<(usize, Recipient)>,
}

impl Session {
    /// A conversation with somebody at this address.
    pub(super) fn new(rules: Rules, peer: IpAddr) -> Self {
        Self {
            rules,
            peer,
            secure: false,
            account: None,
            expects: Expects::Command,
            sender: None,
            recipients: Vec::new(),
            faults: 0,
            logins: 0,
        }
    }

    /// What the client is told first.
    pub(super) fn greeting(&self) -> String {
        format!("220 {} ESMTP simrelay\r\n", self.rules.name)
    }

    /// TLS is there: all that was said before counts for nothing (RFC 3207 4.2).
    pub(super) fn secured(&mut self) {
        self.secure = true;
        self.account = None;
        self.expects = Expects::Command;
        self.reset();
    }

    /// Takes a line.
    pub(super) fn receive(&mut self, line: Line) -> Step {
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong => {
                self.expects = Expects::Command;
                return self.fault(500, [5, 5, 2], "the line is too long");
            }
        };
        match std::mem::replace(&mut self.expects, Expects::Command) {
            Expects::Command => self.command(&line),
            Expects::Plain => self.plain(&line),
            Expects::User => self.user(&line),
            Expects::Password(user) => self.password(user, &line),
        }
    }

    /// What came of [`Step::Login`].
    pub(super) fn logged_in(&mut self, login: Result<Account, LoginError>) -> Step {
        match login {
            Ok(account) => {
                self.account = Some(account);
                say(235, [2, 7, 0], "welcome")
            }
            Err(_) if self.logins >= LOGINS_MOST => close(421, [4, 7, 0], "too many logins failed"),
            Err(LoginError::Wrong) => say(535, [5, 7, 8], "user or password are wrong"),
            Err(LoginError::Later) => say(454, [4, 7, 0], "logins are not checked now: later again"),
        }
    }

    /// What came of [`Step::Ask`]: the answer of the mailbox at a place, the first that knows the address.
    pub(super) fn answered(&mut self, recipient: Recipient, place: usize, answer: Answer) -> Step {
        match answer {
            Answer::Mine => {
                if !self.recipients.iter().any(|(_, known)| *known == recipient) {
                    self.recipients.push((place, recipient));
                }
                say(250, [2, 1, 5], "ok")
            }
            Answer::NotMine => self.fault(550, [5, 1, 1], "nobody here has this address"),
            Answer::Refused(reply) if reply.is_temporary() => Step::Say(format!("{reply}\r\n")),
            Answer::Refused(reply) => self.fault(reply.code, reply.enhanced, &reply.text),
        }
    }

    /// Who brings the mail that is spoken of.
    pub(super) fn sender(&self) -> Option<&Sender> {
        self.sender.as_ref()
    }

    /// The envelope of the mail that was read; the next one begins.
    pub(super) fn envelope(&mut self) -> Option<Envelope> {
        let envelope = self.sender.take().map(|sender| Envelope {
            sender,
            recipients: std::mem::take(&mut self.recipients),
        });
        self.reset();
        envelope
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }

    fn command(&mut self, line: &[u8]) -> Step {
        let request = match parse(line) {
            Ok(request) => request,
            Err(fault) => return self.misunderstood(&fault),
        };
        match request {
            Request::Ehlo { .. } => {
                self.reset();
                Step::Say(self.extensions())
            }
            Request::Helo { .. } => {
                self.reset();
                Step::Say(format!("250 {}\r\n", self.rules.name))
            }
            Request::Auth {
                mechanism,
                initial_response,
            } => self.auth(mechanism, &initial_response),
            Request::StartTls => self.start_tls(),
            Request::Mail { from } => self.mail(&from),
            Request::Rcpt { to } => self.rcpt(&to.address),
            Request::Data => self.data(),
            Request::Rset => {
                self.reset();
                say(250, [2, 0, 0], "ok")
            }
            Request::Noop { .. } => say(250, [2, 0, 0], "ok"),
            Request::Vrfy { .. } => say(252, [2, 1, 5], "send some mail, and see"),
            Request::Help { .. } => say(214, [2, 0, 0], "https://www.rfc-editor.org/rfc/rfc5321"),
            Request::Quit => close(221, [2, 0, 0], "bye"),
            _ => self.fault(502, [5, 5, 1], "this is not spoken here"),
        }
    }

    fn extensions(&self) -> String {
        let mut lines = vec![
            self.rules.name.clone(),
            "PIPELINING".into(),
            format!("SIZE {}", self.rules.config.mail_bytes),
            "8BITMIME".into(),
            "SMTPUTF8".into(),
        ];
        if self.rules.has_tls && !self.secure {
            lines.push("STARTTLS".into());
        }
        if self.rules.doorman.is_some() && self.may_login() {
            lines.push("AUTH PLAIN LOGIN".into());
        }
        let more = lines.iter().map(|line| format!("250-{line}\r\n"));
        more.collect::<String>() + "250 ENHANCEDSTATUSCODES\r\n"
    }

    fn may_login(&self) -> bool {
        self.secure || self.rules.config.login_without_tls
    }

    fn start_tls(&mut self) -> Step {
        match (self.rules.has_tls, self.secure) {
            (_, true) => self.fault(503, [5, 5, 1], "it is encrypted already"),
            (false, _) => self.fault(502, [5, 5, 1], "there is no certificate"),
            (true, false) => Step::StartTls(line(220, [2, 0, 0], "go on")),
        }
    }

    fn auth(&mut self, mechanism: u64, initial: &str) -> Step {
        if self.rules.doorman.is_none() {
            return self.fault(502, [5, 5, 1], "there are no logins");
        }
        if self.account.is_some() || self.sender.is_some() {
            return self.fault(503, [5, 5, 1], "not now");
        }
        if !self.may_login() {
            return self.fault(538, [5, 7, 11], "a login needs encryption: STARTTLS comes first");
        }
        match (mechanism, initial) {
            (AUTH_PLAIN, "") => self.ask_for(Expects::Plain, ""),
            (AUTH_PLAIN, response) => self.plain(response.as_bytes()),
            // "User Name" and "Password", as every client knows them.
            (AUTH_LOGIN, "") => self.ask_for(Expects::User, "VXNlcm5hbWU6"),
            (AUTH_LOGIN, response) => self.user(response.as_bytes()),
            _ => self.fault(504, [5, 5, 4], "PLAIN and LOGIN are spoken here"),
        }
    }

    fn ask_for(&mut self, what: Expects, prompt: &str) -> Step {
        self.expects = what;
        Step::Say(format!("334 {prompt}\r\n"))
    }

    /// The response of PLAIN (RFC 4616): on whose behalf, who, and the password, parted by NUL.
    fn plain(&mut self, response: &[u8]) -> Step {
        let Some(text) = decoded(response) else {
            return self.no_response();
        };
        let mut fields = text.split('\0');
        let (Some(whom), Some(user), Some(password), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return self.no_response();
        };
        if !whom.is_empty() && whom != user {
            return self.fault(535, [5, 7, 8], "nobody logs in for somebody else");
        }
        self.login(user.to_owned(), password)
    }

    fn user(&mut self, response: &[u8]) -> Step {
        match decoded(response) {
            Some(user) => self.ask_for(Expects::Password(user.to_string()), "UGFzc3dvcmQ6"),
            None => self.no_response(),
        }
    }

    fn password(&mut self, user: String, response: &[u8]) -> Step {
        match decoded(response) {
            Some(password) => self.login(user, &password),
            None => self.no_response(),
        }
    }

    fn login(&mut self, user: String, password: &str) -> Step {
        self.logins += 1;
        Step::Login {
            user,
            password: Zeroizing::new(password.to_owned()),
        }
    }

    /// Also where the client takes it back (`*`, RFC 4954 4).
    fn no_response(&mut self) -> Step {
        self.fault(501, [5, 5, 2], "this is no response")
    }

    fn mail(&mut self, from: &MailFrom<String>) -> Step {
        if self.sender.is_some() {
            return self.fault(503, [5, 5, 1], "one mail after the other");
        }
        if from.size > self.rules.config.mail_bytes as usize {
            return self.fault(552, [5, 3, 4], "the mail is too large");
        }
        if from.address.contains(char::is_control) {
            return self.fault(553, [5, 1, 7], "this is no address");
        }
        let address = Some(from.address.clone()).filter(|address| !address.is_empty());
        let Some((trust, account)) = self.trust(address.as_deref()) else {
            return match self.rules.doorman.is_some() {
                true => self.fault(530, [5, 7, 0], "a login is needed"),
                false => self.fault(550, [5, 7, 1], "no mail is taken from this sender"),
            };
        };
        self.sender = Some(Sender {
            address,
            peer: self.peer,
            account,
            trust,
        });
        say(250, [2, 1, 0], "ok")
    }

    /// Why mail is taken from this address, and whose rights it has.
    fn trust(&self, address: Option<&str>) -> Option<(Trust, Option<Account>)> {
        if let Some(account) = &self.account {
            return Some((Trust::Login, Some(account.clone())));
        }
        let senders = &self.rules.config.senders;
        let listed = senders.iter().find(|listed| listed.fits(address, self.peer))?;
        let trust = if listed.relay { Trust::Relayed } else { Trust::Listed };
        let account = listed
            .token()
            .and_then(|token| self.rules.doorman.as_ref()?.account(&token));
        Some((trust, account))
    }

    fn rcpt(&mut self, address: &str) -> Step {
        if self.sender.is_none() {
            return self.fault(503, [5, 5, 1], "who sends it comes first");
        }
        if self.recipients.len() >= self.rules.config.recipients as usize {
            return say(452, [4, 5, 3], "too many recipients: send it to the others after this");
        }
        match Recipient::parse(address) {
            Some(recipient) => Step::Ask(recipient),
            None => self.fault(550, [5, 1, 3], "this is no address"),
        }
    }

    fn data(&mut self) -> Step {
        if self.recipients.is_empty() {
            return self.fault(503, [5, 5, 1], "nobody gets it: recipients come first");
        }
        Step::Data("354 end with a dot on a line of its own\r\n".into())
    }

    fn misunderstood(&mut self, fault: &Fault) -> Step {
        match fault {
            Fault::SyntaxError { syntax } => self.fault(501, [5, 5, 4], &format!("write it so: {syntax}")),
            Fault::InvalidRecipientAddress => self.fault(553, [5, 1, 3], "this is no address"),
            Fault::InvalidSenderAddress => self.fault(553, [5, 1, 7], "this is no address"),
            Fault::UnsupportedParameter { .. } => self.fault(555, [5, 5, 4], "a parameter is not known here"),
            Fault::InvalidParameter { .. } => self.fault(501, [5, 5, 4], "a parameter cannot be used"),
            _ => self.fault(500, [5, 5, 2], "this is no command"),
        }
    }

    /// A refusal that counts: whoever collects too many of them is sent away.
    fn fault(&mut self, code: u16, enhanced: [u8; 3], text: &str) -> Step {
        self.faults += 1;
        if self.faults > FAULTS_MOST {
            return close(421, [4, 7, 0], "too much went wrong");
        }
        say(code, enhanced, text)
    }
}

/// A command. What devices write otherwise than RFC 5321 says, and what can be meant by it all the same, is read so.
fn parse(line: &[u8]) -> Result<Request<String>, Fault> {
    let strict = Request::parse(&mut line.iter()).map(Request::into_owned);
    let Err(fault) = strict else { return strict };
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    let verb = text.get(..4).unwrap_or_default().to_ascii_uppercase();
    match verb.as_str() {
        "EHLO" | "HELO" if text.len() == 4 => {
            let host = "nobody".to_owned();
            Ok(if verb == "EHLO" {
                Request::Ehlo { host }
            } else {
                Request::Helo { host }
            })
        }
        "MAIL" | "RCPT" => bracketed(text).ok_or(fault).and_then(|line| {
            let again = Request::parse(&mut line.as_bytes().iter());
            again.map(Request::into_owned)
        }),
        _ => Err(fault),
    }
}

/// The command with its address in angle brackets, where it has none.
fn bracketed(text: &str) -> Option<String> {
    let (verb, rest) = text.split_once(':')?;
    let rest = rest.trim_start();
    let (address, parameters) = rest.split_once(' ').unwrap_or((rest, ""));
    let bare = !rest.contains(['<', '>']) && address.contains('@');
    bare.then(|| format!("{verb}:<{address}> {parameters}\r\n"))
}

/// A response of a login: base64, with or without its padding.
fn decoded(response: &[u8]) -> Option<Zeroizing<String>> {
    let response = response.trim_ascii();
    if response == b"=" {
        return Some(Zeroizing::default());
    }
    let octets = Zeroizing::new(BASE64.decode(response).ok()?);
    Some(Zeroizing::new(std::str::from_utf8(&octets).ok()?.to_owned()))
}

fn line(code: u16, enhanced: [u8; 3], text: &str) -> String {
    format!("{}\r\n", Reply::new(code, enhanced, text))
}

fn say(code: u16, enhanced: [u8; 3], text: &str) -> Step {
    Step::Say(line(code, enhanced, text))
}

fn close(code: u16, enhanced: [u8; 3], text: &str) -> Step {
    Step::Close(line(code, enhanced, text))
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How many commands may go wrong, and how many logins may be tried, on one connection.
const FAULTS_MOST: u32 = 50;
const LOGINS_MOST: u32 = 3;

#[cfg(test)]
mod tests {
    use futures_util::future::{BoxFuture, FutureExt};
    use gateway::Origin;
    use message::TokenId;
    use proptest::prelude::*;

    use super::super::Listed;
    use super::*;

    /// Knows the token `gw` with the secret `secret`.
    #[derive(Debug)]
    struct Clerk;

    impl Doorman for Clerk {
        fn login<'a>(
            &'a self,
            _: IpAddr,
            user: &'a str,
            password: &'a str,
        ) -> BoxFuture<'a, Result<Account, LoginError>> {
            let account = self.account(&TokenId::new(user)).filter(|_| password == "secret");
            async move { account.ok_or(LoginError::Wrong) }.boxed()
        }

        fn account(&self, token: &TokenId) -> Option<Account> {
            let origin = Origin {
                token: Some(token.clone()),
                ..Origin::default()
            };
            (token.as_str() == "gw").then_some(Account { origin, may_send: true })
        }

        fn count(&self, _: &TokenId) -> bool {
            true
        }
    }

    fn session(config: Config, has_tls: bool) -> Session {
        let rules = Rules {
            config: Arc::new(config),
            name: "here".into(),
            has_tls,
            doorman: Some(Arc::new(Clerk)),
        };
        Session::new(rules, IpAddr::from([10, 0, 0, 1]))
    }

    /// A server that takes mail from anybody, for every address but `nobody@…`.
    fn open() -> Session {
        let listed = Listed {
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            ..Listed::default()
        };
        let config = Config {
            senders: vec![listed],
            ..Config::default()
        };
        session(config, true)
    }

    /// What the client is told for a line, by its code; questions are answered as they come.
    fn told(session: &mut Session, line: &str) -> String {
        let mut step = session.receive(Line::Whole(format!("{line}\r\n").into_bytes()));
        loop {
            step = match step {
                Step::Say(text) | Step::Data(text) | Step::StartTls(text) | Step::Close(text) => return text,
                Step::Login { user, password } => {
                    let login = Clerk.login(session.peer, &user, &password).now_or_never().unwrap();
                    session.logged_in(login)
                }
                Step::Ask(to) if to.local() == "nobody" => session.answered(to, 0, Answer::NotMine),
                Step::Ask(to) => session.answered(to, 0, Answer::Mine),
            };
        }
    }

    fn codes(session: &mut Session, lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| told(session, line)[..3].to_owned()).collect()
    }

    #[test]
    fn a_mail_is_handed_in() {
        let mut session = open();
        let lines = [
            "EHLO x",
            "MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME",
            "RCPT TO:<c@D>",
            "RCPT TO:<c@d>",
            "DATA",
        ];
        assert_eq!(codes(&mut session, &lines), ["250", "250", "250", "250", "354"]);
        let envelope = session.envelope().unwrap();
        assert_eq!(envelope.sender.address.as_deref(), Some("a@b"));
        assert_eq!(envelope.sender.trust, Trust::Listed);
        assert_eq!(envelope.recipients.len(), 1, "twice the same is once");
        assert_eq!(codes(&mut session, &["DATA", "QUIT"]), ["503", "221"]);
    }

    #[test]
    fn what_devices_write_is_understood() {
        let mut session = open();
        let lines = [
            "HELO",
            "EHLO",
            "helo [192.168.1.2]",
            "EHLO my camera_1",
            "MAIL FROM: <a@b>",
            "RSET",
            "mail from:a@b",
            "RCPT TO: c@d",
        ];
        assert!(codes(&mut session, &lines).iter().all(|code| code == "250"));
        assert!(session.envelope().is_some());
        assert_eq!(codes(&mut session, &["MAIL FROM:<>", "RCPT TO:<c@d>"]), ["250", "250"]);
        assert_eq!(session.sender().unwrap().address, None);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut session = open();
        let lines = [
            "RCPT TO:<c@d>",
            "DATA",
            "MAIL FROM:<a@b> SIZE=99999999999",
            "MAIL FROM:<a@b> NONSENSE=1",
            "MAIL FROM:<a@b>",
            "MAIL FROM:<a@b>",
            "RCPT TO:<nobody@d>",
            "RCPT TO:<>",
            "RCPT TO:<c>",
            "DATA",
            "BDAT 10 LAST",
            "XYZ",
            "",
        ];
        let expected = [
            "503", "503", "552", "555", "250", "503", "550", "550", "553", "503", "502", "500", "500",
        ];
        assert_eq!(codes(&mut session, &lines), expected);
        assert!(told(&mut session, &format!("NOOP{}", " x".repeat(10))).starts_with("250"));
        assert!(matches!(session.receive(Line::TooLong), Step::Say(text) if text.starts_with("500")));
    }

    #[test]
    fn who_is_unknown_logs_in_and_not_before_tls() {
        let mut session = session(Config::default(), true);
        assert!(!told(&mut session, "EHLO x").contains("AUTH"));
        let lines = ["MAIL FROM:<a@b>", "AUTH PLAIN AGd3AHNlY3JldA=="];
        assert_eq!(codes(&mut session, &lines), ["530", "538"]);
        assert!(told(&mut session, "STARTTLS").starts_with("220"));
        session.secured();
        let extensions = told(&mut session, "EHLO x");
        assert!(extensions.contains("AUTH PLAIN LOGIN") && !extensions.contains("STARTTLS"));
        let lines = [
            "STARTTLS",
            "AUTH PLAIN AGd3AHNlY3JldA",
            "AUTH PLAIN AGd3AHNlY3JldA==",
            "MAIL FROM:<a@b>",
        ];
        assert_eq!(codes(&mut session, &lines), ["503", "235", "503", "250"]);
        assert_eq!(session.sender().unwrap().trust, Trust::Login);
        session.secured();
        assert_eq!(
            codes(&mut session, &["MAIL FROM:<a@b>"]),
            ["530"],
            "a handshake ends what was before"
        );
    }

    #[test]
    fn a_login_may_come_in_all_its_forms() {
        let right: [&[&str]; 4] = [
            &["AUTH PLAIN", "AGd3AHNlY3JldA=="],
            &["AUTH LOGIN", "Z3c=", "c2VjcmV0"],
            &["auth login Z3c=", "c2VjcmV0"],
            &["AUTH PLAIN Z3cAZ3cAc2VjcmV0"],
        ];
        for lines in right {
            let mut session = open();
            session.secured();
            assert_eq!(codes(&mut session, lines).last().unwrap(), "235", "{lines:?}");
        }
        let wrong: [(&[&str], &str); 7] = [
            (&["AUTH LOGIN", "Z3c=", "Z3c="], "535"),
            (&["AUTH LOGIN", "*"], "501"),
            (&["AUTH PLAIN", "AGd3"], "501"),
            (&["AUTH PLAIN ===="], "501"),
            (&["AUTH PLAIN ="], "501"),
            (&["AUTH PLAIN b3RoZXIAZ3cAc2VjcmV0"], "535"),
            (&["AUTH CRAM-MD5"], "504"),
        ];
        for (lines, code) in wrong {
            let mut session = open();
            session.secured();
            assert_eq!(codes(&mut session, lines).last().unwrap(), code, "{lines:?}");
        }
    }

    #[test]
    fn who_guesses_is_sent_away() {
        let mut session = open();
        session.secured();
        let guess = |session: &mut Session| told(session, "AUTH PLAIN AGd3AHdyb25n");
        assert!(guess(&mut session).starts_with("535") && guess(&mut session).starts_with("535"));
        assert!(guess(&mut session).starts_with("421"));
        let mut session = open();
        let last = (0..=FAULTS_MOST).map(|_| told(&mut session, "GET / HTTP/1.1")).last();
        assert!(last.unwrap().starts_with("421"));
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(lines in proptest::collection::vec(".{0,40}|(MAIL FROM|RCPT TO|AUTH|EHLO|BDAT|STARTTLS):?.{0,20}", 0..20)) {
            let mut session = open();
            for line in &lines {
                let reply = told(&mut session, line);
                prop_assert!(reply.ends_with("\r\n") && reply.is_ascii() || line.contains(|c: char| !c.is_ascii()));
            }
        }
    }
}
