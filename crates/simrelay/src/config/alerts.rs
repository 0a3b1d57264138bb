//! Alerts: what no type can say of them.

use super::reader::Reader;
use super::settings::Settings;

/// Checks `[alerts]`.
pub(super) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    for problem in settings.alerts.problems() {
        let key = format!("alerts.{}", problem.key);
        reader.wrong(&key, problem.problem, format!("write {}", problem.right));
    }
}
