//! What is left on each SIM: asked by USSD now and then, and shown, and looked at before anything is sent.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use message::{Balance, BalanceLine, BalanceView, Level, RouteId, SlotSnapshot};
use store::{BalanceRow, BalanceState, Store};
use tracing::{info, warn};

use super::SlotCare;
use super::config::Amount;
use crate::carrier::{Obstacle, RouteStatus};
use crate::error::shown;
use crate::outgoing::dispatch::Command;
use crate::outgoing::send::unavailable;
use crate::{CareSettings, Error, ErrorKind, Gateway, Origin, clock};

/// The balances of the SIMs that are asked for theirs.
#[derive(Debug, Default)]
pub(crate) struct Purses(Mutex<HashMap<RouteId, Purse>>);

/// One SIM's balance. Times are those of the clock that only runs.
#[derive(Debug, Clone, Default)]
struct Purse {
    balance: Option<Balance>,
    /// Why the last query told nothing.
    error: Option<String>,
    /// How many told nothing, one after the other.
    failures: u32,
    /// When it is asked for next.
    due: Duration,
    /// A query is going on.
    asking: bool,
    /// Why nothing is sent by the SIM.
    obstacle: Option<String>,
}

impl Purses {
    /// What is on record, so that a restart asks nobody again.
    pub(crate) async fn load(care: &CareSettings, store: &Store) -> Result<Self, store::Error> {
        let mut purses = HashMap::new();
        for (route, care) in care.slots.iter().filter(|(_, care)| care.asks_balance()) {
            let state = store.balance_state(route).await?;
            purses.insert(route.clone(), Purse::known(care, state, clock::now(), clock::steady()));
        }
        Ok(Self(Mutex::new(purses)))
    }

    /// Takes others, as they are on record. A query that is going on goes on.
    pub(crate) fn adopt(&self, others: Self) {
        let mut others = others.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut purses = self.lock();
        for (route, other) in &mut others {
            other.asking = purses.get(route).is_some_and(|purse| purse.asking);
        }
        *purses = others;
    }

    /// The routes, with an obstacle for those whose balance is used up.
    pub(crate) fn judged(&self, mut routes: Vec<RouteStatus>) -> Vec<RouteStatus> {
        let purses = self.lock();
        for status in routes.iter_mut().filter(|status| status.obstacle.is_none()) {
            let obstacle = purses.get(&status.route).and_then(|purse| purse.obstacle.clone());
            status.obstacle = obstacle.map(|sentence| Obstacle {
                sentence,
                needs_operator: true,
            });
        }
        routes
    }

    /// Puts what is known into the snapshot.
    pub(crate) fn show(&self, slots: &mut [SlotSnapshot], care: &CareSettings) {
        let purses = self.lock();
        let usual = SlotCare::default().currency;
        for slot in slots {
            let currency = care.slots.get(&slot.slot).map_or(&usual, |care| &care.currency);
            slot.currency.clone_from(currency);
            if let Some(purse) = purses.get(&slot.slot) {
                slot.balance.clone_from(&purse.balance);
                slot.balance_error.clone_from(&purse.error);
            }
        }
    }

    /// The SIMs whose balance is to be asked for now; each is given once, until [`Purses::told`].
    pub(crate) fn due(&self, is_ready: impl Fn(&RouteId) -> bool, most: usize) -> Vec<RouteId> {
        let now = clock::steady();
        let mut purses = self.lock();
        let going_on = purses.values().filter(|purse| purse.asking).count();
        let mut due = Vec::new();
        for (route, purse) in purses.iter_mut() {
            let wanted = !purse.asking && purse.due <= now && is_ready(route);
            if wanted && going_on + due.len() < most {
                purse.asking = true;
                due.push(route.clone());
            }
        }
        due
    }

    /// Claims a query by hand; not while another one goes on.
    fn claim(&self, route: &RouteId) -> Result<(), Error> {
        let mut purses = self.lock();
        let Some(purse) = purses.get_mut(route) else {
            let reason = format!("the balance of '{route}' is not asked for: set the slot's `balance_ussd`");
            return Err(Error::new(ErrorKind::WrongState, reason));
        };
        if purse.asking {
            let reason = format!("the balance of '{route}' is being asked for: try again in a minute");
            return Err(Error::new(ErrorKind::Conflict, reason));
        }
        purse.asking = true;
        Ok(())
    }

