//! The gRPC contracts between our processes, and nothing else. The `.proto` files beside this one are the text to read.
#![expect(
    missing_docs,
    clippy::allow_attributes,
    reason = "generated code; its documentation is in the .proto files"
)]

tonic::include_proto!("pymmorpg.v1");
