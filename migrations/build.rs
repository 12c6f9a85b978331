//! Builds the crate anew when a migration file is added: the files are embedded.

fn main() {
    println!("cargo:rerun-if-changed=public");
    println!("cargo:rerun-if-changed=tenant");
}
