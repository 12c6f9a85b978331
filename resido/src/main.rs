//! The resido command.
fn main() {}
