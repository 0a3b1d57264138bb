//! GSM modems and their network in software, on pseudo-terminals.
