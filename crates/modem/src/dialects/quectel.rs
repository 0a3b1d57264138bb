//! Quectel modules: M35 to EC25, EG25, RG500.

use std::time::Duration;

use super::{Dialect, GENERIC};

/// See the module page.
pub(crate) const QUECTEL: Dialect = Dialect {
    name: "quectel",
    makers: &["quectel"],
    iccid: &["AT+QCCID", "AT+CCID"],
    // Quectel's AT manuals.
    pin_counter: Some("AT+QPINC?"),
    // EC25 announces reports in "SM" that lie in "SR" (asterisk-chan-quectel 75).
    report_memory: Some(*b"SR"),
    // EC2x AT manual: 120 s, determined by the network.
    result: Some(Duration::from_secs(120)),
    reset: Some("AT+CFUN=1,1"),
    ..GENERIC
};
