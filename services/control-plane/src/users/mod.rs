//! People as members of tenants: registered, looked at, listed.

mod invitations;
mod listing;
mod members;
mod model;
mod profile;
mod seed;
mod service;
mod store;

pub(crate) use model::{Member, Membership, MembershipState, Person, Who, roles};
pub(crate) use seed::Seeds;
pub(crate) use service::Users;
pub(crate) use store::{get as member, person_by_email, person_by_id, verified};
