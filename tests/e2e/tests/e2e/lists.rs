//! Lists come in pages that miss nothing and repeat nothing.

use std::collections::BTreeSet;

use resido_e2e::{
    client::{Wire, calls},
    people::text,
    product,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_complete_and_in_order_while_rows_are_added() {
    let product = product::shared().await.unwrap();
    let owner = product.owner().await.unwrap();
    let client = product.owner_client(&owner, Wire::Grpc).unwrap();
    let create = async |number: usize| {
        let property = json!({"displayName": format!("{number}")});
        let made = client
            .call(&calls::create_property(property))
            .await
            .unwrap();
        text(&made.message().unwrap(), "/name").unwrap()
    };
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(create(number).await);
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = client
            .call(&calls::list_properties(3, &token))
            .await
            .unwrap();
        let page = page.message().unwrap();
        let rows = page["properties"].as_array().unwrap();
        assert!(rows.len() <= 3);
        seen.extend(rows.iter().map(|row| text(row, "/name").unwrap()));
        if seen.len() == 6 {
            made.push(create(7).await);
        }
        match page["nextPageToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, made);
    // A page token is of no use in another tenant.
    let other = product.owner().await.unwrap();
    let theirs = product.owner_client(&other, Wire::Rest).unwrap();
    let page = client
        .call(&calls::list_properties(3, ""))
        .await
        .unwrap()
        .message()
        .unwrap();
    let stolen = calls::list_properties(3, &text(&page, "/nextPageToken").unwrap());
    let answer = theirs.call(&stolen).await.unwrap();
    assert!(
        answer.outcome.is_err() || answer.outcome == Ok(json!({})),
        "{answer:?}"
    );
    let operator = product.operator_client(Wire::Rest).await.unwrap();
    let tenants = operator
        .call(&calls::list_tenants())
        .await
        .unwrap()
        .message()
        .unwrap();
    let names: BTreeSet<_> = tenants["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tenant| text(tenant, "/name").unwrap())
        .collect();
    assert!(names.len() >= 2, "{names:?}");
}
