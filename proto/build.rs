//! Compiles the contracts without a system `protoc`.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sources = ["proto/region.proto", "proto/auth.proto", "proto/zone.proto"];
    for source in sources {
        println!("cargo::rerun-if-changed={source}");
    }
    let descriptors = protox::compile(sources, ["proto"])?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
