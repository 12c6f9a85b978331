//! The demo's data: two tenants with people, properties and units.
//!
//! Made anew where something is missing, and left alone where it is there.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use resido_control_plane::ControlPlane;
use resido_proto::{
    housing::v1::{
        Address, CreatePropertyRequest, CreateUnitRequest, ListPropertiesRequest, ListUnitsRequest,
        Property, Unit, housing_service_client::HousingServiceClient,
    },
    identity::Role,
    identity_api::v1::{LoginRequest, auth_service_client::AuthServiceClient},
};
use secrecy::SecretString;
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};
use uuid::Uuid;

/// Slugs of the tenants and what people call them.
pub(crate) const TENANTS: [(&str, &str); 2] = [("acme", "Acme Homes"), ("globex", "Globex Living")];
/// Everybody's password.
pub(crate) const PASSWORD: &str = "demo-password";
/// Names of the people and what they may do.
const PEOPLE: [(&str, Role); 3] = [
    ("owner", Role::OWNER),
    ("member", Role::MEMBER),
    ("viewer", Role::VIEWER),
];
/// Names and towns of each tenant's properties.
const PROPERTIES: [(&str, &str, &str); 3] = [
    ("North Tower", "Oslo", "NO"),
    ("Harbour House", "Lisbon", "PT"),
    ("Garden Court", "Vienna", "AT"),
];
/// Each tenant's units: which property, name, floor, square metres.
const UNITS: [(usize, &str, i32, f64); 10] = [
    (0, "1a", 1, 54.5),
    (0, "1b", 1, 61.0),
    (0, "2a", 2, 54.5),
    (0, "2b", 2, 61.0),
    (1, "Ground left", 0, 72.0),
    (1, "Ground right", 0, 68.5),
    (1, "Loft", 3, 95.0),
    (2, "A", 0, 40.0),
    (2, "B", 0, 42.0),
    (2, "C", 1, 81.5),
];
/// Time of one call that makes data.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// The ids count from here, so that doing it again finds what is there. Both
/// tenants have the same ids, each in its own schema.
const FIRST_ID: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0000;

/// Returns the e-mail of one of a tenant's people.
pub(crate) fn email(name: &str, tenant: &str) -> String {
    format!("{name}@{tenant}.example")
}

/// Makes the tenants and their people.
///
/// # Errors
/// If the database has tenants which are not the demo's.
pub(crate) async fn seed_people(control_plane: &ControlPlane) -> Result<()> {
    refuse_others(&control_plane.tenant_slugs().await?)?;
    let password = SecretString::from(PASSWORD);
    for (slug, display_name) in TENANTS {
        let contact = email("owner", slug);
        let tenant = control_plane
            .create_tenant_direct(slug, display_name, &contact)
            .await?;
        for (name, role) in PEOPLE {
            let email = email(name, slug);
            control_plane
                .seed_member(tenant, &email, &password, &[role])
                .await?;
        }
    }
    Ok(())
}

fn refuse_others(slugs: &[String]) -> Result<()> {
    let ours = |slug: &str| TENANTS.iter().any(|(demo, _)| *demo == slug);
    match slugs.iter().find(|slug| !ours(slug)) {
        Some(other) => {
            bail!("the database has a tenant `{other}`: the demo's data go into none but their own")
        }
        None => Ok(()),
    }
}

/// Makes the properties and units that are missing, as each tenant's owner,
/// through the gateway.
///
/// # Errors
/// If a call fails.
pub(crate) async fn seed_housing(gateway: SocketAddr) -> Result<()> {
    let endpoint = Channel::from_shared(format!("http://{}", reachable(gateway)))?;
    let channel = endpoint.timeout(CALL_LIMIT).connect().await?;
    for (slug, _) in TENANTS {
        let login = LoginRequest {
            email: email("owner", slug),
            password: PASSWORD.to_owned(),
            ..LoginRequest::default()
        };
        let login = AuthServiceClient::new(channel.clone()).login(login).await;
        let login = login.with_context(|| format!("the owner of {slug} cannot log in"))?;
        let token = login.into_inner().access_token;
        let owner = Owner {
            bearer: format!("Bearer {token}").parse()?,
        };
        owner
            .seed(HousingServiceClient::new(channel.clone()))
            .await?;
    }
    Ok(())
}

