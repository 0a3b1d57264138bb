//! Sierra Wireless and Wavecom modems, one family since 2009.

use super::{Dialect, GENERIC};

/// See the module page.
pub(crate) const SIERRA_WAVECOM: Dialect = Dialect {
    name: "sierra-wavecom",
    makers: &["sierra", "wavecom"],
    // +WIND=50 tells starts and the SIM's coming and going (python-gsmmodem's profile).
    greeting: &["AT+WIND=50"],
    iccid: &["AT+CCID", "AT!ICCID?", "AT+ICCID"],
    // ModemManager's Sierra plugin.
    pin_counter: Some("AT+CPINC?"),
    // SL8084TR and the Wavecom profile answer +CPIN? without OK (gammu; python-gsmmodem).
    pin_without_ok: true,
    // Busy (CME 515) after +CFUN; the tasks wait and ask again.
    reset: Some("AT+CFUN=1,1"),
    hang_up: &["ATH", "AT+CHUP"],
    ..GENERIC
};
