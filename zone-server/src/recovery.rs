//! Rows that are ours, or nobody's, and that no region has: each is claimed anew and given to the region where it belongs. What is not certain of
//! an entity is never guessed.

use std::{collections::BTreeMap, sync::Arc, sync::atomic::Ordering, time::Duration};

use futures::StreamExt;
use parking_lot::Mutex;
use runtime::shutdown::Shutdown;
use store::entities::{Incarnation, Orphan};
use tokio::time::MissedTickBehavior;
use world::{
    region::{Claimed, Input, Session},
    region_id::RegionId,
};

use crate::{actor::Mail, answer::enter_again, count, rows, server::Server};

/// How often rows without a living owner are looked for (DESIGN, "Truth", rule 6).
const INTERVAL: Duration = Duration::from_secs(1);
/// How many rows are claimed at once: the store writes what comes together in one transaction.
const CLAIMS_AT_ONCE: usize = 256;
/// How long to wait before asking the database again; each time twice as long, up to [`BACKOFF_MAX`].
const BACKOFF: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// For how many looks rows of ours are looked through after one was in doubt. A write whose outcome was unknown is decided long before.
const DOUBTFUL_LOOKS: u32 = 10;

/// Claims what nobody living owns, until the shutdown.
pub(crate) async fn run(server: Arc<Server>, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut own = Doubtful::default();
    loop {
        tokio::select! {
            () = shutdown.triggered() => return Ok(()),
            _ = interval.tick() => {}
        }
        tokio::select! {
            () = shutdown.triggered() => return Ok(()),
            looked = look(&server, &mut own) => if let Err(error) = looked {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot look for rows that nobody owns"
                );
            },
        }
    }
}

/// Rows of ours that no region had at the last look, each with its `own`.
#[derive(Debug, Default)]
struct Doubtful {
    looks_left: u32,
    seen: BTreeMap<String, u64>,
}

async fn look(server: &Server, own: &mut Doubtful) -> Result<(), store::Error> {
    let others = server.store.directory().live().await?;
    let others: Vec<Incarnation> = others
        .iter()
        .map(|server| server.incarnation)
        .filter(|other| *other != server.me)
        .collect();
    let mut living = others.clone();
    living.push(server.me);
    let orphans = server.store.entities().orphans(&living).await?;
    adopt_all(server, orphans).await;

    if server.rows_in_doubt.swap(false, Ordering::Relaxed) {
        own.looks_left = DOUBTFUL_LOOKS;
    }
    if own.looks_left == 0 {
        return Ok(());
    }
    own.looks_left -= 1;
    let lost = lost_rows(server, &others).await?;
    // What was so a second ago as well is no operation that is just under way.
    let (still, new): (Vec<Orphan>, Vec<Orphan>) = lost
        .into_iter()
        .partition(|row| own.seen.get(&row.key) == Some(&row.own));
    own.seen = new.into_iter().map(|row| (row.key, row.own)).collect();
    adopt_all(server, still).await;
    Ok(())
}

/// Rows that are ours, or nobody's, and that no region has. Most that are ours are in some region, and there may be many.
async fn lost_rows(server: &Server, others: &[Incarnation]) -> Result<Vec<Orphan>, store::Error> {
    let mut lost = Vec::new();
    let mut after = String::new();
    loop {
        let rows = server.store.entities();
        let rows = rows.orphans_after(others, &after).await?;
        let Some(last) = rows.last() else {
            return Ok(lost);
        };
        after.clone_from(&last.key);
        let is_lost = |row: &Orphan| server.whereabouts.of(&row.key).is_none();
        lost.extend(rows.into_iter().filter(is_lost));
    }
}

async fn adopt_all(server: &Server, rows: Vec<Orphan>) {
    futures::stream::iter(rows)
        .for_each_concurrent(CLAIMS_AT_ONCE, async |orphan| {
            if let Some(row) = rows::adopt(server, orphan.key, orphan.own).await {
                deliver(server, row, orphan.region, None).await;
            }
        })
        .await;
}

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

/// Claims an entity's row again, however often the database has to be asked, and gives it to the region where it belongs.
pub(crate) async fn recover(server: &Server, key: &str, speaker: &Speaker) {
    let mut wait = BACKOFF;
    loop {
        match try_recover(server, key).await {
            Ok(Recovered::Ours(row, region)) => {
                return deliver(server, *row, region, speaker.take()).await;
            }
            Ok(Recovered::Gone) => {
                if let Some(session) = speaker.take() {
                    server.links.tell(session.link, enter_again(session));
                }
                return;
            }
            Ok(Recovered::NotYet) => {}
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                key,
                "a row cannot be recovered yet"
            ),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(BACKOFF_MAX);
    }
}

