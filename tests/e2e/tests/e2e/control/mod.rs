//! What the control plane promises: tenants, people, tokens and the stream of
//! changes, each on a real database.
//!
//! Where the running product can show a promise, the tests call it by its port;
//! where the control plane alone must be taken apart ([`plane`]), it runs in
//! this process behind the layer that lets contexts in.

mod api_keys;
mod at_once;
mod audit;
mod crashes;
mod create;
mod domains;
mod export;
mod gateway;
mod impersonation;
mod indexes;
mod invitations;
mod keys;
mod lifecycle;
mod lockout;
mod login;
mod logins;
mod lowered;
mod mail_server;
mod mailbox;
mod mails;
mod members;
mod memberships;
mod migrate;
mod operations;
mod operator;
mod outdated;
mod passwords;
mod people;
mod plane;
mod port;
mod provision;
mod purge;
mod reconcile;
mod refresh;
mod register;
mod rename;
mod restore;
mod roles;
mod staff;
mod states;
mod stream;
mod tenants;
mod usage;
mod watch;
mod withdrawn;
