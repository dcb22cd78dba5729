//! The phonehome command.
fn main() {}
