//! A modem that keeps to the standards, or that nobody knows.

use std::time::Duration;

use super::{Dialect, UssdForm};

/// See the module page.
pub(crate) const GENERIC: Dialect = Dialect {
    name: "generic",
    makers: &[],
    models: &[],
    greeting: &[],
    iccid: &["AT+CCID", "AT+ICCID", "AT^ICCID?"],
    pin_counter: None,
    pin_without_ok: false,
    // Answers to +COPS, +CNUM and +CUSD stay readable in IRA; Nokia and Siemens know only GSM (at_replies: +CSCS=?).
    charsets: &["IRA", "GSM"],
    // Messages on the SIM survive a change of the modem.
    memories: &[*b"SM", *b"ME", *b"MT"],
    reads_by_index: false,
    first_index: 1,
    report_memory: None,
    ussd: UssdForm::Plain,
    result: None,
    bursts: true,
    gap: Duration::ZERO,
    says_sms_ready: false,
    radio_off: "AT+CFUN=4",
    radio_on: "AT+CFUN=1",
    reset: None,
    hang_up: &["AT+CHUP", "ATH"],
    codes: &[],
    last_code: 0,
};
