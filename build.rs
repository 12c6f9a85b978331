//! Compiles `proto/` into Rust code and a descriptor set, without `protoc`.

use std::{env, fs, path::PathBuf};

use anyhow::Context as _;

/// Every proto file that the code or the descriptor set needs; what they
/// import comes along.
const FILES: &[&str] = &[
    "google/api/http.proto",
    "google/api/httpbody.proto",
    "google/longrunning/operations.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
    "google/type/date.proto",
    "google/type/money.proto",
    "resido/housing/v1/housing.proto",
    "resido/identity/v1/api_keys.proto",
    "resido/identity/v1/audit.proto",
    "resido/identity/v1/identity.proto",
    "resido/identity/v1/roles.proto",
    "resido/options/v1/options.proto",
    "resido/tenancy/v1/tenancy.proto",
    "resido/tenancy/v1/usage.proto",
];

#[expect(
    clippy::disallowed_methods,
    reason = "Cargo speaks to build scripts by environment"
)]
fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR").context("OUT_DIR is not set")?);
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(FILES)?;

    // Encoded by the compiler itself: the typed descriptor set below drops the
    // bytes of options it does not know, `google.api.http` among them.
    fs::write(
        out.join("descriptors.binpb"),
        compiler.encode_file_descriptor_set(),
    )?;

    tonic_prost_build::configure()
        .disable_comments(["google"])
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
