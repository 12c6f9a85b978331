//! People as members of tenants: registered, looked at, listed.

mod model;
mod seed;
mod service;
mod store;

pub(crate) use model::{Member, Membership, MembershipState, Person, Who, roles};
pub(crate) use seed::Seeds;
pub(crate) use service::Users;
pub(crate) use store::{fence, person_by_email, person_by_id};
