//! SMPP: what no type can say of it.

use super::reader::Reader;
use super::settings::Settings;

/// Checks `[smpp]`.
pub(super) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    for problem in settings.smpp.problems() {
        let key = format!("smpp.{}", problem.key);
        reader.wrong(&key, problem.problem, format!("write {}", problem.right));
    }
    for (index, account) in settings.smpp.accounts.iter().enumerate() {
        let sims = account.sims.iter().flatten().enumerate();
        for (place, sim) in sims.filter(|(_, sim)| !settings.has_route(sim)) {
            let key = format!("smpp.accounts[{index}].sims[{place}]");
            reader.wrong(&key, format!("there is no slot {sim}"), "name a slot: [slots.NAME]");
        }
    }
}
