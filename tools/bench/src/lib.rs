//! The figures of the gateway, measured.
