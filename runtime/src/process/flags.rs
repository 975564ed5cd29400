//! What can be said on the command line of every process of a cluster. What it means is for those whose it is.

use std::{net::SocketAddr, path::PathBuf};

use serde::Serialize;

/// The flags, of which those that are settings are serialized under their keys.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
pub struct Flags {
    /// The PostgreSQL database that all processes share: postgres://USER:PASSWORD@HOST/DATABASE, with ?sslmode=verify-full for TLS. A file that holds
    /// it may be named by PYMMORPG_SQL_FILE instead.
    #[arg(long, value_name = "URL")]
    pub sql: Option<String>,
    /// The Redis that carries announcements between processes: redis://HOST, or rediss://HOST for TLS. A file that holds it may be named by
    /// PYMMORPG_REDIS_FILE instead.
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// Where /healthz, /readyz and /metrics are [default: 127.0.0.1, port 7780 of a gateway, 7781 of a zone server, 7782 of auth]; port 0 takes any
    /// that is free.
    #[arg(long, value_name = "ADDR")]
    pub admin_listen: Option<SocketAddr>,
    /// A TOML file with settings.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Print one line of JSON when ready, instead of text.
    #[arg(long)]
    #[serde(skip)]
    pub json: bool,
}
