//! The real binary, simulated modems on real pseudo-terminals, real sockets.
