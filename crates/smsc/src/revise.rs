//! Messages that wait are taken back, and get other words.

use gateway::{AuditEntry, ErrorKind, Gateway};
use jiff::{SignedDuration, Timestamp};
use message::{MessageId, MessageView};
use smpp::{Body, CancelSm, EsmClass, ReplaceSm, Sm, Status, Tag, Tlvs};
use store::NewMessage;

use crate::member::Member;
use crate::question::own_message;
use crate::refusal::Refusal;
use crate::submit::{Submission, Times, expiry, number, payload, schedule};
use crate::ticket::{Address, Ticket};

/// Takes a message back, or all that were submitted alike (clause 4.9), as far as they were not attempted.
pub(crate) async fn cancel(gateway: &Gateway, member: &Member, wish: &CancelSm) -> Result<(), Refusal> {
    let wanted = match wish.message_id.is_empty() {
        true => alike(gateway, member, wish).await?,
        false => named(gateway, member, wish).await?,
    };
    note(gateway, member, wish, &wanted).await?;
    let [one] = wanted[..] else {
        let gone = gateway.cancel_all(wanted).await.map_err(cannot_cancel)?;
        return match gone.is_empty() {
            true => Err(Refusal::new(Status::CANCEL_FAILED, "nothing waits that fits")),
            false => Ok(()),
        };
    };
    let cancelled = gateway.cancel(&member.terms().origin, one).await;
    cancelled.map(drop).map_err(cannot_cancel)
}

/// The message of an id; those of a submit_multi have one id together, and the recipient tells them apart.
async fn named(gateway: &Gateway, member: &Member, wish: &CancelSm) -> Result<Vec<MessageId>, Refusal> {
    let unknown = || Refusal::new(Status::CANCEL_FAILED, "there is no such message of this account");
    let id: MessageId = wish.message_id.text().parse().map_err(|_| unknown())?;
    let note = gateway
        .note_of(&member.terms().origin, id)
        .await
        .map_err(cannot_cancel)?;
    let ticket = note.as_deref().and_then(Ticket::read);
    if ticket.as_ref().is_some_and(|ticket| !ticket.is_from(&wish.source_addr)) {
        let why = "source_addr is not that of the message";
        return Err(Refusal::new(Status::CANCEL_FAILED, why));
    }
    if ticket.is_none_or(|ticket| ticket.group.is_none()) {
        return Ok(vec![id]);
    }
    let of_group = |_, note: &str| Ticket::read(note).is_some_and(|ticket| ticket.group == Some(id));
    let to = (!wish.destination_addr.is_empty()).then(|| destination(wish));
    let found = gateway.waiting(&member.terms().origin, to.as_deref(), of_group).await;
    found.map_err(cannot_cancel)
}

/// What waits of the same sender, recipient and service.
async fn alike(gateway: &Gateway, member: &Member, wish: &CancelSm) -> Result<Vec<MessageId>, Refusal> {
    if wish.destination_addr.is_empty() {
        return Err(Refusal::new(
            Status::CANCEL_FAILED,
            "without message_id there must be a destination_addr",
        ));
    }
    let source = Address::new(wish.source_addr_ton, wish.source_addr_npi, &wish.source_addr);
    let service = wish.service_type.text();
    let fits = |_, note: &str| {
        let ticket = Ticket::read(note);
        ticket.is_some_and(|ticket| ticket.source.address == source.address && ticket.service_type == service)
    };
    let to = destination(wish);
    let found = gateway.waiting(&member.terms().origin, Some(&to), fits).await;
    found.map_err(cannot_cancel)
}

/// The last message that waits of the sender, recipient and service of a submission, and can be replaced by it.
pub(crate) async fn last_like(
    gateway: &Gateway,
    member: &Member,
    submission: &Submission,
    to: &Address,
) -> Result<Option<MessageId>, Refusal> {
    let fits = |_, note: &str| {
        let ticket = Ticket::read(note).filter(|ticket| ticket.group.is_none() && !ticket.form.header);
        ticket.is_some_and(|ticket| {
            ticket.source.address == submission.source.address && ticket.service_type == submission.service_type
        })
    };
    let found = gateway.waiting(&member.terms().origin, Some(&number(to)), fits).await?;
    Ok(found.last().copied())
}

