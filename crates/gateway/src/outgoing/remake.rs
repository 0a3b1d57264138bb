//! Making a message anew: for another SIM, which needs a new reference, or in another alphabet.

use std::sync::Arc;

use message::{Alphabet, Class, MessageId, MessageView, RouteId};
use store::{DuePart, MoveError, Store};
use tpdu::{Direction, Pdu, Tpdu};
use tracing::{info, warn};

use super::compose::{Composer, Form, Manner, Written};
use super::verbatim::is_verbatim;
use super::verdict::Remake;
use crate::clock;

/// Makes messages anew.
#[derive(Debug, Clone)]
pub(crate) struct Remaker {
    pub(crate) store: Store,
    pub(crate) composer: Arc<Composer>,
}

impl Remaker {
    /// Makes the parts of `id` anew and keeps them; `None` where that is not possible (now).
    pub(crate) async fn remake(&self, id: MessageId, remake: Remake) -> Option<Vec<DuePart>> {
        let view = match self.store.status(id).await {
            Ok(view) => view?,
            Err(error) => {
                warn!(sms = %id, "cannot read a message to make it anew: {error}");
                return None;
            }
        };
        let written = self.compose(&view, &remake)?;
        let moved = self
            .store
            .move_message(id, written.tpdus, written.alphabet, remake.exclude.clone());
        match moved.await {
            Ok(parts) => {
                let (alphabet, without) = (
                    remake.alphabet.map(Alphabet::name),
                    remake.exclude.as_ref().map(RouteId::as_str),
                );
                info!(sms = %id, alphabet, without, "made anew");
                Some(parts.into_inner())
            }
            Err(MoveError::Bound { part, .. }) => {
                info!(sms = %id, part, "not made anew: a part is out already or its fate is unknown");
                None
            }
            Err(error) => {
                warn!(sms = %id, "not made anew: {error}");
                None
            }
        }
    }

    fn compose(&self, view: &MessageView, remake: &Remake) -> Option<Written> {
        let text = view.text.as_deref()?;
        let Tpdu::Submit(old) = Pdu::decode_bare(&remake.template, Direction::ToNetwork).ok()?.tpdu else {
            return None;
        };
        if is_verbatim(&old, view.parts.len()) {
            return None;
        }
        let form = Form {
            class: old.dcs.class().map(|class| Class(class.number())),
            report: old.report_request,
            transliterate: false,
            alphabet: Some(remake.alphabet.unwrap_or(view.alphabet)),
            validity: view
                .expires_at
                .duration_since(clock::now())
                .try_into()
                .unwrap_or_default(),
            manner: Manner {
                reply_path: old.reply_path,
                ports: None,
            },
        };
        self.composer.compose(&view.to, text, &form).ok()
    }
}
