//! Keeps what is submitted, for one recipient or several.

use std::sync::Arc;

use gateway::Gateway;
use smpp::session::Answer;
use smpp::{Body, Octets, Status, SubmitMultiResp, Tlvs, Unsuccessful};
use store::NewMessage;

use crate::marks::Mark;
use crate::member::Member;
use crate::refusal::Refusal;
use crate::submit::{Submission, payload};
use crate::ticket::Address;

/// Keeps what is submitted. The answer says so only then. With it come the marks of the messages that were taken, to be
/// dropped when the answer is on the wire.
pub(crate) async fn submit(gateway: &Gateway, member: &Arc<Member>, body: &Body, tlvs: &Tlvs) -> (Answer, Vec<Mark>) {
    match keep(gateway, member, body, tlvs).await {
        Ok(told) => told,
        Err(refusal) => {
            tracing::debug!(account = member.account.system_id, status = %refusal.status, "refused: {}", refusal.why);
            (refusal.answer(body), Vec::new())
        }
    }
}

async fn keep(
    gateway: &Gateway,
    member: &Arc<Member>,
    body: &Body,
    tlvs: &Tlvs,
) -> Result<(Answer, Vec<Mark>), Refusal> {
    let Some(submission) = Submission::of(body) else {
        return Err(Refusal::new(Status::INVALID_COMMAND, "this is no submission"));
    };
    let payload = payload(body, tlvs)?;
    let mut taken: Vec<Mark> = Vec::new();
    let mut refused = Vec::new();
    for (place, to) in submission.to.iter().enumerate() {
        // The first one was counted when the request came.
        if place > 0 && !member.may_submit() {
            refused.push((to, Refusal::new(Status::THROTTLED, "too many in a second")));
            continue;
        }
        let sim = submission.sim(to, &payload, member, gateway).await;
        let first = taken.first().map(|first| first.id);
        let draft = submission.draft(to, &payload, tlvs, member, (gateway, sim, first));
        let kept = match draft {
            Ok(message) => keep_one(gateway, member, message).await,
            Err(refusal) => Err(refusal),
        };
        match kept {
            Ok(mark) => taken.push(mark),
            Err(refusal) => refused.push((to, refusal)),
        }
    }
    for list in &submission.lists {
        refused.push((list, Refusal::new(Status::INVALID_LIST_NAME, "there are no lists here")));
    }
    let answer = answer(body, &taken, refused)?;
    Ok((answer, taken))
}

async fn keep_one(gateway: &Gateway, member: &Arc<Member>, message: NewMessage) -> Result<Mark, Refusal> {
    // Before it is kept, since its receipt may come at once.
    let unanswered = member.unanswered.put(message.id);
    gateway.hand_in(&member.origin, message).await?;
    Ok(unanswered)
}

/// The answer to a submission: to one, or to several of whom some may have been refused.
fn answer(body: &Body, taken: &[Mark], refused: Vec<(&Address, Refusal)>) -> Result<Answer, Refusal> {
    let Some(first) = taken.first() else {
        let none = || Refusal::new(Status::INVALID_NUMBER_OF_DESTINATIONS, "there is no recipient");
        return Err(refused.into_iter().next().map_or_else(none, |(_, refusal)| refusal));
    };
    let message_id: Octets = first.id.to_string().into();
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
