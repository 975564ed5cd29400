//! Redis: sessions and announcements that several processes share. All of it can be rebuilt, and all of it may be away: whoever asks is then told so
//! at once, and asks SQL.
//!
//! [`keys`] names everything that is in Redis, [`link`] keeps the one connection, [`sessions`] and [`announcements`] are spoken over it. Needs Redis 6
//! or later: messages and replies share the connection (RESP3), so that one look at it tells whether both still come.

use std::sync::Arc;

use ::redis::{Client, IntoConnectionInfo, ProtocolVersion};

use crate::{announce::Announcements, database::masked, error::Error, sessions::Sessions};

mod announcements;
mod keys;
mod link;
mod sessions;
mod told;

/// What Redis is for.
#[derive(Debug, Clone)]
pub struct Hints {
    /// Who is logged in where.
    pub sessions: Arc<dyn Sessions>,
    /// "Look now".
    pub announcements: Arc<dyn Announcements>,
}

/// Connects to Redis by its URL: `redis://[user:password@]host[:port][/number]`, or `rediss://…` for TLS, which trusts the system's certificates
/// (those of the file that `SSL_CERT_FILE` names, if it is set). Returns once the first attempt has come to its end. A server that is away is waited for,
/// for as long as the hints are used.
///
/// # Errors
/// It is no such URL.
pub async fn connect(url: &str) -> Result<Hints, Error> {
    let masked = masked(url);
    let wrong = |source| Error::RedisUrl {
        url: masked.clone(),
        source,
    };
    let info = url.into_connection_info().map_err(wrong)?;
    let redis = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP3);
    let client = Client::open(info.set_redis_settings(redis)).map_err(wrong)?;
    let told = Arc::new(told::Told::default());
    let link = Arc::new(link::Link::start(client, Arc::clone(&told), masked));
    link.first_attempt().await;
    Ok(Hints {
        sessions: Arc::new(sessions::InRedis::new(Arc::clone(&link))),
        announcements: Arc::new(announcements::ThroughRedis::start(link, told)),
    })
}
