//! JSON-RPC over TLS, with tokens and limits.