    /// What came of a query. Whether the SIM may be used changed.
    fn told(&self, route: &RouteId, care: &SlotCare, told: &Result<Amount, Untold>, at: Timestamp) -> bool {
        let now = clock::steady();
        let mut purses = self.lock();
        let Some(purse) = purses.get_mut(route) else {
            return false;
        };
        let was = purse.obstacle.clone();
        purse.take(care, told, at, now);
        was != purse.obstacle
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RouteId, Purse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Purse {
    fn known(care: &SlotCare, state: BalanceState, wall: Timestamp, steady: Duration) -> Self {
        let last = state.failed.as_ref().or(state.told.as_ref()).map(|row| row.at);
        let mut purse = Self {
            balance: state.told.as_ref().and_then(balance_of),
            error: state.failed.and_then(|row| row.error),
            failures: state.failures,
            ..Self::default()
        };
        purse.judge(care);
        let age = last
            .map(|last| wall.duration_since(last))
            .map(|age| Duration::try_from(age).unwrap_or_default());
        purse.due = match age {
            Some(age) => steady + purse.pause(care).saturating_sub(age),
            None => steady,
        };
        purse
    }

    fn take(&mut self, care: &SlotCare, told: &Result<Amount, Untold>, at: Timestamp, now: Duration) {
        self.asking = false;
        match told {
            Ok(amount) => {
                self.balance = Some(Balance {
                    micros: amount.0,
                    currency: care.currency.clone(),
                    at,
                });
                self.error = None;
                self.failures = 0;
            }
            Err(Untold::Busy(_)) => {
                self.due = now + BUSY_PAUSE;
                return;
            }
            Err(Untold::Failed(error)) => {
                self.error = Some(error.reason.clone());
                self.failures = self.failures.saturating_add(1);
            }
        }
        self.judge(care);
        self.due = now + self.pause(care);
    }

    fn judge(&mut self, care: &SlotCare) {
        let level = self
            .balance
            .as_ref()
            .map(|balance| (balance, care.balance_level(balance.micros)));
        self.obstacle = match level {
            Some((balance, Some((Level::Critical, least)))) => Some(format!(
                "its balance is {}, below {least}: top it up",
                care.money(balance.micros)
            )),
            _ => None,
        };
    }

    /// How long until the next query: longer after each one that told nothing, shorter where a top-up is waited for.
    fn pause(&self, care: &SlotCare) -> Duration {
        let usual = Duration::from_secs(care.balance_every_s.into());
        match (self.failures, &self.obstacle) {
            (0, None) => usual,
            (0, Some(_)) => usual.min(TOP_UP_PAUSE),
            (failures, _) => FAILED_PAUSE
                .saturating_mul(1 << (failures - 1).min(16))
                .min(usual.max(FAILED_PAUSE)),
        }
    }
}

/// Why a query told nothing.
#[derive(Debug)]
enum Untold {
    /// Somebody else's dialogue is open on the SIM.
    Busy(Error),
    /// It was made, or tried.
    Failed(Error),
}

impl Gateway {
    /// What is known of each SIM's balance that the caller may see.
    pub fn balances(&self, origin: &Origin) -> Vec<BalanceView> {
        let care = self.care();
        let slots = care.slots.keys().filter(|route| origin.may_use(route));
        slots.map(|route| self.balance_view(route)).collect()
    }

    /// What operators said of a SIM's balance, newest first.
    pub async fn balance_history(&self, origin: &Origin, sim: &str, limit: u32) -> Result<Vec<BalanceLine>, Error> {
        if !(1..=1000).contains(&limit) {
            return Err(Error::invalid("limit", "the limit is 1 to 1000"));
        }
        let route = self.usable_sim(origin, sim)?;
        let rows = self.inner.store.balance_history(&route, limit as usize).await;
        Ok(rows.map_err(unavailable)?.into_iter().map(line_of).collect())
    }

    /// Asks a SIM's operator for the balance now.
    pub async fn balance_now(&self, origin: &Origin, sim: &str) -> Result<BalanceView, Error> {
        let route = self.usable_sim(origin, sim)?;
        self.inner.purses.claim(&route)?;
        match self.balance_query(&route).await {
            Ok(_) => Ok(self.balance_view(&route)),
            Err(Untold::Busy(error) | Untold::Failed(error)) => Err(error),
        }
    }

    /// Asks for the balance of a SIM that was claimed, and keeps what came of it.
    pub(super) async fn balance_round(&self, route: RouteId) {
        match self.balance_query(&route).await {
            Ok(amount) => info!(modem = %route, "its balance is {amount}"),
            Err(Untold::Busy(error)) => info!(modem = %route, "the balance is asked for later: {error}"),
            Err(Untold::Failed(error)) => warn!(modem = %route, "the balance is not known: {error}"),
        }
    }

    async fn balance_query(&self, route: &RouteId) -> Result<Amount, Untold> {
        let care = self.care().slots.get(route).cloned().unwrap_or_default();
        let claim = Claim {
            purses: &self.inner.purses,
            route,
        };
        let told = self.ask_operator(route, &care).await;
        let at = clock::now();
        let row = match &told {
            Ok(amount) => Some((Some(amount.0), None)),
            Err(Untold::Failed(error)) => Some((None, Some(error.reason.clone()))),
            Err(Untold::Busy(_)) => None,
        };
        if let Some((micros, error)) = row {
            let currency = care.currency.clone();
            let row = BalanceRow {
                at,
                micros,
                currency,
                error,
            };
            if let Err(error) = self.inner.store.balance_add(route, row).await {
                warn!(modem = %route, "the balance is not kept: {error}");
            }
        }
        let changed = self.inner.purses.told(route, &care, &told, at);
        drop(claim);
        if changed {
            self.tell(Command::Facts(self.routes())).await;
        }
        told
    }

    async fn ask_operator(&self, route: &RouteId, care: &SlotCare) -> Result<Amount, Untold> {
        let failed = |kind, reason: String| Untold::Failed(Error::new(kind, reason));
        let code = care.balance_ussd.as_deref().unwrap_or_default();
        let Some(pattern) = care.pattern() else {
            return Err(failed(
                ErrorKind::Internal,
                "`balance_pattern` is no pattern with one group".into(),
            ));
        };
        let reply = match self.ussd_for_balance(route, code, &care.balance_replies).await {
            Ok(reply) => reply,
            Err(error) if error.kind == ErrorKind::Conflict => return Err(Untold::Busy(error)),
            Err(error) => return Err(Untold::Failed(error)),
        };
        let found = pattern
            .captures(&reply.text)
            .and_then(|found| Amount::read(found.get(1)?.as_str()));
        found.ok_or_else(|| {
            let reason = format!(
                "`balance_pattern` finds no amount in what the operator says: '{}'",
                shown(&reply.text)
            );
            failed(ErrorKind::NotSupported, reason)
        })
    }

    fn balance_view(&self, route: &RouteId) -> BalanceView {
        let all = self.care();
        let care = all.slots.get(route);
        let purse = self.inner.purses.lock().get(route).cloned().unwrap_or_default();
        BalanceView {
            sim: route.clone(),
            asked: care.is_some_and(SlotCare::asks_balance),
            usable: purse.obstacle.is_none(),
            balance: purse.balance,
            error: purse.error,
            warning_micros: care.and_then(|care| care.balance_warning).map(|amount| amount.0),
            critical_micros: care.and_then(|care| care.balance_critical).map(|amount| amount.0),
        }
    }
}

/// Gives a claimed SIM back, also where whoever asked went away in the middle.
struct Claim<'a> {
    purses: &'a Purses,
    route: &'a RouteId,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(purse) = self.purses.lock().get_mut(self.route) {
            purse.asking = false;
        }
    }
}

