//! Rows that are to be in the world and that no region has: each is claimed anew and given to the region where it belongs, or left to the server that
//! has that region. What is not certain of an entity is never guessed.

mod reclaim;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use parking_lot::Mutex;
use runtime::shutdown::Shutdown;
use store::entities::{Incarnation, Orphan};
use tokio::{sync::Notify, time::MissedTickBehavior};
use world::{
    region::{Claimed, Input, Message, Outcome, Session},
    region_id::RegionId,
};

use crate::{
    actor::Mail,
    count,
    rows::{self, decide},
    server::Server,
};
pub(crate) use reclaim::{Speaker, reclaim};

/// How often rows without a living owner are looked for (DESIGN, "Truth", rule 6).
const INTERVAL: Duration = Duration::from_secs(1);
/// How many rows are claimed at once: the store writes what comes together in one transaction.
const CLAIMS_AT_ONCE: usize = 256;
/// For how many looks rows of ours are looked through after one was in doubt. A write whose outcome was unknown is decided long before.
const DOUBTFUL_LOOKS: u32 = 10;

/// Regions that have begun on this server and whose rows nobody has looked for yet. Never more than there are regions.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    regions: Mutex<BTreeSet<RegionId>>,
    come: Notify,
}

impl Begun {
    /// Regions have begun.
    pub(crate) fn add(&self, regions: impl IntoIterator<Item = RegionId>) {
        self.regions.lock().extend(regions);
        self.come.notify_one();
    }

    /// Waits until there are some, and takes them. For one task; it may be dropped and called again.
    async fn take(&self) -> BTreeSet<RegionId> {
        loop {
            let taken = std::mem::take(&mut *self.regions.lock());
            if !taken.is_empty() {
                return taken;
            }
            self.come.notified().await;
        }
    }
}

/// Claims what nobody living owns, until told to stop.
pub(crate) async fn run(server: Arc<Server>, stop: Shutdown) -> anyhow::Result<()> {
    tokio::select! {
        () = stop.triggered() => {}
        () = look_again_and_again(&server) => {}
        () = look_in_begun(&server) => {}
        () = take_arrivals(&server) => {}
    }
    Ok(())
}

async fn look_again_and_again(server: &Server) {
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut own = Doubtful::default();
    loop {
        interval.tick().await;
        say(server, look(server, &mut own).await);
    }
}

/// A region that begins does not wait for the next look.
async fn look_in_begun(server: &Server) {
    loop {
        let regions: Vec<RegionId> = server.begun.take().await.into_iter().collect();
        say(server, adopt_in(server, &regions).await);
    }
}

/// Nor does who was just released for a region of ours.
async fn take_arrivals(server: &Server) {
    let mut claims = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(()) = claims.next(), if !claims.is_empty() => {}
            arrived = server.peers.arrivals().take(), if claims.len() < CLAIMS_AT_ONCE => {
                claims.extend(arrived.into_iter().map(|(region, key)| arrive(server, region, key)));
            }
        }
    }
}

fn say(server: &Server, looked: Result<(), store::Error>) {
    match looked {
        Ok(()) if server.rows_outage.ends() => {
            tracing::info!("rows that nobody owns are looked for again");
        }
        Err(error) if server.rows_outage.begins() => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "cannot look for rows that nobody owns"
        ),
        _ => {}
    }
}

async fn arrive(server: &Server, region: RegionId, key: String) {
    if !server.regions.is_open(server.scene.load().home(region)) {
        return;
    }
    let arrived = async {
        let Some(row) = server.store.entities().peek(&key).await? else {
            return Ok(());
        };
        let reader = rows::read_by(server, &row).await?;
        if let Some(seen) = decide::arrive(&row, &reader)
            && let Some(claimed) = rows::adopt(server, row.key, seen).await
        {
            deliver(server, claimed, row.region, None).await;
        }
        Ok(())
    };
    // The next look finds it.
    let arrived: Result<(), store::Error> = arrived.await;
    if let Err(error) = arrived {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            key,
            "cannot look for an arrival"
        );
    }
}

/// Rows of ours that no region had at the last look, each with its `own`.
#[derive(Debug, Default)]
struct Doubtful {
    looks_left: u32,
    seen: BTreeMap<String, u64>,
}

async fn look(server: &Server, own: &mut Doubtful) -> Result<(), store::Error> {
    let open: Vec<RegionId> = server.regions.open();
    adopt_in(server, &open).await?;
    let start = server.scene.load().start_region();
    if server.regions.is_open(start) {
        adopt_from_nowhere(server).await?;
    }

    if server.rows_in_doubt.swap(false, Ordering::Relaxed) {
        own.looks_left = DOUBTFUL_LOOKS;
    }
    if own.looks_left == 0 {
        return Ok(());
    }
    own.looks_left -= 1;
    // Most rows of ours are in some region, and there may be many.
    let is_lost = |row: &Orphan| server.whereabouts.of(&row.key).is_none();
    let lost = find(server, Which::Ours, is_lost).await?;
    // What was so a second ago as well is no operation that is just under way.
    let (still, new): (Vec<Orphan>, Vec<Orphan>) = lost
        .into_iter()
        .partition(|row| own.seen.get(&row.key) == Some(&row.own));
    own.seen = new.into_iter().map(|row| (row.key, row.own)).collect();
    adopt_all(server, still).await;
    Ok(())
}

