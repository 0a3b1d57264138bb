//! SMSgate's methods.

use std::net::IpAddr;
use std::sync::Arc;

use gateway::{ErrorKind, Origin};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use message::{Api, FetchQuery, Inbound, Level, MessageId, MessageState, SendRequest, SlotSnapshot, SlotState};
use zeroize::Zeroizing;

use super::fault::{FAILED, Fault, INVALID, NO_METHOD, SWITCHED_OFF};
use super::wire::{Call, Value};
use crate::clock;
use crate::codes::{Code, Refusal};
use crate::keeper::Principal;
use crate::methods::{Health, visible};
use crate::rpc::App;
use crate::token::Scope;

/// Carries out a call.
pub(super) async fn run(app: &Arc<App>, address: IpAddr, call: Call) -> Result<Value, Fault> {
    let Some((method, names)) = METHODS.iter().find(|(name, _)| *name == call.method) else {
        return Err(no_method(&call.method));
    };
    let mut given = Given::of(method, names, call.params)?;
    match *method {
        "ping" => Ok(Value::from("OK")),
        "send_sms" => send_sms(app, address, &mut given).await,
        "get_delivery_status" => get_delivery_status(app, address, &mut given).await,
        "get_sms" => get_sms(app, address, &mut given).await,
        "get_health_state" => get_health_state(app, address, &mut given).await,
        "send_ussd" => send_ussd(app, address, &mut given).await,
        _ => get_stats(app, address, &mut given).await,
    }
}

async fn send_sms(app: &App, address: IpAddr, given: &mut Given) -> Result<Value, Fault> {
    switched_on(app.xml_rpc().send_sms)?;
    let who = admit(app, address, given, Scope::Send).await?;
    let (sender, recipient) = (given.text()?, given.text()?);
    let (text, flash) = (given.text()?, given.flag()?);
    let to = plus_and_digits(&recipient).ok_or_else(|| Fault::new(INVALID, "Invalid recipient format."))?;
    let from = match sender.as_str() {
        "" => None,
        sender => Some(plus_and_digits(sender).ok_or_else(|| Fault::new(INVALID, "Invalid sender format."))?),
    };
    let request = SendRequest {
        to,
        text,
        from,
        flash,
        ..SendRequest::default()
    };
    let _place = app.place().await?;
    let accepted = app.gateway.send(who.origin(), request).await?;
    Ok(Value::Text(accepted.id.to_string()))
}

async fn get_delivery_status(app: &App, address: IpAddr, given: &mut Given) -> Result<Value, Fault> {
    let who = admit(app, address, given, Scope::Send).await?;
    let Ok(id) = given.text()?.parse::<MessageId>() else {
        return Ok(Value::Flag(false));
    };
    let _place = app.place().await?;
    match app.gateway.status(who.origin(), id).await {
        Ok(message) => Ok(Value::Flag(message.state == MessageState::Delivered)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Value::Flag(false)),
        Err(error) => Err(error.into()),
    }
}

/// What came within the last [`crate::config::XmlRpc::get_sms_s`] seconds: SMSgate's clients ask every few seconds, tell
/// messages by their ids, and take what they get for news.
async fn get_sms(app: &App, address: IpAddr, given: &mut Given) -> Result<Value, Fault> {
    let who = admit(app, address, given, Scope::Fetch).await?;
    let number = given.text()?;
    let since = clock::now() - SignedDuration::from_secs(app.xml_rpc().get_sms_s.into());
    let _place = app.place().await?;
    let mut messages = Vec::new();
    for limit in FETCHED {
        let query = FetchQuery {
            number: (!number.is_empty()).then(|| number.clone()),
            newest: true,
            limit: Some(limit),
            ..FetchQuery::default()
        };
        messages = match back_to(app, who.origin(), query, since).await {
            Ok(messages) => messages,
            Err(error) if error.kind == ErrorKind::NotFound => Vec::new(),
            Err(error) if error.kind == ErrorKind::NotAllowed => return Err(Fault::wrong_token()),
            Err(error) => return Err(error.into()),
        };
        if messages.len() < limit as usize || messages.first().is_some_and(|oldest| oldest.received_at < since) {
            break;
        }
    }
    let recent = messages.iter().filter(|message| message.received_at >= since);
    Ok(Value::List(recent.map(message).collect()))
}

