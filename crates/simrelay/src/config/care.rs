//! What must hold for the care of SIMs.

use gateway::{Every, Schedule, SlotCare};

use super::reader::Reader;
use super::settings::Settings;

/// Checks balance, self-test, ring and keep-alive.
pub(super) fn check(settings: &Settings, reader: &mut Reader<'_>) {
    for (name, care) in &settings.care {
        check_slot(&format!("care.{name}"), care, reader);
    }
    check_schedule("self_test", &settings.self_test, reader);
    check_schedule("ring", &settings.ring, reader);
}

fn check_slot(key: &str, care: &SlotCare, reader: &mut Reader<'_>) {
    let code = care.balance_ussd.as_deref();
    let dials = |code: &str| !code.is_empty() && code.chars().all(|c| matches!(c, '0'..='9' | '*' | '#' | '+'));
    if code.is_some_and(|code| !dials(code)) {
        reader.wrong(
            &format!("{key}.balance_ussd"),
            "no USSD code",
            "write one, as \"*100#\"",
        );
    }
    for (place, reply) in care.balance_replies.iter().enumerate() {
        if reply.is_empty() || reply.chars().count() > USSD_CHARACTERS {
            let right = "write 1 to 182 characters, as \"1\"";
            reader.wrong(&format!("{key}.balance_replies[{place}]"), "no answer", right);
        }
    }
    if care.pattern().is_none() {
        let right = r"write a regular expression with one group, as '(\d+[.,]\d\d)'";
        reader.wrong(&format!("{key}.balance_pattern"), "no pattern with one group", right);
    }
    if care.balance_critical > care.balance_warning && care.balance_warning.is_some() {
        let right = "write an amount below balance_warning";
        reader.wrong(&format!("{key}.balance_critical"), "comes before the warning", right);
    }
    if care.balance_every_s < LEAST_EVERY_S {
        let right = "write 300 (five minutes) or more: each query takes the SIM for seconds";
        reader.wrong(&format!("{key}.balance_every_s"), "too often", right);
    }
    if care
        .keep_alive_days
        .is_some_and(|days| days <= care.keep_alive_margin_days)
    {
        let right = "write more days than keep_alive_margin_days";
        reader.wrong(&format!("{key}.keep_alive_days"), "leaves no time", right);
    }
}

fn check_schedule(key: &str, schedule: &Schedule, reader: &mut Reader<'_>) {
    if !(1..=28).contains(&schedule.month_day) {
        let right = "write 1 to 28: every month has these days";
        reader.wrong(&format!("{key}.month_day"), "no such day", right);
    }
    let on = schedule.every != Every::Never;
    if on && schedule.late_after_s == 0 {
        let right = "write at least 10; a message takes seconds";
        reader.wrong(&format!("{key}.late_after_s"), "nothing is that quick", right);
    }
    if schedule.lost_after_s < schedule.late_after_s {
        let right = "write late_after_s or more";
        reader.wrong(&format!("{key}.lost_after_s"), "is lost before it is late", right);
    }
}

/// A USSD string has at most 182 characters (TS 23.038 5).
const USSD_CHARACTERS: usize = 182;

const LEAST_EVERY_S: u32 = 300;