enum Recovered {
    /// It is ours, and belongs to a region.
    Ours(Box<Claimed>, RegionId),
    /// It is not to be in the world, or it is another living server's.
    Gone,
    /// It has changed while we looked.
    NotYet,
}

async fn try_recover(server: &Server, key: &str) -> Result<Recovered, store::Error> {
    let row = server.store.entities().peek(key).await?;
    let Some(row) = row.filter(|row| row.present) else {
        return Ok(Recovered::Gone);
    };
    if let Some(owner) = row.owner.filter(|owner| *owner != server.me) {
        let live = server.store.directory().live().await?;
        if live.iter().any(|other| other.incarnation == owner) {
            return Ok(Recovered::Gone);
        }
    }
    let region = row.region;
    let claimed = rows::adopt(server, row.key, row.own).await;
    Ok(claimed.map_or(Recovered::NotYet, |row| {
        Recovered::Ours(Box::new(row), region)
    }))
}

/// Gives a row of ours to the region where it belongs.
async fn deliver(server: &Server, row: Claimed, region: RegionId, session: Option<Session>) {
    count::adopted();
    let home = server.scene.load().home(region);
    let key = row.key.clone();
    // Before the mailbox, so that what is said of it from now on follows it there.
    server.whereabouts.here(key.clone(), home);
    let mail = Mail::from(Input::Adopted(Box::new(row), session));
    let is_sent = match server.regions.mailbox(home) {
        Some(mailbox) => mailbox.send(mail).await.is_ok(),
        None => false,
    };
    if !is_sent {
        server.whereabouts.gone(&key, home);
        server.doubt_rows();
        if let Some(session) = session {
            server.links.tell(session.link, enter_again(session));
        }
    }
}

#[cfg(test)]
mod tests {
    use store::entities::Claim;
    use world::region::Message;

    use super::*;
    use crate::{
        testing::{PATIENCE, Running, bring_in, enter, next, row, send},
        yard::WEST,
    };

    /// Anna's row is ours, and no region has it: as if the answer to a claim had been lost. Its `own`.
    async fn lose(server: &Server) -> u64 {
        let claim = Claim {
            key: "anna".to_owned(),
            seen: row(server).await.own,
            me: server.me,
            enter: Some(1),
        };
        let lost = server.store.entities().claim(claim).await.unwrap();
        lost.unwrap().own
    }

    #[tokio::test]
    async fn a_row_of_ours_that_no_region_has_is_found_when_there_is_doubt() {
        let running = Running::start().await;
        let server = &running.server;
        let own = lose(server).await;
        server.doubt_rows();
        let (link, mut queue) = server.links.open();
        bring_in(server, link, &mut queue).await;
        assert_eq!(row(server).await.own, own + 1);
        running.stop().await;
    }

    #[tokio::test]
    async fn who_leaves_before_its_character_has_come_is_not_forgotten() {
        let running = Running::start().await;
        let server = &running.server;
        let (link, _queue) = server.links.open();
        let own = lose(server).await;
        let claimed = rows::adopt(server, "anna".to_owned(), own).await.unwrap();
        // What `deliver` and a step over a border do, with a leave in between.
        server.whereabouts.here("anna".to_owned(), WEST);
        send(server, WEST, Input::Leave(enter(link))).await;
        let session = enter(link).session;
        let adopted = Input::Adopted(Box::new(claimed), Some(session));
        send(server, WEST, adopted).await;
        let leaving = async {
            while row(server).await.present {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, leaving).await.unwrap();
        running.stop().await;
    }

    #[tokio::test]
    async fn a_recovered_row_goes_home_with_the_session_that_speaks_for_it() {
        let running = Running::start().await;
        let server = &running.server;
        lose(server).await;
        let (link, mut queue) = server.links.open();
        let session = enter(link).session;
        recover(server, "anna", &Speaker::new(Some(session))).await;
        let (session, region) = (session.number, WEST);
        let moved = Message::Moved { session, region };
        assert_eq!(next(&mut queue).await, Some(moved));
        running.stop().await;
    }

    #[tokio::test]
    async fn a_recovered_row_is_nobodys_if_its_player_has_gone_meanwhile() {
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
        recover(server, "anna", &speaker).await;
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
        recover(server, "anna", &Speaker::new(Some(session))).await;
        assert_eq!(next(&mut queue).await, Some(enter_again(session)));
        assert_eq!(row(server).await, before);
        running.stop().await;
    }
}