/// The newest messages that fit. One answer of the gateway looks at so many and no more: it is asked on until it has enough,
/// or what follows came before that time.
async fn back_to(
    app: &App,
    origin: &Origin,
    mut query: FetchQuery,
    since: Timestamp,
) -> Result<Vec<Inbound>, gateway::Error> {
    let mut messages: Vec<Inbound> = Vec::new();
    loop {
        let page = app.gateway.fetch(origin, query.clone()).await?;
        messages.splice(..0, page.messages);
        let Some(stopped) = page.stopped else {
            return Ok(messages);
        };
        let next = FetchQuery {
            before: Some(stopped),
            newest: true,
            limit: Some(1),
            ..FetchQuery::default()
        };
        let next = app.gateway.fetch(&Origin::operator(), next).await?.messages;
        if next.first().is_none_or(|next| next.received_at < since) {
            return Ok(messages);
        }
        let found = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        query.limit = query.limit.map(|limit| limit.saturating_sub(found).max(1));
        query.before = Some(stopped);
    }
}

async fn get_health_state(app: &App, address: IpAddr, given: &mut Given) -> Result<Value, Fault> {
    let who = admit(app, address, given, Scope::Health).await?;
    let health = Health::of(&app.gateway.snapshot(), who.origin(), app.troubles.findings());
    let findings = health.findings.iter();
    let told: Vec<_> = findings
        .map(|finding| format!("{}: {}: {}", level(finding.level), finding.subject, finding.sentence))
        .collect();
    let words = one_line(&told.join("; "));
    Ok(Value::List(vec![Value::from(level(health.level)), Value::Text(words)]))
}

async fn send_ussd(app: &Arc<App>, address: IpAddr, given: &mut Given) -> Result<Value, Fault> {
    switched_on(app.xml_rpc().send_ussd)?;
    let who = admit(app, address, given, Scope::Ussd).await?;
    let (sender, code) = (given.text()?, given.text()?);
    let (app, origin, sim) = (app.clone(), who.origin().clone(), sender.clone());
    // On a task of its own: a caller who goes away does not leave a dialogue open.
    let dialogue = tokio::spawn(async move {
        let _place = app.place().await?;
        let reply = app.gateway.ussd_start(&origin, &sim, &code).await?;
        if reply.open {
            // Nobody could answer over XML-RPC. Where it cannot be ended the network does so in time.
            let _ = app.gateway.ussd_abandon(&origin, &sim).await;
        }
        Ok::<_, Refusal>(reply.text)
    });
    let told = dialogue
        .await
        .map_err(|_| Fault::new(FAILED, "the gateway failed; its log says more"))?;
    let (word, text) = match told {
        Ok(text) => ("OK", text),
        Err(refusal) if refusal.code == Code::NOT_FOUND => {
            let text = format!("Modem could not be identified for phone number {sender}.");
            ("ERROR", text)
        }
        Err(refusal) if refusal.code == Code::NOT_ALLOWED => return Err(Fault::wrong_token()),
        Err(refusal) => ("ERROR", format!("Failed to send USSD code. ({})", refusal.sentence)),
    };
    Ok(Value::List(vec![Value::from(word), Value::Text(text)]))
}

async fn get_stats(app: &App, address: IpAddr, given: &mut Given) -> Result<Value, Fault> {
    let who = admit(app, address, given, Scope::Stats).await?;
    let snapshot = app.gateway.snapshot();
    let used = visible(&snapshot, who.origin()).filter(|slot| slot.state != SlotState::Disabled);
    let stats = used.map(|slot| (slot.slot.to_string(), of_slot(slot, &snapshot.findings)));
    Ok(Value::List(vec![Value::from("OK"), Value::Struct(stats.collect())]))
}

/// A received message, with the fields of SMSgate's class.
fn message(message: &Inbound) -> Value {
    let stamped = message.service_centre_time.unwrap_or(message.received_at);
    let recipient = message.to.as_ref().map(ToString::to_string);
    Value::of_members([
        ("sms_id", Value::Text(message.id.to_string())),
        ("recipient", Value::Text(recipient.unwrap_or_default())),
        ("text", Value::Text(message.text.clone())),
        ("timestamp", local(stamped)),
        ("created_timestamp", local(message.received_at)),
        ("sender", Value::Text(message.from.to_string())),
        ("receiving_modem", Value::Text(message.sim.to_string())),
        ("flash", Value::Flag(message.class == Some(0))),
    ])
}

fn of_slot(slot: &SlotSnapshot, findings: &[message::Finding]) -> Value {
    let own = || findings.iter().filter(|finding| finding.subject == slot.slot.as_str());
    let worst = own().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    let sentences: Vec<_> = own().map(|finding| finding.sentence.as_str()).collect();
    let text = |text: Option<String>| Value::Text(text.unwrap_or_default());
    let balance = slot.balance.as_ref();
    let status = match slot.state.can_send() {
        true => "Ready.",
        false => &slot.reason,
    };
    Value::of_members([
        ("phone_number", text(slot.number.as_ref().map(ToString::to_string))),
        ("current_network", text(slot.operator.clone())),
        (
            "current_signal",
            Value::Whole(slot.signal_dbm.map_or(NO_SIGNAL, i64::from)),
        ),
        ("port", text(slot.port.clone())),
        ("status", Value::Text(one_line(status))),
        (
            "balance",
            balance.map_or_else(|| Value::from(""), |balance| Value::Real(balance.micros as f64 / 1e6)),
        ),
        ("currency", text(balance.map(|balance| balance.currency.clone()))),
        ("sent", count(slot.traffic.totals.sent)),
        ("received", count(slot.traffic.totals.received)),
        ("health_state_short", Value::from(level(worst))),
        ("health_state_message", Value::Text(one_line(&sentences.join("; ")))),
        ("init_counter", count(slot.initialisations.into())),
        ("last_init", minute(slot.initialised_at)),
        ("last_received", minute(slot.traffic.last_received)),
        ("last_sent", minute(slot.traffic.last_sent)),
    ])
}

