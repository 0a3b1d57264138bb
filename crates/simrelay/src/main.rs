//! The simrelay program.
fn main() {}
