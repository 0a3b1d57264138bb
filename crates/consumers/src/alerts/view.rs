//! Alerts as they are shown.

use message::{AlertState, AlertView, IncidentView, ToldView};
use store::{AlertIncident, AlertRow, AlertTold};

use super::incident::{Incident, State};

/// An alert with what followed from it; `worked`: the last number that the rules saw.
pub(super) fn view(row: AlertRow, worked: i64) -> AlertView {
    let incidents: Vec<IncidentView> = row.incidents.into_iter().filter_map(incident).collect();
    let none = match row.alert.number > worked {
        true => AlertState::Waiting,
        false => AlertState::Unmatched,
    };
    AlertView {
        state: incidents.iter().map(|one| one.state).max().unwrap_or(none),
        alert: row.alert,
        incidents,
    }
}

fn incident(kept: AlertIncident) -> Option<IncidentView> {
    let incident: Incident = serde_json::from_str(&kept.body).ok()?;
    let state = match &incident.state {
        State::Closed { .. } => AlertState::Closed,
        State::Taken { .. } => AlertState::Taken,
        State::Unanswered { .. } => AlertState::Unanswered,
        State::Open if incident.held => AlertState::Held,
        State::Open if incident.call.is_some() => AlertState::Calling,
        State::Open => AlertState::Told,
    };
    let due = incident.due();
    let taken_by = match incident.state {
        State::Taken { by, .. } => Some(by),
        State::Closed { by } => by,
        State::Open | State::Unanswered { .. } => None,
    };
    Some(IncidentView {
        number: incident.number,
        rule: incident.rule,
        state,
        count: incident.count,
        last_at: incident.last_at,
        ended_at: incident.ended_at,
        taken_by,
        due,
        told: kept.told.into_iter().map(told).collect(),
    })
}

fn told(told: AlertTold) -> ToldView {
    ToldView {
        at: told.at,
        way: told.way,
        to: told.recipient,
        problem: told.problem,
        message: told.message,
    }
}
