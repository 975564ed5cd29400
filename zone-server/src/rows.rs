//! The row protocol: how a region's wishes become operations on rows, and what their outcomes mean. It does not know when a region wishes what.

mod absent;
pub mod decide;

use std::time::Duration;

use store::{
    edits,
    entities::{Claim, EntityRow, Saved},
};
use world::{
    region::{Audit, ClaimOutcome, Claimed, Enter, Outcome, Save},
    region_id::RegionId,
};

use crate::{audit, server::Server};
pub(crate) use absent::{absent, was_done};
use decide::{Entrance, Reader};

/// How often a row that is just changing hands is read again before the gateway is told to enter later, and how long to wait before the first time; then
/// twice as long each time. A claim that is under way is a commit, and takes a few of them.
const ENTER_RETRIES: u32 = 4;
const ENTER_WAIT: Duration = Duration::from_millis(2);

/// Claims a character's row for a session that enters in a region.
pub(crate) async fn enter(server: &Server, enter: &Enter, here: RegionId) -> ClaimOutcome {
    let mut wait = ENTER_WAIT;
    for _ in 0..ENTER_RETRIES {
        match try_enter(server, enter, here).await {
            Ok(Some(outcome)) => return outcome,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a row cannot be read, or a claim's outcome is unknown"
                );
                server.doubt_rows();
                return ClaimOutcome::Failed;
            }
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    ClaimOutcome::Failed
}

/// None: the row is in other hands, and may not be in a moment.
async fn try_enter(
    server: &Server,
    enter: &Enter,
    here: RegionId,
) -> Result<Option<ClaimOutcome>, store::Error> {
    let entities = server.store.entities();
    let Some(row) = entities.peek(&enter.key).await? else {
        return Ok(Some(ClaimOutcome::Failed));
    };
    let reader = read_by(server, &row).await?;
    let seen = match decide::enter(&row, enter.generation, here, &reader) {
        Entrance::Claim { seen } => seen,
        Entrance::Elsewhere(region) => return Ok(Some(ClaimOutcome::Elsewhere(region))),
        Entrance::Superseded => return Ok(Some(ClaimOutcome::Superseded)),
        Entrance::Later => return Ok(None),
    };
    let claim = Claim {
        key: row.key,
        seen,
        me: server.me,
        enter: Some(enter.generation),
    };
    let row = entities.claim(claim).await?;
    Ok(row.map(|row| ClaimOutcome::Claimed(Box::new(claimed(row)))))
}

/// What this server knows besides a row that it has read.
///
/// # Errors
/// The database did not say whether the row's owner lives.
pub(crate) async fn read_by(server: &Server, row: &EntityRow) -> Result<Reader, store::Error> {
    let home = server.scene.load().home(row.region);
    Ok(Reader {
        me: server.me,
        home,
        is_home_here: server.regions.is_open(home),
        has_other_owner: match row.owner.filter(|owner| *owner != server.me) {
            Some(owner) => server.lives(owner).await?,
            None => false,
        },
        whereabouts: server.whereabouts.of(&row.key),
    })
}

/// Claims a row as it was seen, for nobody's session. None: it has changed since, or nobody knows.
pub(crate) async fn adopt(server: &Server, key: String, seen: u64) -> Option<Claimed> {
    let claim = Claim {
        key,
        seen,
        me: server.me,
        enter: None,
    };
    match server.store.entities().claim(claim).await {
        Ok(row) => row.map(claimed),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a claim's outcome is unknown"
            );
            server.doubt_rows();
            None
        }
    }
}

/// Writes a row, or releases it.
pub(crate) async fn save(server: &Server, save: Save) -> Outcome {
    let log = save.audit.as_ref().map(audit::line);
    let save = store::entities::Save {
        key: save.key,
        owner: server.me,
        own: save.own,
        region: save.region,
        present: save.present,
        generation: save.generation,
        moved: save.moved,
        applied: save.applied,
        state: save.state,
        release: save.release,
    };
    match log {
        Some(log) => edited(server.store.edits().save(save, log).await),
        None => match server.store.entities().save(save).await {
            Ok(Saved::Committed) => Outcome::Done,
            Ok(Saved::Fenced) => Outcome::Refused,
            Err(error) => unknown(&error),
        },
    }
}

/// Adds the row of what a game master has placed, in the region that is to have it.
pub(crate) async fn spawn(server: &Server, row: Claimed, here: RegionId, log: &Audit) -> Outcome {
    let row = EntityRow {
        region: here,
        key: row.key,
        name: row.name,
        player: row.is_player,
        present: true,
        owner: Some(server.me),
        own: row.own,
        generation: row.generation,
        moved: row.moved,
        applied: row.applied,
        state: row.state,
    };
    let outcome = edited(server.store.edits().spawn(row, audit::line(log)).await);
    if outcome == Outcome::Unknown {
        // It may be written after the row was looked for in vain.
        server.doubt_rows();
    }
    outcome
}

/// Removes the row of what a game master has placed.
pub(crate) async fn despawn(server: &Server, key: String, own: u64, log: &Audit) -> Outcome {
    let edits = server.store.edits();
    edited(edits.despawn(key, server.me, own, audit::line(log)).await)
}

/// Logs an edit of what has no row.
pub(crate) async fn note(server: &Server, log: &Audit) -> Outcome {
    edited(server.store.edits().note(audit::line(log)).await)
}

/// Gives up a row as it was claimed: it is for the holder of its region to claim.
pub(crate) async fn give_back(server: &Server, row: Claimed, region: RegionId) -> Outcome {
    let given = Save {
        key: row.key,
        own: row.own,
        region,
        present: true,
        generation: row.generation,
        moved: row.moved,
        applied: row.applied,
        state: row.state,
        release: true,
        audit: None,
    };
    save(server, given).await
}

fn edited(outcome: Result<edits::Outcome<()>, store::Error>) -> Outcome {
    match outcome {
        Ok(edits::Outcome::Done(())) => Outcome::Done,
        Ok(edits::Outcome::Repeated) => Outcome::Repeated,
        Ok(edits::Outcome::Refused) => Outcome::Refused,
        Ok(edits::Outcome::Denied) => Outcome::Denied,
        Err(error) => unknown(&error),
    }
}

fn unknown(error: &store::Error) -> Outcome {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "a write's outcome is unknown"
    );
    Outcome::Unknown
}

/// A row of ours, as regions know rows.
pub(crate) fn claimed(row: EntityRow) -> Claimed {
    Claimed {
        key: row.key,
        name: row.name,
        is_player: row.player,
        own: row.own,
        generation: row.generation,
        moved: row.moved,
        applied: row.applied,
        state: row.state,
    }
}
