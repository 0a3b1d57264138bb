//! Modem bytes to and from typed lines, replies and unsolicited results (3GPP TS 27.005 and 27.007).
