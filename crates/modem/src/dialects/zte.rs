//! ZTE sticks, which often name their chip maker Qualcomm.

use super::{Dialect, GENERIC};

/// See the module page.
pub(crate) const ZTE: Dialect = Dialect {
    name: "zte",
    makers: &["zte", "qualcomm"],
    // Keeps the stick from going offline (gammu's ZTE initialisation). Its neighbour +ZCDRUN is left out: it is kept over a
    // restart.
    greeting: &["AT+ZOPRT=5"],
    iccid: &["AT+ZGETICCID", "AT+CCID", "AT+ICCID"],
    ..GENERIC
};
