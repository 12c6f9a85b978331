//! Whether the caller of a stream under way could still make the call: a stream
//! ends when its tenant takes no calls any more, the membership or the key that
//! it came with is gone, or the credential's time is over. Calls of one message
//! each way are let finish.

mod caller;

#[cfg(test)]
mod tests;

pub(crate) use caller::{Lost, Standings};
