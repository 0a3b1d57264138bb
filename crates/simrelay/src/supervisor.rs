//! Whoever started the daemon and watches over it: systemd, or what speaks its protocol. Without one there is nobody to
//! tell, and nothing else changes.

use std::time::Duration;

use gateway::Gateway;
use message::{Level, Snapshot};
use sd_notify::NotifyState;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::commands::modems::level_word;

/// Tells how things stand, again and again, and answers the watchdog. Dropping it ends that.
pub(crate) struct Reporting(JoinHandle<()>);

impl Reporting {
    /// The gateway has started, and is watched from now on.
    pub(crate) fn begin(gateway: &Gateway, api: &Handle) -> Self {
        tell(&[NotifyState::Ready, NotifyState::Status(&status(&gateway.snapshot()))]);
        // Apart from the modems' thread, on which the flows are: whoever asks after somebody must not be stuck with them.
        Self(api.spawn(report(gateway.clone())))
    }

    /// It has begun to stop, which may take `limit`: no answers come any more, and the watchdog shall not wait for them.
    pub(crate) fn end(self, limit: Duration) {
        let mut news = vec![
            NotifyState::Stopping,
            NotifyState::Status("stopping: waiting for the modems"),
        ];
        let patience = u32::try_from((limit + NEWS).as_micros()).unwrap_or(u32::MAX);
        if sd_notify::watchdog_enabled().is_some() {
            news.push(NotifyState::WatchdogUsec(patience));
        }
        tell(&news);
    }
}

impl Drop for Reporting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Each answer is a proof: it comes from the API's threads, after a turn of the dispatcher and a further snapshot. Where one
/// of them is stuck no more answers come, and the watchdog starts the gateway anew.
async fn report(gateway: Gateway) {
    let watchdog = sd_notify::watchdog_enabled();
    let pause = watchdog.map_or(NEWS, |limit| NEWS.min(limit / ANSWERS));
    while gateway.turned().await {
        let status = status(&gateway.snapshot());
        match watchdog {
            Some(_) => tell(&[NotifyState::Watchdog, NotifyState::Status(&status)]),
            None => tell(&[NotifyState::Status(&status)]),
        }
        tokio::time::sleep(pause).await;
    }
}

/// One line: how many modems are ready, how much waits, and the worst that is wrong.
fn status(snapshot: &Snapshot) -> String {
    let ready = snapshot.slots.iter().filter(|slot| slot.state.can_send()).count();
    let mut status = format!("{ready} of {} modems ready", snapshot.slots.len());
    if !snapshot.upstreams.is_empty() {
        let upstreams = snapshot.upstreams.iter();
        let bound = upstreams.filter(|upstream| upstream.state.can_send()).count();
        status.push_str(&format!(", {bound} of {} upstreams bound", snapshot.upstreams.len()));
    }
    status.push_str(&format!(", {} parts wait", snapshot.queue.queued));
    if let Some(worst) = snapshot.findings.first().filter(|worst| worst.level > Level::Ok) {
        let line = worst.sentence.lines().next().unwrap_or_default();
        let more = snapshot.findings.len() - 1;
        status.push_str(&format!("; {}: {}: {line}", level_word(worst.level), worst.subject));
        if more > 0 {
            status.push_str(&format!(", and {more} more"));
        }
    }
    status
}

fn tell(state: &[NotifyState<'_>]) {
    // Without a supervisor there is nobody to tell; one that is gone cannot be told.
    let _ = sd_notify::notify(state);
}

/// How often it is told how things stand.
const NEWS: Duration = Duration::from_secs(10);

/// How many answers the watchdog gets in the time it waits for one.
const ANSWERS: u32 = 3;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use message::Finding;

    use super::*;

    #[test]
    fn the_status_is_one_line_with_the_worst_first() {
        let finding = |level, subject: &str| Finding {
            level,
            subject: subject.to_owned(),
            sentence: "it is\nso".to_owned(),
            hint: String::new(),
            since: Timestamp::UNIX_EPOCH,
        };
        let mut snapshot = Snapshot::blank(Timestamp::UNIX_EPOCH);
        snapshot.queue.queued = 3;
        assert_eq!(status(&snapshot), "0 of 0 modems ready, 3 parts wait");
        snapshot.findings = vec![finding(Level::Critical, "store"), finding(Level::Warning, "sim1")];
        assert_eq!(
            status(&snapshot),
            "0 of 0 modems ready, 3 parts wait; CRITICAL: store: it is, and 1 more"
        );
    }
}
