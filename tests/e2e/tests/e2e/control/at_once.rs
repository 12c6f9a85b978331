//! What concerns one person at once neither fails nor locks up.

use futures_util::future::{join_all, try_join};
use resido_e2e::people::PASSWORD;
use resido_proto::{
    identity::Role,
    identity_api::v1::{
        self as proto, CreateRoleRequest, LogoutRequest, SetRolesRequest, UpdateRoleRequest,
    },
};
use tokio::time::timeout;
use tonic::Status;

use super::{
    logins::{Logins, Person, SOON},
    staff::texts,
};

/// Log-ins at once; each has to wait for the others' hashing.
const LOGINS: usize = 32;
const CHANGES: usize = 10;

fn clerk(permission: &str) -> proto::Role {
    proto::Role {
        name: "roles/clerk".into(),
        display_name: "Clerk".into(),
        permissions: texts(&[permission]),
        ..Default::default()
    }
}

/// Gives the person other roles again and again.
async fn set_roles(house: &Logins, owner: &Person, person: &Person) -> Result<(), Status> {
    for turn in 0..CHANGES {
        let roles = [&["clerk", "viewer"][..], &["clerk", "member"]];
        let set = SetRolesRequest {
            name: person.id.resource_name(),
            roles: texts(roles[turn % 2]),
            etag: String::new(),
        };
        let set = house.by(owner, set);
        house.plane.users().set_roles(set).await?;
    }
    Ok(())
}

/// Changes what a role permits again and again.
async fn change_role(house: &Logins, owner: &Person) -> Result<(), Status> {
    for turn in 0..CHANGES {
        let permissions = ["units.write", "units.read"];
        let update = UpdateRoleRequest {
            role: Some(clerk(permissions[turn % 2])),
            update_mask: Some(prost_types::FieldMask {
                paths: texts(&["permissions"]),
            }),
        };
        let update = house.by(owner, update);
        house.plane.roles().update_role(update).await?;
    }
    Ok(())
}

/// Logs the person out everywhere with each of the tokens.
async fn log_out(house: &Logins, tokens: Vec<String>) {
    for refresh_token in tokens {
        let everywhere = true;
        house
            .logout(LogoutRequest {
                refresh_token,
                everywhere,
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_ins_role_changes_and_log_outs_go_together() {
    let house = Logins::new().await;
    let owner = house.person(Role::OWNER).await;
    let person = house.person(Role::MEMBER).await;
    let create = house.by(
        &owner,
        CreateRoleRequest {
            role: Some(clerk("units.read")),
            role_id: "clerk".into(),
        },
    );
    house.plane.roles().create_role(create).await.unwrap();
    let mut tokens = Vec::new();
    for _ in 0..CHANGES {
        tokens.push(house.enter(&person).await.refresh_token);
    }
    let all = async {
        let logins = (0..LOGINS).map(|_| house.login(&person.email, PASSWORD));
        let changes = try_join(
            set_roles(&house, &owner, &person),
            change_role(&house, &owner),
        );
        tokio::join!(join_all(logins), changes, log_out(&house, tokens))
    };
    let (logins, changes, ()) = timeout(SOON, all).await.unwrap();
    changes.unwrap();
    for login in logins {
        login.unwrap();
    }
}
