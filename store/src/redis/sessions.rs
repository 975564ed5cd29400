//! Sessions, each as a hash with a time to live.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use redis::{Script, cmd};

use crate::{
    error::Error,
    sessions::{Session, Sessions},
};

use super::{keys, link::Link};

/// Lua counts in floating point: exactly up to 2^53 logins.
const PUT: &str = "\
local known = tonumber(redis.call('HGET', KEYS[1], 'generation'))
if known and known > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'gateway', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1";

const REMOVE: &str = "\
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

/// The sessions of all players, in Redis.
#[derive(Debug)]
pub(super) struct InRedis {
    link: Arc<Link>,
    put: Script,
    remove: Script,
}

impl InRedis {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            put: Script::new(PUT),
            remove: Script::new(REMOVE),
        }
    }
}

impl Sessions for InRedis {
    fn put<'a>(
        &'a self,
        name: &'a str,
        session: Session,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut connection = self.link.connection()?;
            let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
            let mut put = self.put.key(keys::session(&world::name::key(name)));
            put.arg(session.generation)
                .arg(session.gateway)
                .arg(ttl_ms.clamp(1, TTL_MS_MAX));
            self.link.reply(put.invoke_async(&mut connection)).await
        })
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Session>, Error>> {
        Box::pin(async move {
            let mut connection = self.link.connection()?;
            let mut get = cmd("HMGET");
            get.arg(keys::session(&world::name::key(name)))
                .arg(&["generation", "gateway"]);
            let (generation, gateway): (Option<u64>, Option<String>) =
                self.link.reply(get.query_async(&mut connection)).await?;
            Ok(generation
                .zip(gateway)
                .map(|(generation, gateway)| Session {
                    gateway,
                    generation,
                }))
        })
    }

    fn remove<'a>(&'a self, name: &'a str, generation: u64) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut connection = self.link.connection()?;
            let mut remove = self.remove.key(keys::session(&world::name::key(name)));
            remove.arg(generation);
            self.link.reply(remove.invoke_async(&mut connection)).await
        })
    }
}

/// The longest time to live: Redis refuses what would overflow its clock.
const TTL_MS_MAX: u64 = 1 << 40;