/// Claims the rows in some regions that none of the living owns.
async fn adopt_in(server: &Server, regions: &[RegionId]) -> Result<(), store::Error> {
    if regions.is_empty() {
        return Ok(());
    }
    let living = living(server).await?;
    let orphans = find(server, Which::In(&living, regions), |_| true).await?;
    adopt_all(server, orphans).await;
    Ok(())
}

/// Rows in regions that no map has any more are for whoever has the start.
async fn adopt_from_nowhere(server: &Server) -> Result<(), store::Error> {
    let living = living(server).await?;
    let scene = server.scene.load_full();
    let is_nowhere = |row: &Orphan| !scene.terrain.regions().contains(&row.region);
    let orphans = find(server, Which::Anywhere(&living), is_nowhere).await?;
    adopt_all(server, orphans).await;
    Ok(())
}

/// Whoever lives by the database's clock, and this server.
async fn living(server: &Server) -> Result<Vec<Incarnation>, store::Error> {
    let live = server.store.directory().live().await?;
    let others = live.iter().map(|server| server.incarnation);
    let others = others.filter(|other| *other != server.me);
    Ok(others.chain([server.me]).collect())
}

/// Which rows are looked for.
enum Which<'a> {
    /// Those in these regions that none of the living owns.
    In(&'a [Incarnation], &'a [RegionId]),
    /// All that none of the living owns.
    Anywhere(&'a [Incarnation]),
    /// Those that this server owns.
    Ours,
}

/// All rows that should be in the world, of some sort. They come in batches.
async fn find(
    server: &Server,
    which: Which<'_>,
    is_one: impl Fn(&Orphan) -> bool,
) -> Result<Vec<Orphan>, store::Error> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let rows = server.store.entities();
        let rows = match which {
            Which::In(living, regions) => rows.orphans_in(living, regions, &after).await?,
            Which::Anywhere(living) => rows.orphans_after(living, &after).await?,
            Which::Ours => rows.orphans_of(server.me, &after).await?,
        };
        let Some(last) = rows.last() else {
            return Ok(found);
        };
        after.clone_from(&last.key);
        found.extend(rows.into_iter().filter(&is_one));
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

/// Gives a row of ours to the region where it belongs. If that is not here, or not any more, whoever has it claims the row.
async fn deliver(server: &Server, row: Claimed, region: RegionId, session: Option<Session>) {
    count::adopted();
    let home = server.scene.load().home(region);
    let key = row.key.clone();
    let mailbox = Some(home).filter(|home| server.regions.is_open(*home));
    let Some(mailbox) = mailbox.and_then(|home| server.regions.mailbox(home)) else {
        return send_away(server, row, home, session).await;
    };
    // Before the mailbox, so that what is said of it from now on follows it there.
    server.whereabouts.here(key.clone(), home);
    let mail = Mail::from(Input::Adopted(Box::new(row), session));
    if let Err(unsent) = mailbox.send(mail).await {
        server.whereabouts.gone(&key, home);
        if let Input::Adopted(row, session) = unsent.0.input {
            send_away(server, *row, home, session).await;
        }
    }
}

/// Releases a row of ours for the holder of a region.
async fn send_away(server: &Server, row: Claimed, region: RegionId, session: Option<Session>) {
    let key = row.key.clone();
    if rows::give_back(server, row, region).await != Outcome::Done {
        server.doubt_rows();
    }
    server.peers.arriving(region, key);
    if let Some(session) = session {
        server.links.tell(session.link, released(session, region));
    }
}

/// A session's character is another server's business now.
fn released(session: Session, region: RegionId) -> Message {
    let session = session.number;
    Message::Released { session, region }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::{PATIENCE, Running, bring_in, enter, lose, row, send},
        yard::WEST,
    };

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
    async fn a_row_of_ours_that_no_region_has_is_found_when_trust_has_come_back() {
        let running = Running::start().await;
        let server = &running.server;
        // As if what was written before had come late: nobody knows of it.
        let own = lose(server).await;
        server.trust.lose();
        is_here(server).await;
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

    /// Waits until Anna is in the west.
    async fn is_here(server: &Server) {
        let arrival = async {
            while server.whereabouts.of("anna") != Some(WEST) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, arrival).await.unwrap();
    }

    /// Lets one part of the recovery work until Anna is in the west. Her row is nobody's then.
    async fn is_found_by(server: &Server, part: impl Future<Output = ()>) {
        let own = lose(server).await;
        let claimed = rows::adopt(server, "anna".to_owned(), own).await.unwrap();
        assert_eq!(rows::give_back(server, claimed, WEST).await, Outcome::Done);
        tokio::select! {
            () = part => unreachable!("it works for ever"),
            () = is_here(server) => {}
        }
        assert_eq!(row(server).await.owner, Some(server.me));
    }

    #[tokio::test]
    async fn who_is_released_for_a_region_of_ours_is_claimed_at_once() {
        let running = Running::start_without_recovery().await;
        let server = &running.server;
        server.peers.arriving(WEST, "anna".to_owned());
        // The hint may come before the row is to be had.
        let telling = async {
            loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                server.peers.arriving(WEST, "anna".to_owned());
            }
        };
        let part = async {
            tokio::join!(telling, take_arrivals(server));
        };
        is_found_by(server, part).await;
        running.stop().await;
    }

    #[tokio::test]
    async fn a_region_that_begins_does_not_wait_for_its_rows() {
        let running = Running::start_without_recovery().await;
        let server = &running.server;
        // Both began with the server, and nobody has looked since.
        is_found_by(server, look_in_begun(server)).await;
        running.stop().await;
    }
}