/// Lets in whoever shows a token with this scope.
async fn admit(app: &App, address: IpAddr, given: &mut Given, scope: Scope) -> Result<Who, Fault> {
    let token = Zeroizing::new(given.text()?);
    let admitted = app.keeper.admit_xml_rpc(address, &token).await?;
    let who = Who::of(&admitted, scope).ok_or_else(|| {
        let sentence = format!("Invalid API token: it lacks the scope '{scope}'.");
        Refusal::new(Code::SCOPE, sentence)
    })?;
    who.first.count_call()?;
    Ok(who)
}

/// Who makes a call: one token, or all legacy tokens with the scope that share its hash.
struct Who {
    first: Arc<Principal>,
    origin: Origin,
}

impl Who {
    /// Together they may use the SIMs of each of them: SMSgate named the hash of one token for several modems.
    /// A message though belongs to one token, whose SIMs bind it as long as it waits.
    fn of(admitted: &[Arc<Principal>], scope: Scope) -> Option<Self> {
        let mut with_scope = admitted.iter().filter(|principal| principal.may(scope));
        let first = with_scope.next()?.clone();
        let mut origin = Origin {
            api: Api::XmlRpc,
            ..first.origin.clone()
        };
        for other in with_scope.filter(|_| scope != Scope::Send) {
            origin.admin |= other.origin.admin;
            origin.sims = match (origin.sims, &other.origin.sims) {
                (Some(some), Some(more)) => Some([&some[..], &more[..]].concat()),
                _ => None,
            };
        }
        Some(Self { first, origin })
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// The parameters of a call, in their order.
struct Given {
    method: &'static str,
    names: &'static [&'static str],
    values: std::vec::IntoIter<Value>,
}

impl Given {
    fn of(method: &'static str, names: &'static [&'static str], values: Vec<Value>) -> Result<Self, Fault> {
        if values.len() != names.len() {
            let told = format!("{method} takes ({}), not {} parameters", names.join(", "), values.len());
            return Err(Fault::new(FAILED, told));
        }
        let values = values.into_iter();
        Ok(Self { method, names, values })
    }

    /// The next one, a text. What Python calls `None` is an empty one.
    fn text(&mut self) -> Result<String, Fault> {
        match self.next() {
            Value::Text(text) => Ok(text),
            Value::Nil => Ok(String::new()),
            _ => Err(self.wrong("a string")),
        }
    }

    fn flag(&mut self) -> Result<bool, Fault> {
        match self.next() {
            Value::Flag(flag) => Ok(flag),
            Value::Whole(number @ (0 | 1)) => Ok(number == 1),
            _ => Err(self.wrong("a boolean")),
        }
    }

    fn next(&mut self) -> Value {
        self.values.next().unwrap_or(Value::Nil)
    }

    /// The one that was taken last is of the wrong type.
    fn wrong(&self, right: &str) -> Fault {
        let name = self
            .names
            .len()
            .checked_sub(self.values.len() + 1)
            .and_then(|place| self.names.get(place));
        Fault::new(
            FAILED,
            format!("{}: {} must be {right}", self.method, name.unwrap_or(&"a parameter")),
        )
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::of(&refusal)
    }
}

impl From<gateway::Error> for Fault {
    fn from(error: gateway::Error) -> Self {
        Self::of(&error.into())
    }
}

fn switched_on(on: bool) -> Result<(), Fault> {
    match on {
        true => Ok(()),
        false => Err(Fault::new(SWITCHED_OFF, "This API function is not enabled.")),
    }
}

fn no_method(name: &str) -> Fault {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    let known: Vec<_> = METHODS.iter().map(|(name, _)| *name).collect();
    Fault::new(
        NO_METHOD,
        format!("procedure {shown} not found; there are {}", known.join(", ")),
    )
}

/// The number without everything but plus and digits, as SMSgate read them; nothing where that is no plus with digits.
fn plus_and_digits(number: &str) -> Option<String> {
    let number: String = number.chars().filter(|c| *c == '+' || c.is_ascii_digit()).collect();
    let digits = number.strip_prefix('+')?;
    let right = !digits.is_empty() && !digits.contains('+');
    right.then_some(number)
}

/// For what is shown on one line, with nothing in it that Icinga takes for the beginning of figures.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars()
        .map(plain)
        .map(|c| if c == '|' { '/' } else { c })
        .collect()
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Ok => "OK",
        Level::Warning => "WARNING",
        Level::Critical => "CRITICAL",
    }
}

