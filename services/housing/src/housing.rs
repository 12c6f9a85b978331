//! `resido.housing.v1.HousingService`: takes the context, calls the resource,
//! answers.

use std::future::Future;

use resido_proto::housing::v1::{
    self as proto,
    housing_service_server::{HousingService, HousingServiceServer},
};
use resido_tenancy::{
    context::TenantContext,
    db::TenantDatabase,
    server::{call_context, into_status},
};
use tonic::{Request, Response, Status, service::Routes};

use crate::{Error, properties::service as properties, units::service as units};

/// The name under which the gateway addresses contexts to this service.
pub const NAME: &str = "housing";

/// Returns the service, to be served behind a context layer.
#[must_use]
pub fn routes(db: TenantDatabase) -> Routes {
    Routes::new(HousingServiceServer::new(Housing { db }))
}

struct Housing {
    db: TenantDatabase,
}

impl Housing {
    /// Runs one call in the tenant that the request's context names.
    async fn run<'a, Req, Rep, Fut>(
        &'a self,
        request: Request<Req>,
        call: impl FnOnce(TenantContext, &'a TenantDatabase, Req) -> Fut,
    ) -> Result<Response<Rep>, Status>
    where
        Fut: Future<Output = Result<Rep, Error>> + 'a,
    {
        let ctx = call_context(&request)?
            .tenant()
            .map_err(|e| into_status(&Error::from(e)))?;
        let reply = call(ctx, &self.db, request.into_inner()).await;
        reply
            .map(Response::new)
            .map_err(|error| into_status(&error))
    }
}

macro_rules! calls {
    ($($method:ident($request:ident) -> $reply:ty = $room:ident::$call:ident;)*) => {
        #[tonic::async_trait]
        impl HousingService for Housing {
            $(async fn $method(
                &self,
                request: Request<proto::$request>,
            ) -> Result<Response<$reply>, Status> {
                self.run(request, async |ctx, db, request| $room::$call(&ctx, db, request).await)
                    .await
            })*
        }
    };
}

calls! {
    create_property(CreatePropertyRequest) -> proto::Property = properties::create;
    get_property(GetPropertyRequest) -> proto::Property = properties::get;
    list_properties(ListPropertiesRequest) -> proto::ListPropertiesResponse = properties::list;
    update_property(UpdatePropertyRequest) -> proto::Property = properties::update;
    delete_property(DeletePropertyRequest) -> () = properties::delete;
    create_unit(CreateUnitRequest) -> proto::Unit = units::create;
    get_unit(GetUnitRequest) -> proto::Unit = units::get;
    list_units(ListUnitsRequest) -> proto::ListUnitsResponse = units::list;
    update_unit(UpdateUnitRequest) -> proto::Unit = units::update;
    delete_unit(DeleteUnitRequest) -> () = units::delete;
}
