//! Finds ports, runs one modem on each and keeps them alive.