/// A tenant's owner, logged in.
struct Owner {
    bearer: MetadataValue<Ascii>,
}

impl Owner {
    fn asks<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request
            .metadata_mut()
            .insert("authorization", self.bearer.clone());
        request
    }

    async fn seed(&self, mut housing: HousingServiceClient<Channel>) -> Result<()> {
        let list = ListPropertiesRequest {
            page_size: 1000,
            ..ListPropertiesRequest::default()
        };
        let known = housing
            .list_properties(self.asks(list))
            .await?
            .into_inner()
            .properties;
        for (number, of) in (0..).zip(PROPERTIES) {
            let request = property(number, of);
            let name = format!("properties/{}", request.property_id);
            if !known.iter().any(|known| known.name == name) {
                made(housing.create_property(self.asks(request)).await)?;
            }
            self.seed_units(&mut housing, name).await?;
        }
        Ok(())
    }

    async fn seed_units(
        &self,
        housing: &mut HousingServiceClient<Channel>,
        property: String,
    ) -> Result<()> {
        let list = ListUnitsRequest {
            parent: property.clone(),
            page_size: 1000,
            ..ListUnitsRequest::default()
        };
        let known = housing
            .list_units(self.asks(list))
            .await?
            .into_inner()
            .units;
        let units = (0..).zip(UNITS).map(|(number, of)| unit(number, of));
        for request in units.filter(|request| request.parent == property) {
            let name = format!("{property}/units/{}", request.unit_id);
            if !known.iter().any(|known| known.name == name) {
                made(housing.create_unit(self.asks(request)).await)?;
            }
        }
        Ok(())
    }
}

fn property(
    number: u128,
    (display_name, city, country): (&str, &str, &str),
) -> CreatePropertyRequest {
    CreatePropertyRequest {
        property_id: id(number),
        property: Some(Property {
            display_name: display_name.to_owned(),
            address: Some(Address {
                city: city.to_owned(),
                country_code: country.to_owned(),
                ..Address::default()
            }),
            ..Property::default()
        }),
    }
}

fn unit(
    number: u128,
    (property, name, floor, area_sqm): (usize, &str, i32, f64),
) -> CreateUnitRequest {
    let property = u128::try_from(property).unwrap_or_default();
    CreateUnitRequest {
        parent: format!("properties/{}", id(property)),
        unit_id: id(0x100 + number),
        unit: Some(Unit {
            display_name: name.to_owned(),
            floor,
            area_sqm,
            ..Unit::default()
        }),
    }
}

fn id(number: u128) -> String {
    Uuid::from_u128(FIRST_ID + number).to_string()
}

/// What is there already is left as it is.
fn made<T>(result: Result<T, Status>) -> Result<()> {
    match result {
        Err(status) if status.code() != Code::AlreadyExists => {
            Err(status).context("the demo's data cannot be made")
        }
        _ => Ok(()),
    }
}

/// Returns an address to connect to for one that may stand for all.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_tenants_are_left_alone() {
        let slugs = |slugs: &[&str]| slugs.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(refuse_others(&slugs(&[])).is_ok());
        assert!(refuse_others(&slugs(&["globex", "acme"])).is_ok());
        let refused = refuse_others(&slugs(&["acme", "initech"])).unwrap_err();
        assert!(refused.to_string().contains("initech"));
    }

    #[test]
    fn ids_are_the_same_every_time_and_all_different() {
        let first = property(0, PROPERTIES[0]);
        assert_eq!(first.property_id, property(0, PROPERTIES[0]).property_id);
        let mut ids: Vec<_> = (0..)
            .zip(UNITS)
            .map(|(number, of)| unit(number, of).unit_id)
            .collect();
        ids.extend(
            (0..)
                .zip(PROPERTIES)
                .map(|(number, of)| property(number, of).property_id),
        );
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), UNITS.len() + PROPERTIES.len());
        assert!(Uuid::parse_str(&ids[0]).is_ok());
    }

    #[test]
    fn an_address_for_all_is_reached_on_the_loopback() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reached("[::]:80"), "[::1]:80");
        assert_eq!(reached("10.0.0.1:80"), "10.0.0.1:80");
    }
}