fn destination(wish: &CancelSm) -> String {
    number(&Address::new(
        wish.dest_addr_ton,
        wish.dest_addr_npi,
        &wish.destination_addr,
    ))
}

/// Puts other words into a message of which nothing was attempted (clause 4.10). What the request leaves empty stays.
pub(crate) async fn replace(gateway: &Gateway, member: &Member, wish: &ReplaceSm, tlvs: &Tlvs) -> Result<(), Refusal> {
    let failed = |why: &str| Refusal::new(Status::REPLACE_FAILED, why);
    let unknown = || failed("there is no such message of this account");
    let own = own_message(gateway, member, &wish.message_id.text()).await;
    let (view, ticket) = own.ok_or_else(unknown)?;
    let ticket = ticket.ok_or_else(unknown)?;
    if ticket.source.octets() != wish.source_addr {
        return Err(failed("source_addr is not that of the message"));
    }
    if ticket.group.is_some() {
        return Err(failed(
            "the id is that of messages to several: they are not replaced one by one",
        ));
    }
    if ticket.form.header {
        return Err(failed("it has a header, which other words would lose"));
    }
    let draft = draft(gateway, member, wish, tlvs, (&view, &ticket))?;
    let replaced = gateway.replace(&member.terms().origin, draft).await;
    replaced.map_err(|error| match error.kind {
        ErrorKind::WrongState | ErrorKind::NotFound => failed(&error.reason),
        _ => Refusal::from(error),
    })
}

/// The message as it is to be: what a submit_sm with the old fields and the new words would make.
fn draft(
    gateway: &Gateway,
    member: &Member,
    wish: &ReplaceSm,
    tlvs: &Tlvs,
    (view, ticket): (&MessageView, &Ticket),
) -> Result<NewMessage, Refusal> {
    let body = Body::SubmitSm(Sm {
        service_type: ticket.service_type.as_str().into(),
        source_addr_ton: ticket.source.ton,
        source_addr_npi: ticket.source.npi,
        source_addr: ticket.source.octets(),
        dest_addr_ton: ticket.destination.ton,
        dest_addr_npi: ticket.destination.npi,
        destination_addr: ticket.destination.octets(),
        esm_class: if ticket.form.reply_path {
            EsmClass::REPLY_PATH
        } else {
            0
        },
        protocol_id: ticket.form.protocol_id,
        priority_flag: view.priority,
        registered_delivery: wish.registered_delivery,
        data_coding: ticket.coding,
        sm_default_msg_id: wish.sm_default_msg_id,
        short_message: wish.short_message.clone(),
        ..Sm::default()
    });
    let Some(mut submission) = Submission::of(&body) else {
        return Err(Refusal::new(Status::REPLACE_FAILED, "it cannot be submitted"));
    };
    let payload = payload(&body, tlvs)?;
    let [to] = &submission.to[..] else {
        return Err(Refusal::new(Status::REPLACE_FAILED, "it has no recipient"));
    };
    let lasting = Lasting::settle(wish, (view.send_at, view.expires_at), ticket.at, message::now())?;
    submission.settled = Some(lasting.times());
    let mut tlvs = tlvs.clone();
    tlvs.remove(Tag::DEST_ADDR_SUBUNIT);
    if ticket.form.flash {
        tlvs.push_octet(Tag::DEST_ADDR_SUBUNIT, DISPLAY);
    }
    let mut message = submission.draft(to, &payload, &tlvs, member, (gateway, None, None))?;
    message.id = view.id;
    message.note = kept_note(message.note.as_deref(), ticket);
    if wish.validity_period.is_empty() {
        message.expires_at = lasting.ends;
    }
    Ok(message)
}

/// From when to when the message is worth something, with what the request leaves empty as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lasting {
    send_at: Option<Timestamp>,
    begins: Timestamp,
    ends: Timestamp,
}

