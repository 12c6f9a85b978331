//! `resido.housing.v1.HousingService`: takes the context, calls the resource,
//! answers.

use std::{future::Future, pin::Pin};

use futures_util::Stream;
use resido_proto::google::api::HttpBody;
use resido_proto::housing::v1::{
    self as proto,
    housing_service_server::{HousingService, HousingServiceServer},
};
use resido_tenancy::{
    context::TenantContext,
    db::TenantDatabase,
    server::{call_context, into_status},
};
use tonic::{Request, Response, Status, Streaming, service::Routes};

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

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Answers for a method that is not there yet.
fn pending() -> Status {
    Status::unimplemented("this method is not served yet")
}

macro_rules! calls {
    ($($method:ident($request:ident) -> $reply:ty = $room:ident::$call:ident;)*) => {
        #[tonic::async_trait]
        impl HousingService for Housing {
            type WatchWorkOrdersStream = Answers<proto::WatchWorkOrdersResponse>;

            $(async fn $method(
                &self,
                request: Request<proto::$request>,
            ) -> Result<Response<$reply>, Status> {
                self.run(request, async |ctx, db, request| $room::$call(&ctx, db, request).await)
                    .await
            })*

            async fn create_resident(
                &self,
                _request: Request<proto::CreateResidentRequest>,
            ) -> Result<Response<proto::Resident>, Status> {
                Err(pending())
            }

            async fn get_resident(
                &self,
                _request: Request<proto::GetResidentRequest>,
            ) -> Result<Response<proto::Resident>, Status> {
                Err(pending())
            }

            async fn list_residents(
                &self,
                _request: Request<proto::ListResidentsRequest>,
            ) -> Result<Response<proto::ListResidentsResponse>, Status> {
                Err(pending())
            }

            async fn update_resident(
                &self,
                _request: Request<proto::UpdateResidentRequest>,
            ) -> Result<Response<proto::Resident>, Status> {
                Err(pending())
            }

            async fn delete_resident(
                &self,
                _request: Request<proto::DeleteResidentRequest>,
            ) -> Result<Response<()>, Status> {
                Err(pending())
            }

            async fn import_residents(
                &self,
                _request: Request<Streaming<proto::ImportResidentsRequest>>,
            ) -> Result<Response<proto::ImportResidentsResponse>, Status> {
                Err(pending())
            }

            async fn create_lease(
                &self,
                _request: Request<proto::CreateLeaseRequest>,
            ) -> Result<Response<proto::Lease>, Status> {
                Err(pending())
            }

            async fn get_lease(
                &self,
                _request: Request<proto::GetLeaseRequest>,
            ) -> Result<Response<proto::Lease>, Status> {
                Err(pending())
            }

            async fn list_leases(
                &self,
                _request: Request<proto::ListLeasesRequest>,
            ) -> Result<Response<proto::ListLeasesResponse>, Status> {
                Err(pending())
            }

            async fn update_lease(
                &self,
                _request: Request<proto::UpdateLeaseRequest>,
            ) -> Result<Response<proto::Lease>, Status> {
                Err(pending())
            }

            async fn delete_lease(
                &self,
                _request: Request<proto::DeleteLeaseRequest>,
            ) -> Result<Response<()>, Status> {
                Err(pending())
            }

            async fn upload_document(
                &self,
                _request: Request<proto::UploadDocumentRequest>,
            ) -> Result<Response<proto::Document>, Status> {
                Err(pending())
            }

            async fn download_document(
                &self,
                _request: Request<proto::DownloadDocumentRequest>,
            ) -> Result<Response<HttpBody>, Status> {
                Err(pending())
            }

            async fn list_documents(
                &self,
                _request: Request<proto::ListDocumentsRequest>,
            ) -> Result<Response<proto::ListDocumentsResponse>, Status> {
                Err(pending())
            }

            async fn delete_document(
                &self,
                _request: Request<proto::DeleteDocumentRequest>,
            ) -> Result<Response<()>, Status> {
                Err(pending())
            }

            async fn create_work_order(
                &self,
                _request: Request<proto::CreateWorkOrderRequest>,
            ) -> Result<Response<proto::WorkOrder>, Status> {
                Err(pending())
            }

            async fn get_work_order(
                &self,
                _request: Request<proto::GetWorkOrderRequest>,
            ) -> Result<Response<proto::WorkOrder>, Status> {
                Err(pending())
            }

            async fn list_work_orders(
                &self,
                _request: Request<proto::ListWorkOrdersRequest>,
            ) -> Result<Response<proto::ListWorkOrdersResponse>, Status> {
                Err(pending())
            }

            async fn update_work_order(
                &self,
                _request: Request<proto::UpdateWorkOrderRequest>,
            ) -> Result<Response<proto::WorkOrder>, Status> {
                Err(pending())
            }

            async fn delete_work_order(
                &self,
                _request: Request<proto::DeleteWorkOrderRequest>,
            ) -> Result<Response<()>, Status> {
                Err(pending())
            }

            async fn schedule_work_order(
                &self,
                _request: Request<proto::ScheduleWorkOrderRequest>,
            ) -> Result<Response<proto::WorkOrder>, Status> {
                Err(pending())
            }

            async fn complete_work_order(
                &self,
                _request: Request<proto::CompleteWorkOrderRequest>,
            ) -> Result<Response<proto::WorkOrder>, Status> {
                Err(pending())
            }

            async fn cancel_work_order(
                &self,
                _request: Request<proto::CancelWorkOrderRequest>,
            ) -> Result<Response<proto::WorkOrder>, Status> {
                Err(pending())
            }

            async fn watch_work_orders(
                &self,
                _request: Request<proto::WatchWorkOrdersRequest>,
            ) -> Result<Response<Self::WatchWorkOrdersStream>, Status> {
                Err(pending())
            }
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
