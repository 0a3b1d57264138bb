//! Text and SMS fields to and from the bytes of 3GPP TS 23.040 and 23.038.
