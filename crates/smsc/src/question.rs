//! Answers to questions about messages.

use gateway::Gateway;
use message::{MessageId, MessageView};
use smpp::session::Answer;
use smpp::{Body, Moment, Octets, QuerySm, QuerySmResp, Status, Time, Tlvs};

use crate::member::Member;
use crate::refusal::Refusal;
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
    let id: MessageId = question.message_id.text().parse().map_err(|_| unknown())?;
    let view = gateway.status(&member.origin, id).await.map_err(|_| unknown())?;
    let state = ticket::state(view.state);
    let ended = state.is_final().then(|| ended_at(&view)).flatten();
    Ok(QuerySmResp {
        message_id: question.message_id.clone(),
        final_date: ended.unwrap_or_default(),
        message_state: state.number(),
        error_code: u8::try_from(network_error(&view).unwrap_or_default()).unwrap_or(u8::MAX),
    })
}

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
