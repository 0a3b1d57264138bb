//! Answers to questions about messages.

use gateway::Gateway;
use message::{MessageId, MessageView, PartState};
use smpp::session::Answer;
use smpp::{Body, MessageState, Moment, Octets, QuerySm, QuerySmResp, Status, Time, Tlvs};

use crate::member::Member;
use crate::refusal::Refusal;
use crate::ticket::Ticket;
use crate::{revise, ticket};

/// The answer to a question.
pub(crate) async fn answer(gateway: &Gateway, member: &Member, body: &Body, tlvs: &Tlvs) -> Answer {
    let told = match body {
        Body::QuerySm(question) => query(gateway, member, question).await.map(Body::QuerySmResp),
        Body::CancelSm(wish) => {
            let cancelled = revise::cancel(gateway, member, wish).await;
            cancelled.map(|()| Body::CancelSmResp)
        }
        Body::ReplaceSm(wish) => {
            let replaced = revise::replace(gateway, member, wish, tlvs).await;
            replaced.map(|()| Body::ReplaceSmResp)
        }
        _ => Err(Refusal::new(Status::INVALID_COMMAND, "nobody here does that")),
    };
    told.map_or_else(|refusal| refusal.tell(member, body.command()), Answer::of)
}

async fn query(gateway: &Gateway, member: &Member, question: &QuerySm) -> Result<QuerySmResp, Refusal> {
    let unknown = || Refusal::new(Status::QUERY_FAILED, "there is no such message of this account");
    let own = own_message(gateway, member, &question.message_id.text()).await;
    let (view, ticket) = own.ok_or_else(unknown)?;
    if ticket.is_some_and(|ticket| !ticket.is_from(&question.source_addr)) {
        return Err(Refusal::new(
            Status::QUERY_FAILED,
            "source_addr is not that of the message",
        ));
    }
    let state = end_of(&view);
    let ended = state.is_final().then(|| ended_at(&view)).flatten();
    Ok(QuerySmResp {
        message_id: question.message_id.clone(),
        final_date: ended.unwrap_or_default(),
        message_state: state.number(),
        error_code: u8::try_from(network_error(&view).unwrap_or_default()).unwrap_or(u8::MAX),
    })
}

/// A message of this account, and the ticket of its submission; nothing where the account has no such message, or none can
/// be told now.
pub(crate) async fn own_message(gateway: &Gateway, member: &Member, id: &str) -> Option<(MessageView, Option<Ticket>)> {
    let (id, terms): (MessageId, _) = (id.parse().ok()?, member.terms());
    let view = gateway.status(&terms.origin, id).await.ok()?;
    let note = gateway.note_of(&terms.origin, id).await.ok()?;
    Some((view, note.as_deref().and_then(Ticket::read)))
}

/// What SMPP calls the state of a message: of a failed one, what the network's last word on it was.
pub(crate) fn end_of(view: &MessageView) -> MessageState {
    let state = ticket::state(view.state);
    if state != MessageState::Undeliverable {
        return state;
    }
    let failed = view.parts.iter().rev().filter(|part| part.state == PartState::Failed);
    let found = failed.filter_map(|part| part.code.as_deref()).find_map(|code| {
        let fits = |(known, _): &&(&str, MessageState)| *known == code;
        ENDS.iter().find(fits).map(|(_, state)| *state)
    });
    found.unwrap_or(state)
}

/// What a failed message's end is where that is not UNDELIV: codes as the history writes them. The network refused it
/// (TS 27.005 3.2.5), or its service centre let it expire or deleted it (TS 23.040 9.2.3.15).
const ENDS: &[(&str, MessageState)] = &[
    ("CMS 8", MessageState::Rejected),
    ("CMS 10", MessageState::Rejected),
    ("CMS 21", MessageState::Rejected),
    ("CMS 29", MessageState::Rejected),
    ("CMS 50", MessageState::Rejected),
    ("CMS 69", MessageState::Rejected),
    ("CMS 144", MessageState::Rejected),
    ("CMS 145", MessageState::Rejected),
    ("CMS 193", MessageState::Rejected),
    ("CMS 196", MessageState::Rejected),
    ("CMS 197", MessageState::Rejected),
    ("TP-ST 0x46", MessageState::Expired),
    ("TP-ST 0x47", MessageState::Deleted),
    ("TP-ST 0x48", MessageState::Deleted),
];

/// When a message's last part was settled, as SMPP writes it.
fn ended_at(view: &MessageView) -> Option<Octets> {
    let at = view.parts.iter().filter_map(|part| part.settled_at).max()?;
    let moment = Moment {
        unix_seconds: at.as_second(),
        tenths: 0,
        quarters: 0,
    };
    Some(Time::Absolute(moment).encode())
}

/// The network's number of what went wrong with the message last.
pub(crate) fn network_error(view: &MessageView) -> Option<u16> {
    let codes = view.parts.iter().rev().filter_map(|part| part.code.as_deref());
    codes.filter_map(|code| code.strip_prefix("CMS ")?.parse().ok()).next()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use message::{Alphabet, MessageState as State, Number, PartView};

    use super::*;

    fn part(state: PartState, code: Option<&str>) -> PartView {
        PartView {
            part: 1,
            state,
            sim: None,
            reference: None,
            peer_id: None,
            attempts: 1,
            attempted_at: None,
            sent_at: None,
            settled_at: None,
            due_at: None,
            waits: None,
            error: None,
            code: code.map(str::to_owned),
            maybe_twice: false,
            receipts: Vec::new(),
        }
    }

    fn view(state: State, parts: Vec<PartView>) -> MessageView {
        MessageView {
            id: MessageId::fresh(),
            to: Number::received("+491711234567"),
            text: None,
            state,
            priority: 1,
            alphabet: Alphabet::Gsm7,
            accepted_at: Timestamp::UNIX_EPOCH,
            send_at: None,
            expires_at: Timestamp::UNIX_EPOCH,
            token: None,
            maybe_twice: false,
            parts,
        }
    }

    #[test]
    fn a_failed_message_ends_as_the_network_said() {
        let of = |state, parts| end_of(&view(state, parts));
        let failed = |code| of(State::Failed, vec![part(PartState::Failed, code)]);
        for (code, end) in [
            ("CMS 8", MessageState::Rejected),
            ("CMS 21", MessageState::Rejected),
            ("CMS 1", MessageState::Undeliverable),
            ("CMS 27", MessageState::Undeliverable),
            ("TP-ST 0x46", MessageState::Expired),
            ("TP-ST 0x47", MessageState::Deleted),
            ("TP-ST 0x41", MessageState::Undeliverable),
        ] {
            assert_eq!(failed(Some(code)), end, "{code}");
        }
        assert_eq!(failed(None), MessageState::Undeliverable);
        let delivered = vec![part(PartState::Delivered, Some("CMS 8"))];
        assert_eq!(of(State::Delivered, delivered), MessageState::Delivered, "at last");
    }

    #[test]
    fn what_no_modem_could_send_tells_the_networks_number_when_its_time_is_over() {
        let expired = view(State::Expired, vec![part(PartState::Expired, Some("CMS 331"))]);
        assert_eq!(
            (end_of(&expired), network_error(&expired)),
            (MessageState::Expired, Some(331))
        );
        let never = view(State::Expired, vec![part(PartState::Expired, None)]);
        assert_eq!(network_error(&never), None, "nobody tried");
    }
}
