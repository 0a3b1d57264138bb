//! Telit modules: GM862, HE910, LE910.

use super::{Dialect, GENERIC};

/// See the module page.
pub(crate) const TELIT: Dialect = Dialect {
    name: "telit",
    makers: &["telit"],
    iccid: &["AT#CCID", "AT+CCID"],
    // Telit's AT manuals.
    pin_counter: Some("AT#PCT"),
    // LE910 AT manual: +CFUN=1,1 is not known to all; #REBOOT is.
    reset: Some("AT#REBOOT"),
    ..GENERIC
};
