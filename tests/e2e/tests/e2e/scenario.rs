//! The same work over every protocol comes to the same.

use resido_e2e::{
    client::{Call, Client, Wire, calls},
    people::{PASSWORD, text},
    product,
};
use serde_json::{Value, json};

/// What a run came to, step by step.
struct Story {
    client: Client,
    token: Option<String>,
    told: Vec<(&'static str, Value)>,
}

impl Story {
    async fn step(&mut self, name: &'static str, call: Call) -> Value {
        let client = match &self.token {
            Some(token) => self.client.clone().token(token).unwrap(),
            None => self.client.clone(),
        };
        let reply = client.call(&call).await.unwrap();
        assert!(
            reply.headers.contains_key("x-request-id"),
            "{name}: {reply:?}"
        );
        let outcome = match reply.outcome {
            Ok(message) => message,
            Err(refusal) => refusal.constant(),
        };
        self.told.push((name, outcome.clone()));
        outcome
    }
}

async fn story(wire: Wire) -> Vec<(&'static str, Value)> {
    let product = product::shared().await.unwrap();
    let mut story = Story {
        client: product.client(wire),
        token: None,
        told: Vec::new(),
    };
    let slug = format!("story-{}", format!("{wire:?}").to_lowercase());
    let email = format!("ada@{slug}.example");
    let operator = &product.operator;
    let login = calls::login(&operator.email, &operator.password, "");
    let login = story.step("the operator logs in", login).await;
    story.token = Some(text(&login, "/accessToken").unwrap());
    let created = story
        .step("a tenant is made", calls::create_tenant(&slug, &email))
        .await;
    let tenant = text(&created, "/tenant/name").unwrap();
    let activation = text(&created, "/activationToken").unwrap();
    story.step("it is found", calls::lookup_tenant(&slug)).await;
    story
        .step("its slug is taken", calls::create_tenant(&slug, &email))
        .await;
    story
        .step(
            "the operator has no properties",
            calls::list_properties(5, ""),
        )
        .await;
    story.token = None;
    let register = calls::register(&activation, &email, PASSWORD);
    story.step("its owner registers", register.clone()).await;
    story.step("but not twice", register).await;
    story
        .step(
            "a wrong password",
            calls::login(&email, "something else", ""),
        )
        .await;
    let login = story
        .step("the owner logs in", calls::login(&email, PASSWORD, &slug))
        .await;
    story.token = Some(text(&login, "/accessToken").unwrap());
    story.step("who am I", calls::get_user("users/me")).await;
    let properties = work(&mut story).await;
    story
        .step(
            "tenants are not the owner's business",
            calls::list_tenants(),
        )
        .await;
    let left = story
        .step("all properties", calls::list_properties(50, ""))
        .await;
    assert_eq!(left["properties"].as_array().unwrap().len(), 2);
    story.token = None;
    story
        .step("nobody has properties", calls::list_properties(5, ""))
        .await;
    mask(
        story.told,
        &[
            (&tenant, "T"),
            (&properties[0], "P"),
            (&properties[1], "Q"),
            (&slug, "S"),
        ],
    )
}

/// Works with properties and units, and returns the names of two properties.
async fn work(story: &mut Story) -> [String; 2] {
    let tower =
        json!({"displayName": "North Tower", "address": {"city": "Ålesund", "countryCode": "NO"}});
    let made = story
        .step("a property", calls::create_property(tower))
        .await;
    let first = text(&made, "/name").unwrap();
    let house = json!({"displayName": "South House"});
    let made = story.step("another", calls::create_property(house)).await;
    let second = text(&made, "/name").unwrap();
    let unit = json!({"displayName": "1a", "floor": -1, "areaSqm": 54.25});
    story
        .step("a unit", calls::create_unit(&first, unit.clone()))
        .await;
    story
        .step("the same once more", calls::create_unit(&first, unit))
        .await;
    let wrong = json!({"displayName": "", "floor": 1000, "areaSqm": -1});
    story
        .step(
            "a unit with three faults",
            calls::create_unit(&first, wrong),
        )
        .await;
    story.step("its units", calls::list_units(&first)).await;
    let page = story
        .step("the first page", calls::list_properties(1, ""))
        .await;
    let next = text(&page, "/nextPageToken").unwrap();
    story
        .step("the second page", calls::list_properties(1, &next))
        .await;
    story
        .step("a page of nothing", calls::list_properties(1, "bm90aGluZw"))
        .await;
    story
        .step("a new name", calls::rename_property(&second, "West House"))
        .await;
    story.step("a property", calls::get_property(&second)).await;
    let nowhere = format!("properties/{}", uuid::Uuid::nil());
    story
        .step("no property", calls::get_property(&nowhere))
        .await;
    story
        .step("no name", calls::get_property("properties/x"))
        .await;
    story
        .step("a property with units", calls::delete_property(&first))
        .await;
    [first, second]
}

/// Puts placeholders where runs must differ.
fn mask(told: Vec<(&'static str, Value)>, names: &[(&str, &str)]) -> Vec<(&'static str, Value)> {
    told.into_iter()
        .map(|(name, mut value)| {
            hide(&mut value, names);
            (name, value)
        })
        .collect()
}

fn hide(value: &mut Value, names: &[(&str, &str)]) {
    const DIFFERS: [&str; 8] = [
        "accessToken",
        "refreshToken",
        "activationToken",
        "createTime",
        "updateTime",
        "lastLoginTime",
        "etag",
        "nextPageToken",
    ];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                let is_user = value
                    .as_str()
                    .is_some_and(|text| text.starts_with("users/"));
                let is_unit = value.as_str().is_some_and(|text| text.contains("/units/"));
                let operation = value
                    .as_str()
                    .is_some_and(|text| text.starts_with("operations/"));
                if DIFFERS.contains(&name.as_str()) || is_user || is_unit || operation {
                    *value = "…".into();
                }
                hide(value, names);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, names)),
        Value::String(text) => {
            for (from, to) in names {
                *text = text.replace(from, to);
            }
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_every_protocol_tells_the_same_story() {
    let told = futures_util::future::join_all(Wire::ALL.map(story)).await;
    let reference = &told[0];
    for (wire, other) in Wire::ALL.iter().zip(&told).skip(1) {
        for (ours, theirs) in reference.iter().zip(other) {
            assert_eq!(ours, theirs, "{wire:?} differs from gRPC");
        }
        assert_eq!(reference.len(), other.len());
    }
    let reason = |step: &str| {
        let found = reference.iter().find(|(name, _)| *name == step).unwrap();
        found.1["details"][0]["reason"]
            .as_str()
            .unwrap_or("none")
            .to_owned()
    };
    for (step, expected) in [
        ("its slug is taken", "TENANT_EXISTS"),
        ("the operator has no properties", "TENANT_REQUIRED"),
        ("but not twice", "ACTIVATION_TOKEN_INVALID"),
        ("a wrong password", "CREDENTIALS_INVALID"),
        ("the same once more", "RESOURCE_EXISTS"),
        ("a unit with three faults", "REQUEST_INVALID"),
        ("a page of nothing", "REQUEST_INVALID"),
        ("no property", "RESOURCE_NOT_FOUND"),
        ("no name", "REQUEST_INVALID"),
        ("a property with units", "RESOURCE_IN_USE"),
        ("tenants are not the owner's business", "ROLE_REQUIRED"),
        ("nobody has properties", "CREDENTIAL_REQUIRED"),
    ] {
        assert_eq!(reason(step), expected, "{step}");
    }
}
