//! `resido.housing.v1.HousingService`: takes the context, calls the resource,
//! answers.

use std::future::Future;

use resido_proto::google::api::HttpBody;
use resido_proto::housing::v1::{
    self as proto,
    housing_service_server::{HousingService, HousingServiceServer},
};
use resido_tenancy::{
    context::TenantContext,
    db::TenantDatabase,
    server::{MAX_MESSAGE_BYTES, call_context, into_status},
};
use tonic::{
    Request, Response, Status, Streaming,
    metadata::{AsciiMetadataValue, MetadataMap},
    service::Routes,
};

use crate::{
    Error,
    documents::{model::Download, service as documents},
    leases::service as leases,
    properties::service as properties,
    residents::{import::import, service as residents},
    units::service as units,
    watch::{
        Bell,
        service::{self as watch, Watched},
    },
    work_orders::service as work_orders,
};

/// The name under which the gateway addresses contexts to this service.
pub const NAME: &str = "housing";

/// The least version of a tenant's schema that has everything the service uses.
pub const LEAST_SCHEMA_VERSION: i64 = 2;

/// Returns the service, to be served behind a context layer.
#[must_use]
pub fn routes(db: TenantDatabase) -> Routes {
    let bell = Bell::default();
    let service = HousingServiceServer::new(Housing { db, bell });
    Routes::new(service.max_decoding_message_size(MAX_MESSAGE_BYTES))
}

struct Housing {
    db: TenantDatabase,
    bell: Bell,
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
        let ctx = tenant(&request)?;
        let reply = call(ctx, &self.db, request.into_inner()).await;
        reply
            .map(Response::new)
            .map_err(|error| into_status(&error))
    }

    /// As [`run`](Self::run), and tells the streams of the tenant.
    async fn change<'a, Req, Rep, Fut>(
        &'a self,
        request: Request<Req>,
        call: impl FnOnce(TenantContext, &'a TenantDatabase, Req) -> Fut,
    ) -> Result<Response<Rep>, Status>
    where
        Fut: Future<Output = Result<Rep, Error>> + 'a,
    {
        let id = tenant(&request)?.id();
        let reply = self.run(request, call).await;
        if reply.is_ok() {
            self.bell.ring(id);
        }
        reply
    }
}

fn tenant<T>(request: &Request<T>) -> Result<TenantContext, Status> {
    call_context(request)?
        .tenant()
        .map_err(|error| into_status(&Error::from(error)))
}

/// Answers with a document. What people have uploaded shows in no browser under
/// this origin, whatever type they gave it.
fn attached(download: Download) -> Response<HttpBody> {
    let disposition = AsciiMetadataValue::try_from(download.disposition());
    let mut response = Response::new(download.body);
    let metadata: &mut MetadataMap = response.metadata_mut();
    let unnamed = AsciiMetadataValue::from_static("attachment");
    metadata.insert("content-disposition", disposition.unwrap_or(unnamed));
    metadata.insert(
        "x-content-type-options",
        AsciiMetadataValue::from_static("nosniff"),
    );
    response
}

macro_rules! calls {
    ($($run:ident: {$($method:ident($request:ident) -> $reply:ty = $room:ident::$call:ident;)*})*) => {
        #[tonic::async_trait]
        impl HousingService for Housing {
            type WatchWorkOrdersStream = Watched;

            $($(async fn $method(
                &self,
                request: Request<proto::$request>,
            ) -> Result<Response<$reply>, Status> {
                self.$run(request, async |ctx, db, request| $room::$call(&ctx, db, request).await)
                    .await
            })*)*

            async fn import_residents(
                &self,
                request: Request<Streaming<proto::ImportResidentsRequest>>,
            ) -> Result<Response<proto::ImportResidentsResponse>, Status> {
                let ctx = tenant(&request)?;
                import(&ctx, &self.db, request.into_inner()).await.map(Response::new)
            }

            async fn download_document(
                &self,
                request: Request<proto::DownloadDocumentRequest>,
            ) -> Result<Response<HttpBody>, Status> {
                let found = self.run(request, async |ctx, db, request| {
                    documents::download(&ctx, db, request).await
                });
                Ok(attached(found.await?.into_inner()))
            }

            async fn watch_work_orders(
                &self,
                request: Request<proto::WatchWorkOrdersRequest>,
            ) -> Result<Response<Watched>, Status> {
                self.run(request, async |ctx, db, request| {
                    watch::open(ctx, db.clone(), &self.bell, request).await
                })
                .await
            }
        }
    };
}

calls! {
    run: {
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
        create_resident(CreateResidentRequest) -> proto::Resident = residents::create;
        get_resident(GetResidentRequest) -> proto::Resident = residents::get;
        list_residents(ListResidentsRequest) -> proto::ListResidentsResponse = residents::list;
        update_resident(UpdateResidentRequest) -> proto::Resident = residents::update;
        delete_resident(DeleteResidentRequest) -> () = residents::delete;
        create_lease(CreateLeaseRequest) -> proto::Lease = leases::create;
        get_lease(GetLeaseRequest) -> proto::Lease = leases::get;
        list_leases(ListLeasesRequest) -> proto::ListLeasesResponse = leases::list;
        update_lease(UpdateLeaseRequest) -> proto::Lease = leases::update;
        delete_lease(DeleteLeaseRequest) -> () = leases::delete;
        upload_document(UploadDocumentRequest) -> proto::Document = documents::upload;
        list_documents(ListDocumentsRequest) -> proto::ListDocumentsResponse = documents::list;
        delete_document(DeleteDocumentRequest) -> () = documents::delete;
        get_work_order(GetWorkOrderRequest) -> proto::WorkOrder = work_orders::get;
        list_work_orders(ListWorkOrdersRequest) -> proto::ListWorkOrdersResponse =
            work_orders::list;
    }
    change: {
        create_work_order(CreateWorkOrderRequest) -> proto::WorkOrder = work_orders::create;
        update_work_order(UpdateWorkOrderRequest) -> proto::WorkOrder = work_orders::update;
        delete_work_order(DeleteWorkOrderRequest) -> () = work_orders::delete;
        schedule_work_order(ScheduleWorkOrderRequest) -> proto::WorkOrder =
            work_orders::schedule;
        complete_work_order(CompleteWorkOrderRequest) -> proto::WorkOrder =
            work_orders::complete;
        cancel_work_order(CancelWorkOrderRequest) -> proto::WorkOrder = work_orders::cancel;
    }
}
