//! The example domain, through the gateway.

mod desk;
mod documents;
mod idempotency;
mod import;
mod leases;
mod lists;
mod watch;
mod work_orders;
