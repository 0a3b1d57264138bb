//! One modem as a state machine, with its dialect.
