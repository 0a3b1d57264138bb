//! Siemens and Cinterion modules: TC35, MC55, MC75i, EHS, PHS.

use std::time::Duration;

use super::{Dialect, GENERIC, VendorCode};

/// See the module page.
pub(crate) const CINTERION: Dialect = Dialect {
    name: "cinterion",
    makers: &["cinterion", "siemens", "gemalto", "thales"],
    iccid: &["AT+CCID?", "AT+CCID", "AT^SCID"],
    // ModemManager's Cinterion plugin.
    pin_counter: Some("AT^SPIC"),
    // The third memory of an MC75i has no ME (gammu 1206).
    memories: &[*b"SM", *b"MT", *b"ME"],
    reset: Some("AT+CFUN=1,1"),
    // gammu's table of 512 to 555; the others in it are wrong parameters.
    codes: &[
        (512, VendorCode::Collision),
        (515, VendorCode::Retry),
        (521, VendorCode::Retry),
        (532, VendorCode::Retry),
        (535, VendorCode::Retry),
    ],
    last_code: 555,
    ..GENERIC
};

/// See the module page.
pub(crate) const TC35: Dialect = Dialect {
    name: "cinterion-tc35",
    models: &["tc35"],
    // Needs rest between commands (Kannel's modems.conf).
    gap: Duration::from_millis(100),
    ..CINTERION
};
