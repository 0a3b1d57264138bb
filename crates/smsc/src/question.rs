//! Answers: to submissions, and to questions about messages.

use gateway::Gateway;
use message::{MessageId, MessageView};
use smpp::session::Answer;
use smpp::{Body, CancelSm, Moment, Octets, QuerySm, QuerySmResp, Status, SubmitMultiResp, Time, Unsuccessful};

use crate::member::Member;
use crate::refusal::Refusal;
use crate::ticket::{self, Address};

/// The answer to a submission: to one, or to several of whom some may have been refused. `first` is the first message that
/// was taken.
pub(crate) fn submitted(
    body: &Body,
    first: Option<MessageId>,
    refused: Vec<(&Address, Refusal)>,
) -> Result<Answer, Refusal> {
    let Some(first) = first else {
        let none = || Refusal::new(Status::INVALID_DESTINATION, "there is no recipient");
        return Err(refused.into_iter().next().map_or_else(none, |(_, refusal)| refusal));
    };
    let message_id: Octets = first.to_string().into();
    Ok(match body {
        Body::SubmitMulti(_) => {
            let unsuccess_sme = refused.iter().map(|(to, refusal)| Unsuccessful {
                ton: to.ton,
                npi: to.npi,
                address: to.octets(),
                status: refusal.status,
            });
            Answer::of(Body::SubmitMultiResp(SubmitMultiResp {
                message_id,
                unsuccess_sme: unsuccess_sme.collect(),
            }))
        }
        _ => Answer::taken(message_id),
    })
}

/// The answer to a question.
pub(crate) async fn answer(gateway: &Gateway, member: &Member, body: &Body) -> Answer {
    let told = match body {
        Body::QuerySm(question) => query(gateway, member, question).await.map(Body::QuerySmResp),
        Body::CancelSm(wish) => cancel(gateway, member, wish).await.map(|()| Body::CancelSmResp),
        // A message is durable once it is answered, and what is durable is not written anew.
        Body::ReplaceSm(_) => Err(Refusal::new(
            Status::REPLACE_FAILED,
            "messages are not replaced: cancel it and submit another",
        )),
        _ => Err(Refusal::new(Status::INVALID_COMMAND, "nobody here does that")),
    };
    told.map_or_else(|refusal| refusal.answer(body), Answer::of)
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

async fn cancel(gateway: &Gateway, member: &Member, wish: &CancelSm) -> Result<(), Refusal> {
    let failed = |why: &str| Refusal::new(Status::CANCEL_FAILED, why);
    let id = wish.message_id.text().parse::<MessageId>();
    let id = id.map_err(|_| failed("name the message by its id"))?;
    let cancelled = gateway.cancel(&member.origin, id).await;
    cancelled.map(drop).map_err(|error| failed(&error.reason))
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
