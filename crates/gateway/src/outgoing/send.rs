//! Accepting a message: everything that can be said against it is said before it is kept.

use std::time::Duration;

use jiff::Timestamp;
use message::{Accepted, Api, Class, Counted, Number, Priority, RouteId, SendRequest, TEXT_LIMIT};
use router::RouteConfig;
use store::{AcceptError, AcceptedParts, Budget, DuePart, NewMessage};

use super::compose::{Form, Manner, Written};
use super::dispatch::Command;
use crate::carrier::RouteStatus;
use crate::error::shown;
use crate::in_force::Terms;
use crate::{Error, ErrorKind, Gateway, Origin, clock};

/// The sender a request names.
struct Sender {
    route: RouteId,
    strict: bool,
}

impl Gateway {
    /// Accepts a message: when this answers, the message is durable.
    pub async fn send(&self, origin: &Origin, request: SendRequest) -> Result<Accepted, Error> {
        self.hand_in(origin, self.draft(origin, request)?).await
    }

    /// The same with a note, which comes back with every notice about the message ([`message::ReportNotice::note`]): for
    /// front ends that have to tell somebody what became of it.
    pub async fn send_noted(&self, origin: &Origin, request: SendRequest, note: String) -> Result<Accepted, Error> {
        let message = NewMessage {
            note: Some(note),
            ..self.draft(origin, request)?
        };
        self.hand_in(origin, message).await
    }

    /// Accepts what was drafted: when this answers, the message is durable.
    ///
    /// # Errors
    /// The token spent what it may a day, the queue is full, or the store does not work.
    pub async fn hand_in(&self, origin: &Origin, message: NewMessage) -> Result<Accepted, Error> {
        let kept = self.keep(message).await?;
        Ok(self.accepted(origin.api, kept))
    }

    /// Whether a message would be accepted now, as far as that can be said before it is kept: for whoever has to say
    /// so to somebody before there is a text. A full queue is not seen.
    ///
    /// # Errors
    /// All that can be said against the message.
    pub async fn rehearse(&self, origin: &Origin, request: SendRequest) -> Result<(), Error> {
        let message = self.draft(origin, request)?;
        self.check_spend(&message).await
    }

    /// Everything up to keeping it: for whoever keeps the message in one transaction with something of its own, and
    /// then tells it with [`Gateway::accepted`].
    ///
    /// # Errors
    /// All that can be said against the message.
    pub fn draft(&self, origin: &Origin, request: SendRequest) -> Result<NewMessage, Error> {
        self.draft_in(origin, request, Manner::default())
    }

    /// The same, in a manner of its own.
    ///
    /// # Errors
    /// All that can be said against the message.
    pub fn draft_in(&self, origin: &Origin, request: SendRequest, manner: Manner) -> Result<NewMessage, Error> {
        check_text(&request.text)?;
        let composer = &self.inner.composer;
        self.draft_of(origin, request, |to, text, form| {
            let form = Form { manner, ..form.clone() };
            let written = composer.compose(to, text, &form);
            written.map_err(|error| Error::invalid("text", error.to_string()))
        })
    }

    /// A message to be kept, whose parts `write` makes for the recipient.
    pub(super) fn draft_of(
        &self,
        origin: &Origin,
        request: SendRequest,
        write: impl FnOnce(&Number, &str, &Form) -> Result<Written, Error>,
    ) -> Result<NewMessage, Error> {
        let now = clock::now();
        check(&request, now)?;
        let terms = self.terms();
        let sender = self.sender(origin, &request)?;
        let to = self.recipient(&terms, origin, &request, sender.as_ref())?;
        check_routes(&terms, origin, &to, sender.as_ref())?;
        let validity = Duration::from_secs(request.validity_s.unwrap_or(terms.config.validity_s).into());
        let class = class_of(&request)?;
        let report = request.report.unwrap_or(terms.config.report);
        let form = Form {
            class,
            report,
            transliterate: request.transliterate,
            alphabet: None,
            validity,
            manner: Manner::default(),
        };
        let written = write(&to, &request.text, &form)?;
        let (from, strict) = sender.map_or((None, false), |sender| (Some(sender.route), sender.strict));
        let budget = budget(&terms, origin, &to, from.as_ref());
        Ok(NewMessage {
            id: message::MessageId::fresh(),
            token: origin.token.clone(),
            to,
            text: written.changed.unwrap_or(request.text),
            from,
            strict,
            priority: request.priority.map_or(Priority::NORMAL, Priority),
            class,
            report,
            alphabet: written.alphabet,
            accepted_at: now,
            send_at: request.send_at,
            expires_at: request.send_at.map_or(now, |at| at.max(now)) + validity,
            idempotency_key: request.idempotency_key,
            on_uncertain: request.on_uncertain.unwrap_or(terms.config.on_uncertain),
            note: None,
            budget,
            parts: written.tpdus,
        })
    }

    /// A message was kept that came in by `api`: its parts go out.
    pub fn accepted(&self, api: Api, kept: AcceptedParts) -> Accepted {
        if !kept.accepted.repeated {
            self.inner.tally.count(Counted::Submitted(api));
        }
        self.arrived(kept.due);
        kept.accepted
    }

