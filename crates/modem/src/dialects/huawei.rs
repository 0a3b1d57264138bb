//! Huawei sticks and modules, also sold by operators under their own names.

use std::time::Duration;

use super::{Dialect, GENERIC, UssdForm};

/// See the module page.
pub(crate) const HUAWEI: Dialect = Dialect {
    name: "huawei",
    makers: &["huawei"],
    // ^CURC=0 stops the stream of ^RSSI and ^MODE; ^PORTSEL=1 sends what is left to this port (gammu's list of models).
    greeting: &["AT^CURC=0", "AT^PORTSEL=1"],
    iccid: &["AT^ICCID?", "AT+CCID", "AT+ICCID"],
    // Tells the counters of PIN and PUK (ModemManager's Huawei plugin).
    pin_counter: Some("AT^CPIN?"),
    // +CMGL and +CPMS hang on several sticks (gammu: reset after timeout), so places are read one by one, from 0.
    reads_by_index: true,
    first_index: 0,
    // E150 to E3531 want packed septets in hex (gammu's list; asterisk-chan-dongle 116).
    ussd: UssdForm::Packed,
    radio_off: "AT+CFUN=0",
    // +CFUN=1,1 turns an E173 into a storage device until it is plugged anew (gammu 687).
    reset: None,
    ..GENERIC
};

/// See the module page.
pub(crate) const E1750: Dialect = Dialect {
    name: "huawei-e1750",
    models: &["e1750"],
    // Loses commands that follow too fast (change log of a smstools fork).
    gap: Duration::from_millis(300),
    ..HUAWEI
};
