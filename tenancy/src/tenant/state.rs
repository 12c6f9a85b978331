//! The states of a tenant's life.

use std::{fmt, str::FromStr, time::Duration};

use resido_proto::tenancy::v1::tenant::State as Proto;

/// What a tenant may do at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The schema is being made.
    Provisioning,
    /// In normal service.
    Active,
    /// Refused until resumed.
    Suspended,
    /// Read-only or closed for maintenance.
    Maintenance,
    /// Being copied to another database.
    Moving,
    /// Deleted, restorable for a while.
    Deleting,
    /// Its data is being removed.
    Purging,
    /// Gone.
    Purged,
    /// Could not be provisioned.
    Failed,
}

/// How long whoever meets a tenant in maintenance, or one that is read-only, waits
/// before the next try; default, and the same for all.
pub const MAINTENANCE_RETRY: Duration = Duration::from_secs(30);

/// A text or number is no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a state of a tenant")]
pub struct UnknownState;

const ALL: [(State, &str, Proto); 9] = [
    (State::Provisioning, "provisioning", Proto::Provisioning),
    (State::Active, "active", Proto::Active),
    (State::Suspended, "suspended", Proto::Suspended),
    (State::Maintenance, "maintenance", Proto::Maintenance),
    (State::Moving, "moving", Proto::Moving),
    (State::Deleting, "deleting", Proto::Deleting),
    (State::Purging, "purging", Proto::Purging),
    (State::Purged, "purged", Proto::Purged),
    (State::Failed, "failed", Proto::Failed),
];

impl State {
    /// Returns the state as the database spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        ALL[self as usize].1
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        ALL.iter()
            .find(|(_, name, _)| *name == text)
            .map(|(state, ..)| *state)
            .ok_or(UnknownState)
    }
}

impl From<State> for Proto {
    fn from(state: State) -> Self {
        ALL[state as usize].2
    }
}

impl TryFrom<Proto> for State {
    type Error = UnknownState;

    fn try_from(proto: Proto) -> Result<Self, UnknownState> {
        ALL.iter()
            .find(|(.., p)| *p == proto)
            .map(|(state, ..)| *state)
            .ok_or(UnknownState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_states() {
        for (index, (state, name, proto)) in ALL.into_iter().enumerate() {
            assert_eq!(state as usize, index);
            assert_eq!(name.parse(), Ok(state));
            assert_eq!(State::try_from(Proto::from(state)), Ok(state));
            assert_eq!(Proto::from(state), proto);
        }
        assert!("gone".parse::<State>().is_err());
        assert!(State::try_from(Proto::Unspecified).is_err());
    }
}
