//! Claiming one entity's row again after what was in memory of it had to be given up, with the session that speaks for it.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use world::{
    region::{Claimed, LinkId, Message, Reason, Session},
    region_id::RegionId,
};

use super::{deliver, released};
use crate::{
    rows::{
        self,
        decide::{self, Recovery},
    },
    server::Server,
};

/// How long to wait before asking the database again; each time twice as long, up to [`BACKOFF_MAX`].
const BACKOFF: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// The session that spoke for an entity, until its player goes.
#[derive(Debug, Clone)]
pub(crate) struct Speaker(Arc<Mutex<Option<Session>>>);

impl PartialEq for Speaker {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Speaker {
    pub(crate) fn new(session: Option<Session>) -> Self {
        Self(Arc::new(Mutex::new(session)))
    }

    /// The session's player has gone.
    pub(crate) fn leave(&self, session: Session) {
        self.0.lock().take_if(|speaking| *speaking == session);
    }

    fn take(&self) -> Option<Session> {
        self.0.lock().take()
    }
}

/// Claims an entity's row again, however often the database has to be asked, and gives it to the region where it belongs, unless another server has that.
pub(crate) async fn reclaim(server: &Server, key: &str, speaker: &Speaker) {
    let mut wait = BACKOFF;
    let mut has_failed = false;
    loop {
        match try_reclaim(server, key).await {
            Ok(Reclaimed::Ours(row, region)) => {
                return deliver(server, *row, region, speaker.take()).await;
            }
            Ok(Reclaimed::Away(region)) => {
                if let Some(session) = speaker.take() {
                    server.links.tell(session.link, released(session, region));
                }
                return server.peers.arriving(region, key.to_owned());
            }
            Ok(Reclaimed::Gone) => {
                if let Some(session) = speaker.take() {
                    let (link, evicted) = evicted(session);
                    server.links.tell(link, evicted);
                }
                return;
            }
            Ok(Reclaimed::NotYet) => {}
            Err(error) => {
                // There may be thousands whom the same outage keeps waiting.
                let is_told = std::mem::replace(&mut has_failed, true);
                if !is_told && server.rows_outage.begins() {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        key,
                        "a row cannot be claimed again yet"
                    );
                }
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(BACKOFF_MAX);
    }
}

enum Reclaimed {
    /// It is ours, and belongs to a region.
    Ours(Box<Claimed>, RegionId),
    /// It is another server's, or for another to claim, in that region.
    Away(RegionId),
    /// It is not to be in the world.
    Gone,
    /// It has changed while we looked.
    NotYet,
}

async fn try_reclaim(server: &Server, key: &str) -> Result<Reclaimed, store::Error> {
    let Some(row) = server.store.entities().peek(key).await? else {
        return Ok(Reclaimed::Gone);
    };
    let reader = rows::read_by(server, &row).await?;
    let seen = match decide::recover(&row, &reader) {
        Recovery::Claim { seen } => seen,
        Recovery::Away(region) => return Ok(Reclaimed::Away(region)),
        Recovery::Gone => return Ok(Reclaimed::Gone),
    };
    let claimed = rows::adopt(server, row.key, seen).await;
    Ok(claimed.map_or(Reclaimed::NotYet, |claimed| {
        Reclaimed::Ours(Box::new(claimed), row.region)
    }))
}

/// A session's character was taken out of the world while it spoke for it. That is what a kick does, or a later session that has gone since.
fn evicted(Session { link, number }: Session) -> (LinkId, Message) {
    let (session, reason) = (number, Reason::Kicked);
    (link, Message::Evicted { session, reason })
}

#[cfg(test)]
mod tests {
    use store::{
        directory::ZoneServer,
        entities::{Incarnation, Save},
    };
    use world::{
        placement::{Candidate, holder},
        region::Message,
    };

    use super::*;
    use crate::{
        testing::{PATIENCE, Running, bring_in, enter, lose, next, row},
        yard::{EAST, WEST},
    };

    #[tokio::test]
    async fn a_row_goes_home_with_the_session_that_speaks_for_it() {
        let running = Running::start().await;
        let server = &running.server;
        lose(server).await;
        let (link, mut queue) = server.links.open();
        let session = enter(link).session;
        reclaim(server, "anna", &Speaker::new(Some(session))).await;
        let (session, region) = (session.number, WEST);
        let moved = Message::Moved { session, region };
        assert_eq!(next(&mut queue).await, Some(moved));
        running.stop().await;
    }

    #[tokio::test]
    async fn a_row_is_nobodys_if_its_player_has_gone_meanwhile() {
        let running = Running::start().await;
        let server = &running.server;
        lose(server).await;
        let (link, mut queue) = server.links.open();
        let session = enter(link).session;
        let other = Session {
            number: session.number + 1,
            ..session
        };
        let speaker = Speaker::new(Some(session));
        speaker.leave(other);
        assert_eq!(*speaker.0.lock(), Some(session));
        speaker.leave(session);
        reclaim(server, "anna", &speaker).await;
        // The first thing that is said to the session is the answer to its own entrance.
        bring_in(server, link, &mut queue).await;
        running.stop().await;
    }

    #[tokio::test]
    async fn who_is_not_to_be_in_the_world_is_not_brought_back() {
        let running = Running::start().await;
        let server = &running.server;
        let (link, mut queue) = server.links.open();
        let session = enter(link).session;
        let before = row(server).await;
        reclaim(server, "anna", &Speaker::new(Some(session))).await;
        assert_eq!(next(&mut queue).await, Some(evicted(session).1));
        assert_eq!(row(server).await, before);
        running.stop().await;
    }

    /// A zone server that should have neither region, and to which the east is given all the same.
    async fn give_away_the_east(server: &Server) {
        let me = server.standing.get();
        let candidate = |server: &ZoneServer| Candidate {
            incarnation: server.incarnation.0,
            address: server.address.clone(),
        };
        let mut others = (2..).map(|port| ZoneServer {
            incarnation: Incarnation(port),
            address: format!("http://127.0.0.1:{port}"),
            ..me.clone()
        });
        let is_mine = |other: &ZoneServer, region| {
            let both = [candidate(&me), candidate(other)];
            holder(region, &both) == Some(&both[0])
        };
        let other = others.find(|other| is_mine(other, WEST)).unwrap();
        let to = other.incarnation;
        server.store.directory().heartbeat(other).await.unwrap();
        let held = server.holdings.mine();
        let east = held.into_iter().filter(|(region, _)| *region == EAST);
        let regions = server.store.regions();
        let given = regions.give(server.me, Some(to), east.collect()).await;
        assert_eq!(given.unwrap(), [EAST]);
        server.holdings.look();
        let dropping = async {
            while server.regions.mailbox(EAST).is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, dropping).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_ours_in_a_region_of_another_is_let_go_of() {
        let running = Running::start().await;
        let server = &running.server;
        lose(server).await;
        let lost = row(server).await;
        let there = Save {
            key: lost.key,
            owner: server.me,
            own: lost.own,
            region: EAST,
            present: true,
            generation: lost.generation,
            moved: lost.moved,
            applied: lost.applied,
            state: lost.state,
            release: false,
        };
        server.store.entities().save(there).await.unwrap();
        give_away_the_east(server).await;
        let (link, mut queue) = server.links.open();
        let session = enter(link).session;
        reclaim(server, "anna", &Speaker::new(Some(session))).await;
        let after = row(server).await;
        assert_eq!((after.owner, after.region), (None, EAST));
        assert!(after.present && after.own == lost.own + 2, "{after:?}");
        let told = released(session, EAST);
        assert_eq!(next(&mut queue).await, Some(told.clone()));
        // It is for the other server to claim.
        reclaim(server, "anna", &Speaker::new(Some(session))).await;
        assert_eq!(row(server).await, after);
        assert_eq!(next(&mut queue).await, Some(told));
        running.stop().await;
    }
}
