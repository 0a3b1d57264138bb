//! u-blox modules: LISA, SARA, TOBY, LARA.

use std::time::Duration;

use super::{Dialect, GENERIC};

/// See the module page.
pub(crate) const UBLOX: Dialect = Dialect {
    name: "ublox",
    makers: &["u-blox"],
    iccid: &["AT+CCID", "AT+CCID?"],
    // ModemManager's u-blox plugin.
    pin_counter: Some("AT+UPINCNT"),
    // SARA AT manual: up to 150 s.
    result: Some(Duration::from_secs(150)),
    // SARA AT manual: restart with a reset of the SIM.
    reset: Some("AT+CFUN=16"),
    ..GENERIC
};
