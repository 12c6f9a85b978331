//! A tenant's owner at work: the ways in, and what most tests need first.

use http::Method;
use resido_e2e::{
    client::{Call, Client, Refusal, Wire, calls},
    people::{Owner, text},
    product::{self, Product},
};
use resido_proto::housing::v1::housing_service_client::HousingServiceClient;
use serde_json::{Value, json};
use tonic::{
    Request, Status,
    metadata::AsciiMetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

/// The typed client of the service, as its tenant's owner.
pub(super) type Housing = HousingServiceClient<InterceptedService<Channel, Bearer>>;

/// Sends a token with each call.
#[derive(Clone)]
pub(super) struct Bearer(AsciiMetadataValue);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A tenant of the test's own.
pub(super) struct Desk {
    pub(super) product: &'static Product,
    pub(super) owner: Owner,
}

impl Desk {
    pub(super) async fn new() -> Self {
        let product = product::shared().await.unwrap();
        let owner = product.owner().await.unwrap();
        Self { product, owner }
    }

    pub(super) fn client(&self, wire: Wire) -> Client {
        self.product.owner_client(&self.owner, wire).unwrap()
    }

    pub(super) async fn housing(&self) -> Housing {
        let gateway = format!("http://{}", self.product.gateway);
        let endpoint = Endpoint::from_shared(gateway).unwrap();
        let bearer = format!("Bearer {}", self.owner.token).parse().unwrap();
        let channel = endpoint.connect().await.unwrap();
        HousingServiceClient::with_interceptor(channel, Bearer(bearer))
    }

    pub(super) async fn done(&self, wire: Wire, call: &Call) -> Value {
        let reply = self.client(wire).call(call).await.unwrap();
        reply.message().unwrap()
    }

    pub(super) async fn refused(&self, wire: Wire, call: &Call) -> Refusal {
        let reply = self.client(wire).call(call).await.unwrap();
        reply.refusal().unwrap()
    }

    /// Makes something over gRPC and returns its name.
    pub(super) async fn made(&self, call: &Call) -> String {
        text(&self.done(Wire::Grpc, call).await, "/name").unwrap()
    }

    pub(super) async fn property(&self) -> String {
        let property = json!({"displayName": "House"});
        self.made(&calls::create_property(property)).await
    }

    /// Makes a property with one unit, and returns the unit's name.
    pub(super) async fn unit(&self) -> String {
        let parent = self.property().await;
        let unit = json!({"displayName": "1a"});
        self.made(&calls::create_unit(&parent, unit)).await
    }

    pub(super) async fn resident(&self) -> String {
        let resident = json!({"givenName": "Ada", "familyName": "Lovelace"});
        self.made(&create_resident(resident)).await
    }

    /// Makes a lease of a new unit to a new resident.
    pub(super) async fn lease(&self) -> String {
        let (unit, resident) = (self.unit().await, self.resident().await);
        let lease = lease(&unit, &resident, "2026-01-01", Some("2026-12-31"));
        self.made(&create_lease(lease)).await
    }
}

/// Returns the reason of a status.
pub(super) fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map(|info| info.reason).unwrap_or_default()
}

pub(super) fn create_resident(resident: Value) -> Call {
    Call {
        path: "/resido.housing.v1.HousingService/CreateResident",
        message: json!({"resident": resident}),
        verb: Method::POST,
        uri: "/v1/residents".to_owned(),
        body: Some(resident),
    }
}

/// Reads `YYYY-MM-DD`.
pub(super) fn date(text: &str) -> Value {
    let parts: Vec<i32> = text.split('-').map(|part| part.parse().unwrap()).collect();
    json!({"year": parts[0], "month": parts[1], "day": parts[2]})
}

pub(super) fn lease(unit: &str, resident: &str, start: &str, end: Option<&str>) -> Value {
    let mut lease = json!({
        "unit": unit, "resident": resident, "startDate": date(start),
        "monthlyRent": {"currencyCode": "EUR", "units": "1200", "nanos": 500_000_000},
    });
    if let Some(end) = end {
        lease["endDate"] = date(end);
    }
    lease
}

pub(super) fn create_lease(lease: Value) -> Call {
    Call {
        path: "/resido.housing.v1.HousingService/CreateLease",
        message: json!({"lease": lease}),
        verb: Method::POST,
        uri: "/v1/leases".to_owned(),
        body: Some(lease),
    }
}

pub(super) fn create_work_order(work_order: Value) -> Call {
    Call {
        path: "/resido.housing.v1.HousingService/CreateWorkOrder",
        message: json!({"workOrder": work_order}),
        verb: Method::POST,
        uri: "/v1/work-orders".to_owned(),
        body: Some(work_order),
    }
}

/// A call of a method that takes a name alone.
pub(super) fn named(path: &'static str, verb: Method, name: &str) -> Call {
    Call {
        path,
        message: json!({"name": name}),
        verb,
        uri: format!("/v1/{name}"),
        body: None,
    }
}

/// Updates a resource; over REST the mask comes from the body.
pub(super) fn update(path: &'static str, field: &str, resource: Value, mask: &str) -> Call {
    let name = resource["name"].as_str().unwrap().to_owned();
    let message = json!({ field: &resource, "updateMask": mask });
    let mut body = resource;
    body.as_object_mut().unwrap().remove("name");
    Call {
        path,
        message,
        verb: Method::PATCH,
        uri: format!("/v1/{name}?updateMask={mask}"),
        body: Some(body),
    }
}
