//! Ids of the things that more than one part of the product knows.
//!
//! Each is a UUID in a type of its own, so that a user's id can never stand
//! where a tenant's belongs. New ids are version 7: they sort by time.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

/// Reads a UUID in the one spelling that is accepted, hyphenated and in lower
/// case, so that one id has one text.
///
/// # Errors
/// [`InvalidId`] for any other text.
pub fn parse_uuid(text: &str) -> Result<Uuid, InvalidId> {
    let uuid = Uuid::try_parse(text).map_err(|_| InvalidId)?;
    if uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text {
        Ok(uuid)
    } else {
        Err(InvalidId)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $collection:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The collection that resource names of this kind begin with.
            pub const COLLECTION: &'static str = $collection;

            /// Makes a new id, later than every id made before on this machine.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Wraps a UUID that is known to be an id of this kind.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the UUID.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// Returns the resource name, `<collection>/<uuid>`.
            #[must_use]
            pub fn resource_name(&self) -> String {
                format!("{}/{}", $collection, self.0)
            }

            /// Reads a resource name, `<collection>/<uuid>`.
            ///
            /// # Errors
            /// [`InvalidId`] if the collection is another one or the rest is no
            /// hyphenated lower-case UUID.
            pub fn from_resource_name(name: &str) -> Result<Self, InvalidId> {
                name.strip_prefix(concat!($collection, "/")).ok_or(InvalidId)?.parse()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Reads what [`parse_uuid`] accepts.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_uuid(text).map(Self)
            }
        }
    };
}

id!(
    /// A tenant.
    TenantId,
    "tenants"
);
id!(
    /// A person, in whichever tenants.
    UserId,
    "users"
);
id!(
    /// A long-running operation.
    OperationId,
    "operations"
);
id!(
    /// A key by which a program calls.
    ApiKeyId,
    "api-keys"
);
id!(
    /// A run of migrations over tenants.
    MigrationRunId,
    "migration-runs"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_has_one_text() {
        let id = TenantId::new();
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(TenantId::from_resource_name(&id.resource_name()), Ok(id));
        for other in [
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{{{text}}}"),
            format!("urn:uuid:{text}"),
            format!(" {text}"),
            String::new(),
        ] {
            assert_eq!(other.parse::<TenantId>(), Err(InvalidId), "{other:?}");
        }
    }

    #[test]
    fn a_resource_name_of_another_collection_is_refused() {
        let name = UserId::new().resource_name();
        assert_eq!(TenantId::from_resource_name(&name), Err(InvalidId));
        assert_eq!(TenantId::from_resource_name("tenants/"), Err(InvalidId));
    }

    #[test]
    fn later_ids_sort_later() {
        let first = TenantId::new();
        assert!(first < TenantId::new());
    }
}
