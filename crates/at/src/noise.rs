//! Unsolicited results that say nothing to a gateway, so that they are told
//! apart from those nobody knows.

/// Whether a result of this name (without colon) is known and of no use.
pub(crate) fn is_noise(name: &[u8]) -> bool {
    let sorted = NAMES.binary_search_by(|known| known.as_bytes().cmp(name));
    sorted.is_ok() || STARTS.iter().any(|start| name.starts_with(start.as_bytes()))
}

/// Whether a line without a name is known and of no use.
pub(crate) fn is_noise_line(line: &[u8]) -> bool {
    LINES.iter().any(|known| line.starts_with(known.as_bytes()))
}

/// Sorted by octet. Makers stand behind groups that are theirs.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "#STN",                                             // Telit
    "$QCRMCALL",                                        // Qualcomm
    "*EBCA", "*ECAV", "*EIND", "*EMRDY", "*PSUTTZ", "*STKI", // Ericsson, SIMCom
    "+BEARTYPE", "+CALA", "+CALV", "+CCWA", "+CGEV", "+CIEV", "+CMCCSI", "+CNSMOD",
    "+COLP", "+CPOSR", "+CRSSI", "+CSSI", "+CSSU", "+CTZDST", "+CTZE", "+CTZEU", "+CTZV",
    "+CUSATEND", "+CUSATP", "+CUSATS", "+CVMWI", "+DTMF", "+ICCID", "+IPVINFO",
    "+MBAN",                                            // Motorola
    "+MSTK", "+NITZ",
    "+PACSP0", "+PACSP1",                               // Sierra
    "+PSBEARER", "+PSUTTZ",
    "+QGPSURC", "+QIND", "+QIURC", "+QLWURC", "+QMTSTAT", "+QNWLOCK", "+QSIMSTAT", "+QSMSCODE", "+QUSIM",
    "+SPNWNAME",
    "+STIN",
    "+UCALLSTAT", "+UMWI", "+UREG", "+UUDTMFD", "+UULOC", "+UUPSDA", "+UUPSDD", "+UUSIMSTAT",
    "+WIND",                                            // Wavecom, those that say nothing here
    "+XCIEV", "+XCOLP", "+XLEMA", "+XSIMSTATE",
    "+ZDONR", "+ZEND", "+ZPAS", "+ZPASR", "+ZPSTM", "+ZUSIMR", // ZTE
    "DST", "MISSED_CALL",
    "VOICE CALL",
    "^ACCESSCLASS", "^ANLEVEL", "^BOOT", "^CARDMODE", "^CCALLSTATE", "^CEND", "^CONF", "^CONN",
    "^CSCHANNELINFO", "^CSNR", "^CWNAP", "^DDTMF", "^DSFLOWRPT", "^ECCLIST", "^EONS", "^HCSQ",
    "^HRSSILVL", "^LOCCHD", "^LTERSRP", "^LWURC", "^MODE", "^MWI", "^NDISSTAT", "^NWTIME",
    "^ORIG", "^PDPDEACT", "^POSITION", "^RESETCAUSE", "^RFSWITCH", "^RSSILVL", "^SCN", "^SIS", "^SISR",
    "^SRVST", "^STIN", "^STN", "^SYSINFO", "^THERM",
    "_OBS", "_OSIGQ", "_OUWCTI",                        // Option
];

/// Families of names.
const STARTS: &[&str] = &["+PACSP", "+QIND", "+UUS", "+XSIM"];

/// Lines without a colon.
const LINES: &[&str] = &["MISSED_CALL", "*EMRDY", "PPP ", "STK "];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_so_that_they_can_be_searched() {
        for pair in NAMES.windows(2) {
            assert!(pair[0].as_bytes() < pair[1].as_bytes(), "{} {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn names_of_a_kind_are_noise_and_replies_are_not() {
        assert!(is_noise(b"^DSFLOWRPT"));
        assert!(is_noise(b"+PACSP1"));
        assert!(!is_noise(b"+CMGS"));
    }
}
