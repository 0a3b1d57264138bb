//! Keeps what is submitted, for one recipient or several. The answer says so only then; only when that is on its way do
//! the parts go out, since whoever waits for the answer comes first.

use std::sync::Arc;

use gateway::{ErrorKind, Gateway};
use smpp::session::Answer;
use smpp::{Body, Octets, Payload, Status, SubmitMultiResp, Tlvs, Unsuccessful};
use store::{AcceptedParts, NewMessage};

use crate::marks::Mark;
use crate::member::Member;
use crate::refusal::Refusal;
use crate::revise;
use crate::submit::{Submission, payload};
use crate::ticket::Address;

/// A message that was taken.
pub(crate) struct Taken {
    /// To be dropped when the answer is on the wire.
    pub(crate) mark: Mark,
    /// To be told to the gateway when the answer was written, or could not be at once; `None`: there is nothing to be told.
    pub(crate) parts: Option<AcceptedParts>,
}

/// Keeps what is submitted.
pub(crate) async fn submit(gateway: &Gateway, member: &Arc<Member>, body: &Body, tlvs: &Tlvs) -> (Answer, Vec<Taken>) {
    match keep(gateway, member, body, tlvs).await {
        Ok(told) => told,
        Err(refusal) => (refusal.tell(member, body.command()), Vec::new()),
    }
}

/// The message of a submission that nothing has to be asked for: it can be kept together with others. `None`: it has
/// several recipients, or is a part that leaves where the others did, or may replace another.
pub(crate) fn plain(
    gateway: &Gateway,
    member: &Member,
    body: &Body,
    tlvs: &Tlvs,
) -> Option<Result<NewMessage, Refusal>> {
    if matches!(body, Body::SubmitMulti(_)) {
        return None;
    }
    let submission = Submission::of(body)?;
    let payload = match payload(body, tlvs) {
        Ok(payload) if payload.concat.is_some() || submission.replaces(&payload) => return None,
        Ok(payload) => payload,
        Err(refusal) => return Some(Err(refusal)),
    };
    let [to] = &submission.to[..] else { return None };
    Some(submission.draft(to, &payload, tlvs, member, (gateway, None, None)))
}

async fn keep(
    gateway: &Gateway,
    member: &Arc<Member>,
    body: &Body,
    tlvs: &Tlvs,
) -> Result<(Answer, Vec<Taken>), Refusal> {
    let Some(submission) = Submission::of(body) else {
        return Err(Refusal::new(Status::INVALID_COMMAND, "this is no submission"));
    };
    let payload = payload(body, tlvs)?;
    // One after the other: of two that came together, the second one replaces the first.
    let turn = match submission.replaces(&payload) {
        true => Some(member.replacing.lock().await),
        false => None,
    };
    if turn.is_some()
        && let Some(replaced) = replace(gateway, member, (&submission, &payload, tlvs)).await?
    {
        let taken = vec![replaced];
        return Ok((answer(body, &taken, Vec::new())?, taken));
    }
    let mut taken: Vec<Taken> = Vec::new();
    let mut refused = Vec::new();
    for (place, to) in submission.to.iter().enumerate() {
        // The first one was counted when the request came.
        if place > 0 && !member.may_submit() {
            refused.push((to, Refusal::new(Status::THROTTLED, "too many in a second")));
            continue;
        }
        let sim = submission.sim(to, &payload, member, gateway).await;
        let first = taken.first().map(|first| first.mark.id);
        let draft = submission.draft(to, &payload, tlvs, member, (gateway, sim, first));
        let kept = match draft {
            Ok(message) => keep_one(gateway, member, message).await,
            Err(refusal) => Err(refusal),
        };
        match kept {
            Ok(one) => taken.push(one),
            Err(refusal) => refused.push((to, refusal)),
        }
    }
    for list in &submission.lists {
        refused.push((list, Refusal::new(Status::INVALID_LIST_NAME, "there are no lists here")));
    }
    let answer = answer(body, &taken, refused)?;
    Ok((answer, taken))
}

/// Puts a submission in the place of the last one like it that waits, and under its id: whoever knows that is told its end
/// once. `None`: there is none, or it goes out already.
async fn replace(
    gateway: &Gateway,
    member: &Arc<Member>,
    (submission, payload, tlvs): (&Submission, &Payload<'_>, &Tlvs),
) -> Result<Option<Taken>, Refusal> {
    let [to] = &submission.to[..] else { return Ok(None) };
    let draft = submission.draft(to, payload, tlvs, member, (gateway, None, None))?;
    let Some(id) = revise::last_like(gateway, member, submission, to).await? else {
        return Ok(None);
    };
    let mark = member.unanswered.put(id);
    match gateway
        .replace(&member.terms().origin, NewMessage { id, ..draft })
        .await
    {
        Ok(()) => Ok(Some(Taken { mark, parts: None })),
        Err(error) if matches!(error.kind, ErrorKind::WrongState | ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn keep_one(gateway: &Gateway, member: &Arc<Member>, message: NewMessage) -> Result<Taken, Refusal> {
    // Before it is kept: whoever looks at it meanwhile may tell of it.
    let mark = member.unanswered.put(message.id);
    let parts = gateway.keep(message).await?;
    Ok(Taken {
        mark,
        parts: Some(parts),
    })
}

/// The answer to a submission: to one, or to several of whom some may have been refused.
fn answer(body: &Body, taken: &[Taken], refused: Vec<(&Address, Refusal)>) -> Result<Answer, Refusal> {
    let Some(first) = taken.first() else {
        let none = || Refusal::new(Status::INVALID_NUMBER_OF_DESTINATIONS, "there is no recipient");
        return Err(refused.into_iter().next().map_or_else(none, |(_, refusal)| refusal));
    };
    let message_id: Octets = first.mark.id.to_string().into();
    if !matches!(body, Body::SubmitMulti(_)) {
        return Ok(Answer::taken(message_id));
    }
    let unsuccess_sme = refused.iter().map(|(to, refusal)| Unsuccessful {
        ton: to.ton,
        npi: to.npi,
        address: to.fitting(),
        status: refusal.status,
    });
    Ok(Answer::of(Body::SubmitMultiResp(SubmitMultiResp {
        message_id,
        unsuccess_sme: unsuccess_sme.collect(),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_to_nobody_has_no_recipients_rather_than_a_wrong_one() {
        let nobody = Body::SubmitMulti(smpp::SubmitMulti::default());
        let refused = answer(&nobody, &[], Vec::new()).map_err(|refusal| refusal.status).err();
        assert_eq!(refused, Some(Status::INVALID_NUMBER_OF_DESTINATIONS));
        let to = Address::new(1, 1, &"abc".into());
        let wrong = vec![(&to, Refusal::new(Status::INVALID_DESTINATION, "no number"))];
        let refused = answer(&nobody, &[], wrong).map_err(|refusal| refusal.status).err();
        assert_eq!(refused, Some(Status::INVALID_DESTINATION));
    }
}
