//! Which action of the record each method that changes something writes.

use std::{collections::BTreeSet, fs, path::Path};

use prost::Message as _;
use prost_types::{FileDescriptorSet, method_options::IdempotencyLevel};
use resido_proto::DESCRIPTOR_SET;

use Trace::{Action, Nothing};

/// What a method leaves in the record.
#[derive(Debug, Clone, Copy)]
enum Trace {
    /// A row with this action.
    Action(&'static str),
    /// Nothing, for a reason.
    Nothing(&'static str),
}

const TRACES: &[(&str, Trace)] = &[
    ("ActivateUser", Action("users.activate")),
    ("AddTenantDomain", Action("tenants.add_domain")),
    ("ChangePassword", Action("users.change_password")),
    ("CreateApiKey", Action("api-keys.create")),
    ("CreateRole", Action("roles.create")),
    ("CreateTenant", Action("tenants.create")),
    ("DeactivateUser", Action("users.deactivate")),
    ("DeleteRole", Action("roles.delete")),
    ("DeleteTenant", Action("tenants.delete")),
    ("DeleteUser", Action("users.delete")),
    ("EndMaintenance", Action("tenants.end_maintenance")),
    ("ExportTenant", Action("tenants.export")),
    (
        "ForgotPassword",
        Nothing("a mail is asked for, by nobody knows whom"),
    ),
    ("ImpersonateUser", Action("users.impersonate")),
    ("InviteUser", Action("users.invite")),
    ("Login", Action("auth.login")),
    ("Logout", Action("auth.logout")),
    ("MigrateTenants", Action("tenants.migrate")),
    ("PurgeTenant", Action("tenants.purge")),
    // Only what ends: a log-in that goes on is recorded already.
    ("Refresh", Action("auth.refresh_reuse")),
    ("RegisterUser", Action("users.register")),
    ("RemoveTenantDomain", Action("tenants.remove_domain")),
    ("ResendActivation", Action("tenants.resend_activation")),
    ("ResendInvitation", Action("invitations.resend")),
    ("ResetPassword", Action("auth.reset_password")),
    ("ResumeTenant", Action("tenants.resume")),
    ("RevokeApiKey", Action("api-keys.revoke")),
    ("RevokeInvitation", Action("invitations.revoke")),
    ("RotateApiKey", Action("api-keys.rotate")),
    ("SendEmailVerification", Nothing("a mail is asked for")),
    ("SetRoles", Action("users.set_roles")),
    ("StartMaintenance", Action("tenants.start_maintenance")),
    ("SuspendTenant", Action("tenants.suspend")),
    ("UndeleteTenant", Action("tenants.undelete")),
    ("UpdateRole", Action("roles.update")),
    ("UpdateTenant", Action("tenants.update")),
    ("UpdateUser", Action("users.update")),
    ("VerifyEmail", Action("auth.verify_email")),
];

/// Returns the methods of the control plane that change something.
fn changing() -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(DESCRIPTOR_SET).unwrap();
    let ours = ["resido.tenancy.v1", "resido.identity.v1"];
    let files = set
        .file
        .iter()
        .filter(|file| ours.contains(&file.package()));
    let methods = files
        .flat_map(|file| &file.service)
        .flat_map(|service| &service.method);
    let changes = methods.filter(|method| {
        let level = method
            .options
            .as_ref()
            .map(|options| options.idempotency_level());
        level != Some(IdempotencyLevel::NoSideEffects)
    });
    changes.map(|method| method.name().to_owned()).collect()
}

fn source(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&source(&path));
        } else if !path.ends_with("audit/actions.rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
    text
}

#[test]
fn what_every_changing_method_records_is_decided() {
    let decided: BTreeSet<_> = TRACES.iter().map(|(method, _)| (*method).into()).collect();
    assert_eq!(decided, changing());
    assert_eq!(decided.len(), TRACES.len(), "a method is decided twice");
}

#[test]
fn every_action_is_written_somewhere() {
    let source = source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for (method, trace) in TRACES {
        match trace {
            Action(action) => {
                let literal = format!("\"{action}\"");
                assert!(source.contains(&literal), "{method} records no {action}");
            }
            Nothing(why) => assert!(!why.is_empty(), "{method}"),
        }
    }
}
