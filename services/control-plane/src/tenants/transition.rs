//! How a tenant's state may change: one table, and what a state means for the
//! tenant's schema.
//!
//! Making and purging a tenant are long work with operations of their own; here
//! are the changes that people ask for and that one transaction makes.

use resido_migrations::Fence;
use resido_tenancy::tenant::State;

/// A change of state that people ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transition {
    /// Refuses the tenant's calls.
    Suspend,
    /// Serves them again.
    Resume,
    /// Lets reads through, or nothing.
    StartMaintenance,
    /// Serves everything again.
    EndMaintenance,
    /// Hides the tenant until it is purged.
    Delete,
    /// Brings it back as it was.
    Undelete,
}

/// Where a change leads.
#[derive(Debug, Clone, Copy)]
enum To {
    /// To this state.
    State(State),
    /// To the state of before the deletion.
    Previous,
}

/// A line of the table.
struct Line {
    from: &'static [State],
    to: To,
    action: &'static str,
}

/// States that a tenant can be deleted from, and restored to.
const LIVING: &[State] = &[State::Active, State::Suspended, State::Maintenance];

impl Transition {
    const fn line(self) -> Line {
        let (from, to, action): (&[State], _, _) = match self {
            Self::Suspend => (
                &[State::Active],
                To::State(State::Suspended),
                "tenants.suspend",
            ),
            Self::Resume => (
                &[State::Suspended],
                To::State(State::Active),
                "tenants.resume",
            ),
            Self::StartMaintenance => (
                &[State::Active],
                To::State(State::Maintenance),
                "tenants.start_maintenance",
            ),
            Self::EndMaintenance => (
                &[State::Maintenance],
                To::State(State::Active),
                "tenants.end_maintenance",
            ),
            Self::Delete => (LIVING, To::State(State::Deleting), "tenants.delete"),
            Self::Undelete => (&[State::Deleting], To::Previous, "tenants.undelete"),
        };
        Line { from, to, action }
    }

    /// Returns the states that the change starts from.
    pub(crate) fn from(self) -> &'static [State] {
        self.line().from
    }

    /// Returns where the change leads from a state; none if it does not start
    /// there. `previous` is the state of before a deletion.
    pub(crate) fn to(self, state: State, previous: Option<State>) -> Option<State> {
        let line = self.line();
        if !line.from.contains(&state) {
            return None;
        }
        match line.to {
            To::State(state) => Some(state),
            To::Previous => previous.filter(|state| is_living(*state)),
        }
    }

    /// Returns what the audit log calls it.
    pub(crate) fn action(self) -> &'static str {
        self.line().action
    }
}

/// Whether a tenant is there for its people, so that its fields may change.
pub(crate) fn is_living(state: State) -> bool {
    LIVING.contains(&state)
}

/// Returns what the schema of a tenant in this state lets through.
///
/// That of a suspended tenant takes what the gateway lets through for suspended
/// tenants: the epoch alone shuts the older contexts out.
pub(crate) fn fence(state: State, read_only: bool) -> Fence {
    match (state, read_only) {
        (State::Active | State::Suspended, false) => Fence::ReadWrite,
        (State::Active | State::Suspended | State::Maintenance | State::Moving, true) => {
            Fence::ReadOnly
        }
        _ => Fence::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 9] = [
        State::Provisioning,
        State::Active,
        State::Suspended,
        State::Maintenance,
        State::Moving,
        State::Deleting,
        State::Purging,
        State::Purged,
        State::Failed,
    ];
    const TRANSITIONS: [Transition; 6] = [
        Transition::Suspend,
        Transition::Resume,
        Transition::StartMaintenance,
        Transition::EndMaintenance,
        Transition::Delete,
        Transition::Undelete,
    ];

    /// The state machine, spelled out: a line for each state that leads
    /// somewhere, a column for each change.
    fn expected(state: State, previous: State) -> [Option<State>; 6] {
        let (active, suspended) = (Some(State::Active), Some(State::Suspended));
        let (maintenance, deleting) = (Some(State::Maintenance), Some(State::Deleting));
        match state {
            State::Active => [suspended, None, maintenance, None, deleting, None],
            State::Suspended => [None, active, None, None, deleting, None],
            State::Maintenance => [None, None, None, active, deleting, None],
            State::Deleting => [None, None, None, None, None, Some(previous)],
            _ => [None; 6],
        }
    }

    #[test]
    fn every_change_of_every_state_is_in_the_table() {
        for state in STATES {
            for previous in [State::Active, State::Suspended, State::Maintenance] {
                let leads = TRANSITIONS.map(|transition| transition.to(state, Some(previous)));
                assert_eq!(leads, expected(state, previous), "{state:?}");
            }
            for transition in TRANSITIONS {
                let starts = transition.from().contains(&state);
                let leads = transition.to(state, Some(State::Active)).is_some();
                assert_eq!(starts, leads, "{transition:?} {state:?}");
            }
        }
    }

    #[test]
    fn a_deleted_tenant_comes_back_to_nothing_but_a_living_state() {
        for state in STATES {
            let back = Transition::Undelete.to(State::Deleting, Some(state));
            assert_eq!(back, Some(state).filter(|state| is_living(*state)));
        }
        assert_eq!(Transition::Undelete.to(State::Deleting, None), None);
    }

    #[test]
    fn changes_have_names_of_their_own() {
        let names: std::collections::BTreeSet<_> =
            TRANSITIONS.map(Transition::action).into_iter().collect();
        assert_eq!(names.len(), TRANSITIONS.len());
    }

    #[test]
    fn a_schema_lets_through_what_its_tenant_may_do() {
        use Fence::{Closed, ReadOnly, ReadWrite};
        for (state, writable, read_only) in [
            (State::Provisioning, Closed, Closed),
            (State::Active, ReadWrite, ReadOnly),
            (State::Suspended, ReadWrite, ReadOnly),
            (State::Maintenance, Closed, ReadOnly),
            (State::Moving, Closed, ReadOnly),
            (State::Deleting, Closed, Closed),
            (State::Purging, Closed, Closed),
            (State::Purged, Closed, Closed),
            (State::Failed, Closed, Closed),
        ] {
            assert_eq!(fence(state, false), writable, "{state:?}");
            assert_eq!(fence(state, true), read_only, "{state:?}");
        }
    }
}
