//! One method of an upstream, as everything beside transcoding needs it.

/// A method of an upstream's service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// Index of its source in what [`crate::Api::compile`] was given.
    pub source: usize,
    /// Full name of the service, such as `pkg.Service`.
    pub service: String,
    /// Name of the method within the service.
    pub name: String,
    /// The gRPC path, such as `/pkg.Service/Method`.
    pub path: String,
    /// Whether the caller sends a stream.
    pub client_streaming: bool,
    /// Whether the upstream answers with a stream.
    pub server_streaming: bool,
    /// Encoded `google.protobuf.MethodOptions` with all extensions, byte for
    /// byte as in the descriptor set; empty if the method has none.
    pub options: Vec<u8>,
}

impl Method {
    /// Returns the full name with dots, such as `pkg.Service.Method`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.service, self.name)
    }
}
