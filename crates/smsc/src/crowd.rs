//! Submissions that came together are kept together: one job for the disk's thread, and one waking when it is done.

use std::sync::Arc;

use gateway::Gateway;
use smpp::session::{Answer, Owed};
use store::NewMessage;

use crate::marks::Mark;
use crate::member::Member;
use crate::refusal::Refusal;
use crate::taking::Taken;

/// Submissions of one account, each with one recipient, that are not handed in yet.
pub(crate) struct Crowd {
    member: Arc<Member>,
    owed: Vec<(Owed, Mark)>,
    messages: Vec<NewMessage>,
}

/// What came of one of them.
pub(crate) struct Told {
    pub(crate) owed: Owed,
    pub(crate) answer: Answer,
    pub(crate) taken: Option<Taken>,
}

impl Crowd {
    /// Nobody yet.
    pub(crate) fn of(member: Arc<Member>) -> Self {
        Self {
            member,
            owed: Vec::new(),
            messages: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, owed: Owed, message: NewMessage) {
        // Before it is kept: whoever looks at it meanwhile may tell of it.
        self.owed.push((owed, self.member.unanswered.put(message.id)));
        self.messages.push(message);
    }

    /// Whether it is handed in before more are added: while the disk works on one crowd, the next one is read.
    pub(crate) fn is_full(&self) -> bool {
        self.messages.len() >= MOST
    }

    /// Keeps them, and answers each.
    pub(crate) async fn keep(self, gateway: Gateway) -> Vec<Told> {
        let kept = gateway.keep_all(self.messages).await;
        let told = self.owed.into_iter().zip(kept).map(|((owed, mark), kept)| match kept {
            Ok(parts) => Told {
                owed,
                answer: Answer::taken(mark.id.to_string()),
                taken: Some(Taken {
                    mark,
                    parts: Some(parts),
                }),
            },
            Err(error) => Told {
                answer: Refusal::from(error).tell(&self.member, owed.command()),
                owed,
                taken: None,
            },
        });
        told.collect()
    }
}

/// How many are handed in together.
const MOST: usize = 32;