    /// These parts are due, or will be.
    pub(super) fn arrived(&self, due: Vec<DuePart>) {
        // A dispatcher with more than it can take finds these in the store.
        if !due.is_empty() && self.inner.dispatcher.try_send(Command::Arrived(due)).is_err() {
            self.inner.overflowed.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }

    fn sender(&self, origin: &Origin, request: &SendRequest) -> Result<Option<Sender>, Error> {
        let Some(from) = &request.from else { return Ok(None) };
        let strict = request.strict.unwrap_or(true);
        let status = self.find_route(from).ok_or_else(|| {
            let reason = format!(
                "there is no SIM '{}' to send from: name a slot or a SIM's number",
                shown(from)
            );
            Error::invalid("from", reason)
        })?;
        if !origin.may_use(&status.route) {
            let reason = format!("this token may not send from '{}'", status.route);
            return Err(Error {
                field: Some("from"),
                ..Error::new(ErrorKind::NotAllowed, reason)
            });
        }
        if strict {
            refuse_hopeless(&status)?;
        }
        Ok(Some(Sender {
            route: status.route,
            strict,
        }))
    }

    fn recipient(
        &self,
        terms: &Terms,
        origin: &Origin,
        request: &SendRequest,
        sender: Option<&Sender>,
    ) -> Result<Number, Error> {
        let routes = &terms.routes.routes;
        let own = sender.and_then(|sender| routes.get(&sender.route)?.country_code.as_deref());
        let country_code = own.or(terms.config.country_code.as_deref());
        let to = Number::parse(&request.to, country_code).map_err(|error| Error::number("to", &error))?;
        if let Some(kind) = terms.guard.refusal(&to) {
            let reason = format!("{to} is {}; `{}` allows it", kind.word(), kind.setting());
            return Err(Error {
                field: Some("to"),
                ..Error::new(ErrorKind::NotAllowed, reason)
            });
        }
        if !origin.may_send_to(&to) {
            let reason = format!(
                "this token may not send to {to}: its prefixes are {}",
                origin.prefixes.join(", ")
            );
            return Err(Error {
                field: Some("to"),
                ..Error::new(ErrorKind::NotAllowed, reason)
            });
        }
        if self.inner.store.stopped(&to) {
            let reason = format!("{to} asked for no more messages (STOP list)");
            return Err(Error {
                field: Some("to"),
                ..Error::new(ErrorKind::NotAllowed, reason)
            });
        }
        Ok(to)
    }

    /// Whether the token may spend what the message costs at most. What waits is only counted when one is kept.
    async fn check_spend(&self, message: &NewMessage) -> Result<(), Error> {
        let (Some(budget), Some(token)) = (message.budget, &message.token) else {
            return Ok(());
        };
        let since = message.accepted_at - Duration::from_secs(86_400);
        let spent = self.inner.store.spent(token, since).await.map_err(unavailable)?;
        let parts = i64::try_from(message.parts.len()).unwrap_or(i64::MAX);
        match spent.saturating_add(budget.each_micros.saturating_mul(parts)) <= budget.most_micros {
            true => Ok(()),
            false => Err(refused(AcceptError::Spent)),
        }
    }
}

/// What the origin may spend, and what a part to `to` costs on the dearest route that it may take: a limit that can be
/// passed is none.
fn budget(terms: &Terms, origin: &Origin, to: &Number, from: Option<&RouteId>) -> Option<Budget> {
    let most_micros = origin.daily_spend_micros?;
    let number = to.to_string();
    let cost = |(route, config): (&RouteId, &RouteConfig)| {
        let fits = from.is_none_or(|from| from == route) && origin.may_use(route);
        let found = config.longest_match(&number);
        fits.then(|| found.map_or(config.cost_micros, |found| found.cost_micros))
    };
    let each_micros = terms.routes.routes.iter().filter_map(cost).max().unwrap_or(0);
    Some(Budget {
        most_micros,
        each_micros,
    })
}

/// Refuses what no route is configured for; what only has to wait is accepted.
fn check_routes(terms: &Terms, origin: &Origin, to: &Number, sender: Option<&Sender>) -> Result<(), Error> {
    if sender.is_some_and(|sender| sender.strict) {
        return Ok(());
    }
    let number = to.to_string();
    let serves = |(route, config): (&RouteId, &RouteConfig)| {
        let named = sender.is_some_and(|sender| sender.route == *route);
        let open = named || (!config.only_explicit && config.longest_match(&number).is_some());
        open && origin.may_use(route)
    };
    if terms.routes.routes.iter().any(serves) {
        return Ok(());
    }
    let reason = format!("no SIM serves {to}: `route.explain` tells why for each one");
    Err(Error {
        field: Some("to"),
        ..Error::new(ErrorKind::NoRoute, reason)
    })
}

fn check_text(text: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::invalid("text", "the text is empty"));
    }
    let length = text.chars().count();
    if length > TEXT_LIMIT {
        let reason = format!("the text has {length} characters, {TEXT_LIMIT} are the most a message can hold");
        return Err(Error::invalid("text", reason));
    }
    Ok(())
}