fn balance_of(row: &BalanceRow) -> Option<Balance> {
    Some(Balance {
        micros: row.micros?,
        currency: row.currency.clone(),
        at: row.at,
    })
}

fn line_of(row: BalanceRow) -> BalanceLine {
    BalanceLine {
        at: row.at,
        micros: row.micros,
        currency: row.currency,
        error: row.error,
    }
}

/// A person's dialogue lasts a minute or so.
const BUSY_PAUSE: Duration = Duration::from_secs(60);

/// Each query that tells nothing doubles the pause before the next, up to the usual one.
const FAILED_PAUSE: Duration = Duration::from_secs(300);

/// How often it is looked whether a SIM that is used up was topped up.
const TOP_UP_PAUSE: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000_000);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn care() -> SlotCare {
        SlotCare {
            balance_ussd: Some("*100#".into()),
            ..SlotCare::default()
        }
    }

    fn failed() -> Result<Amount, Untold> {
        Err(Untold::Failed(Error::new(ErrorKind::Timeout, "no answer")))
    }

    fn pause_after(purse: &mut Purse, told: &Result<Amount, Untold>) -> u64 {
        purse.take(&care(), told, at(0), NOW);
        (purse.due - NOW).as_secs()
    }

    #[test]
    fn a_query_that_fails_is_repeated_less_and_less_and_never_more_often_than_usual() {
        let mut purse = Purse::default();
        let pauses: Vec<u64> = (0..11).map(|_| pause_after(&mut purse, &failed())).collect();
        assert_eq!(pauses[..4], [300, 600, 1_200, 2_400]);
        assert_eq!(pauses[10], 86_400);
        assert_eq!(pause_after(&mut purse, &Ok(Amount(9_000_000))), 86_400);
        assert_eq!((purse.failures, purse.error.as_deref()), (0, None));
    }

    #[test]
    fn only_below_the_critical_threshold_is_nothing_sent() {
        let mut purse = Purse::default();
        assert_eq!(
            pause_after(&mut purse, &Ok(Amount(2_000_000))),
            86_400,
            "a warning changes nothing"
        );
        assert_eq!(purse.obstacle, None);
        assert_eq!(
            pause_after(&mut purse, &Ok(Amount(300_000))),
            3_600,
            "a top-up is noticed soon"
        );
        assert_eq!(
            purse.obstacle.as_deref(),
            Some("its balance is 0.30 EUR, below 1.00: top it up")
        );
        pause_after(&mut purse, &failed());
        assert!(purse.obstacle.is_some(), "what is not known does not make it better");
        pause_after(&mut purse, &Ok(Amount(20_000_000)));
        assert_eq!(purse.obstacle, None);
    }

    #[test]
    fn somebody_elses_dialogue_is_waited_for_and_is_no_failure() {
        let mut purse = Purse::default();
        let busy = Err(Untold::Busy(Error::new(ErrorKind::Conflict, "busy")));
        assert_eq!(pause_after(&mut purse, &busy), 60);
        assert_eq!((purse.failures, purse.error), (0, None));
    }

    #[test]
    fn a_restart_asks_nobody_again_before_the_time() {
        let row = |second, micros: Option<i64>| BalanceRow {
            at: at(second),
            micros,
            currency: "EUR".into(),
            error: micros.is_none().then(|| "no answer".to_owned()),
        };
        let known = |told, failed, failures| {
            let state = BalanceState { told, failed, failures };
            Purse::known(&care(), state, at(100), NOW)
        };
        assert_eq!(known(None, None, 0).due, NOW, "never asked");
        let told = known(Some(row(0, Some(500_000))), None, 0);
        assert_eq!((told.due - NOW).as_secs(), 3_500);
        assert!(told.obstacle.is_some());
        let failed = known(Some(row(-9_000, Some(9_000_000))), Some(row(90, None)), 2);
        assert_eq!((failed.due - NOW).as_secs(), 590);
        assert_eq!(failed.error.as_deref(), Some("no answer"));
        assert_eq!(
            known(Some(row(1_000_000, Some(9_000_000))), None, 0).due,
            NOW + Duration::from_secs(86_400)
        );
    }
}
