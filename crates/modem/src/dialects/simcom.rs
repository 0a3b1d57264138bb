//! SIMCom modules: SIM800, SIM900, SIM7000, SIM7600, A7670.

use std::time::Duration;

use super::{Dialect, GENERIC};

/// See the module page.
pub(crate) const SIMCOM: Dialect = Dialect {
    name: "simcom",
    makers: &["simcom"],
    iccid: &["AT+CCID", "AT+CICCID"],
    // SIM800 and SIM7600 AT manuals.
    pin_counter: Some("AT+SPIC"),
    // The first +CMGF after a start fails until "SMS Ready" (GPRS_SIM900 39).
    says_sms_ready: true,
    // SIM800 AT manual: 60 s. It is rounded up, since an answer after it still settles the part.
    result: Some(Duration::from_secs(90)),
    // SIM800L needs 0 and 1 (smstools), SIM7600 is stuck until 4 and 1 (Home Assistant core 71162); 4 suits both.
    reset: Some("AT+CFUN=1,1"),
    ..GENERIC
};
