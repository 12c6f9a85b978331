//! What a gateway remembers of a membership: the least epoch of its tokens.

use resido_proto::ids::{TenantId, UserId};

/// The least epoch that the tokens of one membership must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembershipEpoch {
    /// Whose membership.
    pub user: UserId,
    /// In which tenant; none for the platform.
    pub tenant: Option<TenantId>,
    /// The least epoch.
    pub epoch: i64,
}

impl MembershipEpoch {
    /// The epoch that no token has: the membership ended, or is not active.
    pub const GONE: i64 = i64::MAX;
}

/// What is known of one membership.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Membership {
    /// The greatest epoch that was heard of. Epochs never come twice, so that
    /// news from before the membership's end cannot undo it.
    greatest: i64,
    gone: bool,
}

impl Membership {
    /// Takes news over, and returns whether it is any.
    pub(crate) fn hear(&mut self, epoch: i64) -> bool {
        let is_news = if epoch == MembershipEpoch::GONE {
            !self.gone
        } else {
            epoch > self.greatest
        };
        if is_news {
            self.gone = epoch == MembershipEpoch::GONE;
            if !self.gone {
                self.greatest = epoch;
            }
        }
        is_news
    }

    /// Returns the least epoch that tokens must carry.
    pub(crate) fn least(self) -> i64 {
        if self.gone {
            MembershipEpoch::GONE
        } else {
            self.greatest
        }
    }
}