impl Lasting {
    /// `old`: when it was to be sent, and when it ended; `taken`: when it was submitted. Where only the schedule is another,
    /// it is worth something for as long after it as before.
    fn settle(
        wish: &ReplaceSm,
        old: (Option<Timestamp>, Timestamp),
        taken: Timestamp,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let (old_send_at, old_end) = old;
        let moved = schedule(&wish.schedule_delivery_time, now)?;
        let send_at = moved.or(old_send_at);
        let begins = send_at.map_or(now, |at| at.max(now));
        let lasted = old_end.duration_since(old_send_at.map_or(taken, |at| at.max(taken)));
        let ends = match (expiry(&wish.validity_period, now)?, moved) {
            (Some(ends), _) => ends,
            (None, Some(_)) => begins
                .checked_add(lasted.max(SignedDuration::ZERO))
                .map_err(|_| Refusal::new(Status::INVALID_SCHEDULE, "schedule_delivery_time is too far"))?,
            (None, None) => old_end,
        };
        if ends <= begins {
            let why = "the message would end before it is due";
            return Err(Refusal::new(Status::INVALID_EXPIRY, why));
        }
        Ok(Self { send_at, begins, ends })
    }

    fn times(self) -> Times {
        Times {
            send_at: self.send_at,
            lasts: Some(self.ends.duration_since(self.begins).as_secs()),
        }
    }
}

/// The new note: when it was submitted and with whom stays.
fn kept_note(note: Option<&str>, old: &Ticket) -> Option<String> {
    let new = note.and_then(Ticket::read)?;
    let ticket = Ticket {
        at: old.at,
        group: old.group,
        ..new
    };
    ticket.note()
}

/// Notes in the audit log that messages are to be taken back: of one all that is known, of several what was asked.
async fn note(gateway: &Gateway, member: &Member, wish: &CancelSm, wanted: &[MessageId]) -> Result<(), Refusal> {
    let entry = AuditEntry {
        token: member.terms().origin.token.clone(),
        facts: Some(match wanted.len() {
            1 => "over SMPP".to_owned(),
            count => format!("over SMPP, {count} messages"),
        }),
        number: gateway.read_number(&destination(wish)),
        message: wish.message_id.text().parse().ok(),
        ..AuditEntry::new("sms.cancel", message::now())
    };
    let entry = match wanted {
        [one] => gateway.audit_about(*one, entry).await,
        _ => entry,
    };
    gateway.audit(entry).await.map_err(Refusal::from)
}

fn cannot_cancel(error: gateway::Error) -> Refusal {
    match error.kind {
        ErrorKind::Unavailable => Refusal::from(error),
        _ => Refusal::new(Status::CANCEL_FAILED, error.reason),
    }
}

/// dest_addr_subunit of a display.
const DISPLAY: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    /// Of a message that was taken an hour ago.
    fn settled(times: (&str, &str), send_at: Option<i64>, ends: i64) -> Result<(Option<Timestamp>, Timestamp), Status> {
        let wish = ReplaceSm {
            schedule_delivery_time: times.0.into(),
            validity_period: times.1.into(),
            ..ReplaceSm::default()
        };
        let lasting = Lasting::settle(&wish, (send_at.map(at), at(ends)), at(-HOUR), at(0));
        lasting
            .map(|lasting| (lasting.send_at, lasting.ends))
            .map_err(|refusal| refusal.status)
    }

    #[test]
    fn other_times_leave_room_between_them() {
        let (one, two, five) = ("000000010000000R", "000000020000000R", "000000050000000R");
        let due = Some(3 * HOUR);
        let ends = 4 * HOUR;
        assert_eq!(settled(("", ""), due, ends), Ok((due.map(at), at(ends))), "as it was");
        assert_eq!(
            settled((five, ""), due, ends),
            Ok((Some(at(5 * HOUR)), at(6 * HOUR))),
            "an hour after it, as before"
        );
        assert_eq!(
            settled((five, ""), None, HOUR),
            Ok((Some(at(5 * HOUR)), at(7 * HOUR))),
            "two hours from when it was taken"
        );
        assert_eq!(settled(("", five), due, ends), Ok((due.map(at), at(5 * HOUR))));
        assert_eq!(settled((one, two), due, ends), Ok((Some(at(HOUR)), at(2 * HOUR))));
        for wrong in [("", two), (five, two), (two, two)] {
            assert_eq!(settled(wrong, due, ends), Err(Status::INVALID_EXPIRY), "{wrong:?}");
        }
        assert_eq!(settled(("", ""), None, -1), Err(Status::INVALID_EXPIRY), "it is over");
        assert_eq!(settled(("soon", ""), due, ends), Err(Status::INVALID_SCHEDULE));
    }
}
