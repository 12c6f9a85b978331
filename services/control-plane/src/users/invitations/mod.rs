//! Offers of memberships: made, sent again, withdrawn. The token of one goes by
//! mail alone; who has it registers.

mod model;
mod service;
mod store;

pub(super) use store::accept;
