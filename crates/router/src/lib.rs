//! Which route for this message, and why.