fn count(number: u64) -> Value {
    Value::Whole(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A time on the clock on this machine's wall, which is all that XML-RPC can tell.
fn local(time: Timestamp) -> Value {
    Value::Time(time.to_zoned(TimeZone::system()).datetime())
}

fn minute(time: Option<Timestamp>) -> Value {
    let told = time.map(|time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string());
    Value::Text(told.unwrap_or_default())
}

/// The methods with their parameters.
const METHODS: &[(&str, &[&str])] = &[
    ("ping", &[]),
    ("send_sms", &["token", "sender", "recipient", "message", "flash"]),
    ("get_delivery_status", &["token", "sms_id"]),
    ("get_sms", &["token", "phone_number"]),
    ("get_health_state", &["token"]),
    ("send_ussd", &["token", "sender", "ussd_code"]),
    ("get_stats", &["token"]),
];

/// How many of the newest messages are looked at: most often a few are enough. There are never more in an answer.
const FETCHED: [u32; 2] = [50, 1000];

/// What SMSgate said where the signal was unknown, in dBm.
const NO_SIGNAL: i64 = -113;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cleaned_as_smsgate_cleaned_them() {
        for (written, read) in [
            ("+49 (171) 123-4567", Some("+491711234567")),
            ("tel:+491711234567", Some("+491711234567")),
            ("+1", Some("+1")),
            ("00491711234567", None),
            ("80808", None),
            ("Vodafone", None),
            ("++49171", None),
            ("+49+171", None),
            ("+", None),
            ("", None),
        ] {
            assert_eq!(plus_and_digits(written).as_deref(), read, "{written}");
        }
    }

    #[test]
    fn a_parameter_of_the_wrong_type_is_named() {
        let names = METHODS[1].1;
        let wrong = || {
            vec![
                Value::from("t"),
                Value::Whole(1),
                Value::Nil,
                Value::from("x"),
                Value::from("yes"),
            ]
        };
        let mut given = Given::of("send_sms", names, wrong()).expect("as many");
        assert_eq!(given.text(), Ok("t".to_owned()));
        assert_eq!(given.text(), Err(Fault::new(8002, "send_sms: sender must be a string")));
        assert_eq!(given.text(), Ok(String::new()));
        assert_eq!(given.text(), Ok("x".to_owned()));
        assert_eq!(given.flag(), Err(Fault::new(8002, "send_sms: flash must be a boolean")));
        let few = Given::of("send_sms", names, Vec::new()).err();
        let told = "send_sms takes (token, sender, recipient, message, flash), not 0 parameters";
        assert_eq!(few, Some(Fault::new(8002, told)));
    }

    #[test]
    fn a_slot_is_told_with_fields_that_every_old_client_can_format() {
        let at = Timestamp::from_second(1_800_000_000).expect("a time");
        let mut slot = SlotSnapshot::blank(message::RouteId::new("00"), at);
        let field = |slot: &SlotSnapshot, name: &str| match of_slot(slot, &[]) {
            Value::Struct(members) => members.into_iter().find(|(own, _)| own == name).map(|(_, value)| value),
            _ => None,
        };
        let none = |value| Some(Value::Text(value));
        for unknown in [
            "phone_number",
            "current_network",
            "port",
            "balance",
            "currency",
            "last_sent",
            "last_init",
        ] {
            assert_eq!(field(&slot, unknown), none(String::new()), "{unknown}");
        }
        assert_eq!(field(&slot, "current_signal"), Some(Value::Whole(-113)));
        assert_eq!(field(&slot, "status"), none("its port is looked for".into()));
        slot.balance = Some(message::Balance {
            micros: 7_950_000,
            currency: "EUR".into(),
            at,
        });
        slot.initialised_at = Some(at);
        slot.state = SlotState::Busy;
        assert_eq!(field(&slot, "balance"), Some(Value::Real(7.95)));
        assert_eq!(field(&slot, "currency"), none("EUR".into()));
        assert_eq!(field(&slot, "status"), none("Ready.".into()));
        let told = at.to_zoned(TimeZone::system()).datetime();
        let expected = format!("{} {:02}:{:02}", told.date(), told.hour(), told.minute());
        assert_eq!(field(&slot, "last_init"), none(expected));
    }

    #[test]
    fn what_icinga_shows_is_one_line_without_figures() {
        assert_eq!(one_line("a\nb | c\u{1b}"), "a b / c ");
    }
}
