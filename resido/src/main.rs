//! The `resido` command.

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<ExitCode> {
    // Prints help and what is wrong with the arguments by itself.
    let cli = resido::Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(resido::run(cli));
    // Everything has ended in order; what still computes has nobody to tell.
    runtime.shutdown_background();
    Ok(code)
}
