//! Rows that are ours, or nobody's, and that no region has: each is claimed anew and given to the region where it belongs. What is not certain of
//! an entity is never guessed.

use std::{collections::BTreeMap, sync::Arc, sync::atomic::Ordering, time::Duration};

use futures::StreamExt;
use runtime::shutdown::Shutdown;
use store::entities::{Incarnation, Orphan};
use tokio::time::MissedTickBehavior;
use world::region::{Claimed, Input, Session};

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
    let lost = server.store.entities().orphans(&others).await?;
    let lost: Vec<Orphan> = lost
        .into_iter()
        .filter(|row| server.whereabouts.of(&row.key).is_none())
        .collect();
    // What was so a second ago as well is no operation that is just under way.
    let (still, new): (Vec<Orphan>, Vec<Orphan>) = lost
        .into_iter()
        .partition(|row| own.seen.get(&row.key) == Some(&row.own));
    own.seen = new.into_iter().map(|row| (row.key, row.own)).collect();
    adopt_all(server, still).await;
    Ok(())
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

/// Claims an entity's row again, however often the database has to be asked, and gives it to the region where it belongs.
pub(crate) async fn recover(server: Arc<Server>, key: String, session: Option<Session>) {
    let mut wait = BACKOFF;
    loop {
        match try_recover(&server, &key, session).await {
            Ok(true) => return,
            Ok(false) => {}
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

/// Whether the row has a place now, here or elsewhere.
async fn try_recover(
    server: &Server,
    key: &str,
    session: Option<Session>,
) -> Result<bool, store::Error> {
    let row = server.store.entities().peek(key).await?;
    let is_ours = match &row {
        Some(row) if row.present => match row.owner {
            Some(owner) if owner != server.me => {
                let live = server.store.directory().live().await?;
                live.iter().all(|server| server.incarnation != owner)
            }
            _ => true,
        },
        _ => false,
    };
    let Some(row) = row.filter(|_| is_ours) else {
        if let Some(session) = session {
            server.links.tell(session.link, enter_again(session));
        }
        return Ok(true);
    };
    let region = row.region;
    let Some(claimed) = rows::adopt(server, row.key, row.own).await else {
        return Ok(false);
    };
    deliver(server, claimed, region, session).await;
    Ok(true)
}

/// Gives a row of ours to the region where it belongs.
async fn deliver(
    server: &Server,
    row: Claimed,
    region: world::region_id::RegionId,
    session: Option<Session>,
) {
    count::adopted();
    let home = server.scene.load().home(region);
    let mail = Mail::from(Input::Adopted(Box::new(row), session));
    let is_sent = match server.regions.mailbox(home) {
        Some(mailbox) => mailbox.send(mail).await.is_ok(),
        None => false,
    };
    if !is_sent {
        server.doubt_rows();
        if let Some(session) = session {
            server.links.tell(session.link, enter_again(session));
        }
    }
}

#[cfg(test)]
mod tests {
    use store::entities::Claim;

    use crate::testing::{Running, bring_in, row};

    #[tokio::test]
    async fn a_row_of_ours_that_no_region_has_is_found_when_there_is_doubt() {
        let running = Running::start().await;
        let server = &running.server;
        // As if the answer to a claim had been lost.
        let claim = Claim {
            key: "anna".to_owned(),
            seen: row(server).await.own,
            me: server.me,
            enter: Some(1),
        };
        let lost = server.store.entities().claim(claim).await.unwrap().unwrap();
        server.doubt_rows();
        let (link, mut queue) = server.links.open();
        bring_in(server, link, &mut queue).await;
        assert_eq!(row(server).await.own, lost.own + 1);
        running.stop().await;
    }
}
