//! Compiles the descriptors of google.rpc's error details, which every status
//! may carry, whatever the upstreams' own descriptor sets hold.

use std::{env, error::Error, fs, path::PathBuf};

const FILES: &[&str] = &["google/rpc/error_details.proto", "google/rpc/status.proto"];

#[expect(
    clippy::disallowed_methods,
    reason = "Cargo speaks to build scripts by environment"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../proto/google/rpc");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut compiler = protox::Compiler::new(["../proto"])?;
    compiler.include_imports(true).open_files(FILES)?;
    fs::write(out.join("rpc.binpb"), compiler.encode_file_descriptor_set())?;
    Ok(())
}
