//! Who may call a method and how it is carried out, as its options or the
//! configuration state it. What cannot be understood is refused at the start: a
//! rule that nobody reads would leave a door open.

use std::{collections::HashSet, sync::Arc, time::Duration};

use prost::Message;
use prost_reflect::DescriptorPool;
use resido_proto::{
    identity::Role,
    options::v1::{Access as Declared, MethodPolicy},
};
use resido_transcode::Method;

use crate::{
    config::{Access, MethodConfig},
    upstream::Upstream,
};

/// Longest time a method's option may ask for.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// The option by which a field is bound to the tenant.
const FIELD_POLICY: &str = "resido.options.v1.field";

/// Who may call a method, and how it is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) access: Declared,
    /// Any of these is needed; none: any caller that `access` admits.
    pub(crate) roles: Vec<Role>,
    /// What the scopes of a narrowed credential must contain.
    pub(crate) permission: Option<String>,
    pub(crate) timeout: Option<Duration>,
    /// The method changes nothing.
    pub(crate) reads_only: bool,
    pub(crate) forward_authorization: bool,
    pub(crate) allow_suspended: bool,
}

/// The options of a method, as far as they matter here. `prost` keeps no
/// extensions, so those that do are declared as fields of their numbers.
#[derive(Clone, PartialEq, Message)]
struct Options {
    /// *Source*: `descriptor.proto`, `MethodOptions.idempotency_level`.
    #[prost(int32, optional, tag = "34")]
    idempotency_level: Option<i32>,
    #[prost(message, optional, tag = "50810")]
    policy: Option<MethodPolicy>,
}

/// Reads the policy of a method: its own option, else the upstream's default;
/// then what the configuration says of it, later entries winning.
///
/// # Errors
/// A sentence if the option cannot be read.
pub(crate) fn read(method: &Method, upstream: &Upstream) -> Result<Policy, String> {
    let options = Options::decode(method.options.as_slice()).map_err(|error| {
        format!(
            "{}: its options cannot be read: {error}",
            method.full_name()
        )
    })?;
    let declared = options.policy.unwrap_or_else(|| MethodPolicy {
        access: declared(upstream.default_access).into(),
        ..MethodPolicy::default()
    });
    let mut policy = Policy {
        access: declared.access(),
        roles: declared.roles.iter().map(Role::named).collect(),
        permission: Some(declared.permission).filter(|permission| !permission.is_empty()),
        timeout: declared
            .timeout
            .and_then(|time| Duration::try_from(time).ok()),
        // NO_SIDE_EFFECTS.
        reads_only: options.idempotency_level == Some(1),
        forward_authorization: declared.forward_authorization,
        allow_suspended: declared.allow_suspended,
    };
    for entry in &upstream.methods {
        if selects(entry, method) {
            policy.access = self::declared(entry.access);
            policy.roles = entry.roles.iter().map(Role::named).collect();
            policy.timeout = entry.timeout.or(policy.timeout);
        }
    }
    policy.timeout = policy.timeout.map(|time| time.min(MAX_TIMEOUT));
    Ok(policy)
}

/// Lists what of the upstreams' rules would go unheard: names used twice,
/// selectors of nothing, and fields bound to the tenant, which this version does
/// not fill or check.
pub(crate) fn faults(upstreams: &[Upstream], methods: &[Arc<Method>]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut names = HashSet::new();
    for (index, upstream) in upstreams.iter().enumerate() {
        if !names.insert(&upstream.name) {
            faults.push(format!("there are two upstreams `{}`", upstream.name));
        }
        for entry in &upstream.methods {
            let mut own = methods.iter().filter(|method| method.source == index);
            if !own.any(|method| selects(entry, method)) {
                let (name, selector) = (&upstream.name, &entry.selector);
                faults.push(format!("{name}: `{selector}` selects no method"));
            }
        }
        let bound = bound_fields(&upstream.descriptor_set);
        faults.extend(bound.into_iter().map(|field| {
            format!(
                "{}: `{field}` is bound to the tenant, which is not supported yet",
                upstream.name
            )
        }));
    }
    faults
}

fn bound_fields(descriptor_set: &[u8]) -> Vec<String> {
    let Ok(pool) = DescriptorPool::decode(descriptor_set) else {
        return Vec::new();
    };
    let Some(extension) = pool.get_extension_by_name(FIELD_POLICY) else {
        return Vec::new();
    };
    let fields = pool
        .all_messages()
        .flat_map(|message| message.fields().collect::<Vec<_>>());
    let bound = fields.filter(|field| {
        let options = field.options();
        let policy = options.get_extension(&extension);
        let tenant = policy
            .as_message()
            .and_then(|policy| policy.get_field_by_name("tenant"));
        tenant.is_some_and(|tenant| tenant.as_bool() == Some(true))
    });
    bound.map(|field| field.full_name().to_owned()).collect()
}