/// What can be said against the rest of a request without looking anything up.
fn check(request: &SendRequest, now: Timestamp) -> Result<(), Error> {
    if request.priority.is_some_and(|priority| priority > Priority::ALARM.0) {
        return Err(Error::invalid(
            "priority",
            "the priority is 0 (bulk), 1, 2 or 3 (alarm)",
        ));
    }
    if request.validity_s.is_some_and(|seconds| !VALIDITY.contains(&seconds)) {
        let reason = format!("the validity is {} to {} seconds", VALIDITY.start(), VALIDITY.end());
        return Err(Error::invalid("validity_s", reason));
    }
    if request.send_at.is_some_and(|at| at > now + FARTHEST) {
        return Err(Error::invalid(
            "send_at",
            "a message can be scheduled at most 366 days ahead",
        ));
    }
    let key = request.idempotency_key.as_deref();
    if key.is_some_and(|key| key.is_empty() || key.len() > KEY_LIMIT) {
        return Err(Error::invalid(
            "idempotency_key",
            format!("the key has 1 to {KEY_LIMIT} octets"),
        ));
    }
    Ok(())
}

fn class_of(request: &SendRequest) -> Result<Option<Class>, Error> {
    match (request.flash, request.class) {
        (_, Some(class)) if class > 3 => Err(Error::invalid("class", "the class is 0, 1, 2 or 3")),
        (true, Some(class)) if class != 0 => Err(Error::invalid(
            "class",
            "a flash message has class 0: leave `class` or `flash` out",
        )),
        (true, _) => Ok(Some(Class(0))),
        (false, class) => Ok(class.map(Class)),
    }
}

/// A strict sender that stays unusable until an operator does something is refused at once; one that is only away for
/// a moment is waited for.
fn refuse_hopeless(status: &RouteStatus) -> Result<(), Error> {
    match &status.obstacle {
        Some(obstacle) if obstacle.needs_operator => {
            let reason = format!("'{}' cannot send: {}", status.route, obstacle.sentence);
            Err(Error {
                field: Some("from"),
                ..Error::new(ErrorKind::NoRoute, reason)
            })
        }
        _ => Ok(()),
    }
}

pub(super) fn refused(error: AcceptError) -> Error {
    match error {
        AcceptError::KeyReused => Error::invalid(
            "idempotency_key",
            "this idempotency key was used for another recipient or text",
        ),
        AcceptError::QueueFull { .. } => Error::new(
            ErrorKind::QueueFull,
            format!("{error}: try again when some of it is sent"),
        ),
        AcceptError::Spent => Error::new(
            ErrorKind::LimitReached,
            "the token's daily spend is used up, with what waits: try again later, or have `daily_spend_micros` raised",
        ),
        AcceptError::Parts(_) => Error::invalid("text", error.to_string()),
        AcceptError::Store(error) => unavailable(error),
    }
}

/// The store cannot keep or tell anything now.
pub(crate) fn unavailable(error: store::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the message store does not work now: try again later",
    )
    .with_detail(error)
}

/// A minute to 63 weeks, the longest TP-VP (TS 23.040 9.2.3.12.1).
const VALIDITY: std::ops::RangeInclusive<u32> = 60..=38_102_400;

const FARTHEST: Duration = Duration::from_secs(366 * 86_400);

const KEY_LIMIT: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn field(request: &SendRequest) -> Option<&'static str> {
        check(request, Timestamp::UNIX_EPOCH)
            .and_then(|()| check_text(&request.text))
            .err()
            .and_then(|error| error.field)
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = SendRequest {
            to: "+491711234567".into(),
            text: "x".into(),
            ..SendRequest::default()
        };
        assert_eq!(field(&good), None);
        assert_eq!(
            field(&SendRequest {
                text: String::new(),
                ..good.clone()
            }),
            Some("text")
        );
        assert_eq!(
            field(&SendRequest {
                text: "x".repeat(TEXT_LIMIT + 1),
                ..good.clone()
            }),
            Some("text")
        );
        assert_eq!(
            field(&SendRequest {
                priority: Some(4),
                ..good.clone()
            }),
            Some("priority")
        );
        assert_eq!(
            field(&SendRequest {
                validity_s: Some(59),
                ..good.clone()
            }),
            Some("validity_s")
        );
        assert_eq!(
            field(&SendRequest {
                idempotency_key: Some(String::new()),
                ..good
            }),
            Some("idempotency_key")
        );
    }

    #[test]
    fn flash_is_class_zero_and_nothing_else() {
        let request = |flash, class| SendRequest {
            flash,
            class,
            ..SendRequest::default()
        };
        assert_eq!(class_of(&request(true, None)), Ok(Some(Class(0))));
        assert_eq!(class_of(&request(false, Some(2))), Ok(Some(Class(2))));
        assert!(class_of(&request(true, Some(1))).is_err());
        assert!(class_of(&request(false, Some(4))).is_err());
    }
}
