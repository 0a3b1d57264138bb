//! What a token may spend a day: what it spent, what of its messages waits, and one more.

use std::time::Duration;

use message::{Number, RouteId};
use router::RouteConfig;
use store::NewMessage;
use tokio::sync::MutexGuard;

use super::send::unavailable;
use crate::in_force::Terms;
use crate::{Error, ErrorKind, Gateway, Origin};

impl Gateway {
    /// Whether a token may still spend what a message costs at most. What is given back is to be held until the message is
    /// kept: of two that are looked at together, the second one counts the first.
    ///
    /// # Errors
    /// It spent too much, or the store does not work.
    pub(super) async fn check_spend(
        &self,
        origin: &Origin,
        message: &NewMessage,
    ) -> Result<Option<MutexGuard<'_, ()>>, Error> {
        let (Some(limit), Some(token)) = (origin.daily_spend_micros, &origin.token) else {
            return Ok(None);
        };
        let turn = self.inner.spending.lock().await;
        let store = &self.inner.store;
        let terms = self.terms();
        // In this order: what goes out in between is counted twice rather than not at all.
        let open = store.open_of(token).await.map_err(unavailable)?;
        let since = message.accepted_at - Duration::from_secs(86_400);
        let spent = store.spent(token, since).await.map_err(unavailable)?;
        let waiting = open.iter().filter(|open| open.message != message.id).map(|open| {
            let each = dearest(&terms, origin, open.from.as_ref(), &open.to);
            each.saturating_mul(open.parts.into())
        });
        let each = dearest(&terms, origin, message.from.as_ref(), &message.to);
        let own = each.saturating_mul(i64::try_from(message.parts.len()).unwrap_or(i64::MAX));
        let after = waiting.fold(spent.saturating_add(own), i64::saturating_add);
        if after <= limit {
            return Ok(Some(turn));
        }
        let reason = "the token's daily spend is used up: try again later, or have `daily_spend_micros` raised";
        Err(Error::new(ErrorKind::LimitReached, reason))
    }
}

/// What a part costs on the dearest route that it may take: a limit that can be passed is none.
fn dearest(terms: &Terms, origin: &Origin, from: Option<&RouteId>, to: &Number) -> i64 {
    let number = to.to_string();
    let cost = |(route, config): (&RouteId, &RouteConfig)| {
        let fits = from.is_none_or(|from| from == route) && origin.may_use(route);
        fits.then(|| {
            config
                .longest_match(&number)
                .map_or(config.cost_micros, |found| found.cost_micros)
        })
    };
    terms.routes.routes.iter().filter_map(cost).max().unwrap_or(0)
}
