//! How many files and connections the process may have open.
//!
//! Systems give a process fewer than it may have if it asks: often 1,024, which
//! would end new connections long before the gateway's own limit does.

use resido_gateway::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are open besides the callers' connections: those of the database,
/// of services that run apart, keys and logs.
const OTHERS: u64 = 256;

/// Raises the process's limit as far as it may, and lowers the gateway's limit of
/// connections to what that leaves room for.
pub(crate) fn fit(gateway: &mut Config) {
    let limit = raise();
    let connections = &mut gateway.limits.connections;
    let room = room(limit);
    if *connections > room {
        tracing::warn!(
            configured = *connections,
            connections = room,
            open_files = limit,
            "the system allows fewer open files than gateway.limits.connections needs"
        );
        *connections = room;
    }
}

/// Returns how many files may be open; nothing if there is no limit.
fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => limit.maximum,
        // As on systems that allow fewer than they say.
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays as it is");
            limit.current
        }
    }
}

/// Returns how many connections there is room for, at least one.
fn room(open_files: Option<u64>) -> usize {
    open_files.map_or(usize::MAX, |limit| {
        let left = limit.saturating_sub(OTHERS).max(1);
        usize::try_from(left).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_to_what_is_allowed() {
        let before = getrlimit(Resource::Nofile);
        let raised = raise();
        assert_eq!(raised, getrlimit(Resource::Nofile).current);
        let number = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
        assert!(number(raised) >= number(before.current));
    }

    #[test]
    fn connections_leave_room_for_other_files() {
        assert_eq!(room(None), usize::MAX);
        assert_eq!(room(Some(4096)), 3840);
        assert_eq!(room(Some(100)), 1);
    }

    #[test]
    fn a_limit_that_fits_is_kept() {
        let mut config = Config::default();
        config.limits.connections = 1;
        fit(&mut config);
        assert_eq!(config.limits.connections, 1);
        config.limits.connections = usize::MAX;
        fit(&mut config);
        assert_eq!(config.limits.connections, room(raise()));
    }
}
