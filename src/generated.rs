//! The code that `build.rs` makes of `proto/`, in modules named after the
//! packages.
#![expect(
    clippy::allow_attributes_without_reason,
    clippy::doc_markdown,
    clippy::missing_errors_doc,
    clippy::too_many_lines,
    reason = "generated code keeps its generator's style"
)]

/// Google's common types.
pub mod google {
    /// HTTP annotations and raw bodies.
    pub mod api {
        tonic::include_proto!("google.api");
    }
    /// Long-running operations.
    pub mod longrunning {
        tonic::include_proto!("google.longrunning");
    }
    /// The error model.
    pub mod rpc {
        tonic::include_proto!("google.rpc");
    }
    /// Dates and money.
    pub mod r#type {
        tonic::include_proto!("google.r#type");
    }
}
/// Policy stated on methods and fields.
pub mod options {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("resido.options.v1");
    }
}
/// Tenants.
pub mod tenancy {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("resido.tenancy.v1");
    }
}
/// People and credentials.
pub mod identity {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("resido.identity.v1");
    }
}
/// The example domain.
pub mod housing {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("resido.housing.v1");
    }
}