fn selects(entry: &MethodConfig, method: &Method) -> bool {
    let (service, name) = entry.selector.rsplit_once('.').unwrap_or_default();
    service == method.service && (name == "*" || name == method.name)
}

fn declared(access: Access) -> Declared {
    match access {
        Access::Deny => Declared::Unspecified,
        Access::Anonymous => Declared::Anonymous,
        Access::Authenticated => Declared::Authenticated,
        Access::Tenant => Declared::Tenant,
        Access::Platform => Declared::Platform,
    }
}

/// Returns what a person reads of an access.
pub(crate) fn access_name(access: Declared) -> &'static str {
    match access {
        Declared::Unspecified => "closed",
        Declared::Anonymous => "anonymous",
        Declared::Authenticated => "authenticated",
        Declared::Tenant => "tenant",
        Declared::Platform => "platform",
        Declared::Internal => "internal",
    }
}

#[cfg(test)]
mod tests {
    use resido_proto::DESCRIPTOR_SET;
    use resido_transcode::{Api, JsonOptions, Source};
    use tonic::service::Routes;
    use tower::util::BoxCloneSyncService;

    use super::*;
    use crate::upstream::Transport;

    fn upstream(name: &str, services: &[&str]) -> Upstream {
        let transport = Transport::InProcess(BoxCloneSyncService::new(Routes::default()));
        Upstream::built_in(name, DESCRIPTOR_SET, services, transport)
    }

    fn methods(services: &[&str]) -> Vec<Arc<Method>> {
        let services: Vec<_> = services.iter().map(ToString::to_string).collect();
        let source = Source {
            name: "test",
            descriptor_set: DESCRIPTOR_SET,
            services: Some(&services),
            json: JsonOptions::default(),
            rules: &[],
        };
        Api::compile(&[source]).unwrap().methods().to_vec()
    }

    const HOUSING: &str = "resido.housing.v1.HousingService";

    fn config(selector: &str, access: Access) -> MethodConfig {
        MethodConfig {
            selector: selector.to_owned(),
            access,
            roles: vec!["auditor".to_owned()],
            timeout: Some(Duration::from_secs(5)),
        }
    }

    #[test]
    fn a_policy_is_what_the_option_says() {
        let upstream = upstream("housing", &[HOUSING]);
        let methods = methods(&[HOUSING]);
        let policy = |name: &str| {
            let method = methods.iter().find(|method| method.name == name).unwrap();
            read(method, &upstream).unwrap()
        };
        let delete = policy("DeleteUnit");
        assert_eq!(
            (delete.access, delete.roles),
            (Declared::Tenant, vec![Role::OWNER, Role::ADMIN])
        );
        assert_eq!(delete.permission.as_deref(), Some("units.write"));
        assert!(!delete.reads_only && policy("ListUnits").reads_only);
    }

    #[test]
    fn later_entries_of_the_configuration_win() {
        let mut upstream = upstream("housing", &[HOUSING]);
        upstream.methods = vec![
            config(&format!("{HOUSING}.*"), Access::Deny),
            config(&format!("{HOUSING}.GetUnit"), Access::Authenticated),
        ];
        let methods = methods(&[HOUSING]);
        let access = |name: &str| {
            let method = methods.iter().find(|method| method.name == name).unwrap();
            let policy = read(method, &upstream).unwrap();
            assert_eq!(policy.timeout, Some(Duration::from_secs(5)));
            policy.access
        };
        assert_eq!(access("GetUnit"), Declared::Authenticated);
        assert_eq!(access("ListUnits"), Declared::Unspecified);
    }

    #[test]
    fn rules_that_nobody_would_hear_are_refused() {
        let mut one = upstream("housing", &[HOUSING]);
        one.methods = vec![config(
            "resido.housing.v1.HousingService.GetUnitt",
            Access::Tenant,
        )];
        let two = upstream("housing", &[]);
        let found = faults(&[one, two], &methods(&[HOUSING]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("GetUnitt") && found[1].contains("two upstreams"));
    }

    #[test]
    fn an_option_that_cannot_be_read_opens_nothing() {
        let mut upstream = upstream("housing", &[HOUSING]);
        upstream.default_access = Access::Anonymous;
        let mut method = Method::clone(&methods(&[HOUSING])[0]);
        method.options = vec![0xff, 0xff, 0xff];
        assert!(read(&method, &upstream).is_err());
    }
}
