//! The protocol of ownership, for any sequence of claims, saves and releases, and for owners that race for a row.

use std::{cell::Cell, sync::Mutex};

use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use store::{
    Store,
    edits::Outcome,
    entities::{Claim, EntityRow, Incarnation, Save, Saved},
};
use tokio::runtime::Runtime;
use world::applied::{Applied, CommandId};

use crate::ground::{
    Backend, ME, OTHER, audit, claim, enter, id, peek, region, save_of, spawned, state,
};

/// Which `own` an operation names.
#[derive(Debug, Clone, Copy)]
enum Own {
    /// What the row has now.
    Present,
    /// What the caller's own last claim returned, whether or not it still holds.
    Remembered,
    /// This much less than what the row has now.
    Before(u64),
    /// One more than what the row has now.
    Next,
}

#[derive(Debug, Clone)]
enum Operation {
    Claim {
        who: Incarnation,
        seen: Own,
        enter: Option<u64>,
    },
    Save {
        who: Incarnation,
        own: Own,
        release: bool,
        present: bool,
        generation: u64,
        is_edit: bool,
    },
    Despawn {
        who: Incarnation,
        own: Own,
    },
    Spawn,
}

fn operation() -> impl Strategy<Value = Operation> {
    let who = || select(vec![ME, OTHER]);
    let own = || {
        prop_oneof![
            4 => Just(Own::Remembered),
            3 => Just(Own::Present),
            1 => (1_u64..3).prop_map(Own::Before),
            1 => Just(Own::Next),
        ]
    };
    let enter = prop::option::of(0_u64..4);
    prop_oneof![
        6 => (who(), own(), enter).prop_map(|(who, seen, enter)| Operation::Claim { who, seen, enter }),
        9 => (who(), own(), prop::bool::weighted(0.3), any::<bool>(), 0_u64..4, prop::bool::weighted(0.2))
            .prop_map(|(who, own, release, present, generation, is_edit)| Operation::Save { who, own, release, present, generation, is_edit }),
        1 => (who(), own()).prop_map(|(who, own)| Operation::Despawn { who, own }),
        1 => Just(Operation::Spawn),
    ]
}

/// The row as it must be, and what each owner remembers.
struct Model {
    row: EntityRow,
    is_gone: bool,
    remembered: [u64; 2],
}

impl Model {
    fn own(&self, who: Incarnation, own: Own) -> u64 {
        match own {
            Own::Present => self.row.own,
            Own::Remembered => self.remembered[usize::from(who == OTHER)],
            Own::Before(less) => self.row.own.saturating_sub(less),
            Own::Next => self.row.own + 1,
        }
    }

    fn is_owned(&self, who: Incarnation, own: u64) -> bool {
        !self.is_gone && self.row.owner == Some(who) && self.row.own == own
    }

    /// What a claim must return; and the row is the claimer's from then on.
    fn claim(&mut self, who: Incarnation, seen: u64, enter: Option<u64>) -> Option<EntityRow> {
        let is_lower = enter.is_some_and(|generation| generation < self.row.generation);
        if self.is_gone || self.row.own != seen || is_lower {
            return None;
        }
        self.row.owner = Some(who);
        self.row.own += 1;
        if let Some(generation) = enter {
            self.row.generation = generation;
            self.row.present = true;
        }
        self.remembered[usize::from(who == OTHER)] = self.row.own;
        Some(self.row.clone())
    }

    /// Whether a save must be committed; and the row holds it from then on.
    fn save(&mut self, save: &Save) -> bool {
        let is_owned = self.is_owned(save.owner, save.own);
        if is_owned {
            let Save {
                region,
                present,
                generation,
                moved,
                ..
            } = *save;
            let (applied, state) = (save.applied.clone(), save.state.clone());
            self.row = EntityRow {
                region,
                present,
                generation,
                moved,
                applied,
                state,
                ..self.row.clone()
            };
            if save.release {
                self.row.owner = None;
                self.row.own += 1;
            }
        }
        is_owned
    }
}

/// Carries an operation out in the database and in the model; they must agree.
async fn step(
    store: &Store,
    model: &mut Model,
    operation: &Operation,
    number: u64,
) -> Result<(), TestCaseError> {
    let key = model.row.key.clone();
    match *operation {
        Operation::Claim { who, seen, enter } => {
            let seen = model.own(who, seen);
            let claimed = store
                .entities()
                .claim(Claim {
                    key,
                    seen,
                    me: who,
                    enter,
                })
                .await
                .unwrap();
            prop_assert_eq!(claimed, model.claim(who, seen, enter));
        }
        Operation::Save {
            who,
            own,
            release,
            present,
            generation,
            is_edit,
        } => {
            let own = model.own(who, own);
            let gold = i64::try_from(number).unwrap();
            let save = Save {
                key,
                owner: who,
                own,
                region: region(i32::try_from(number % 1_000).unwrap()),
                present,
                generation,
                moved: id(generation, number),
                applied: Applied::default(),
                state: state(gold),
                release,
            };
            let is_committed = if is_edit {
                store
                    .edits()
                    .save(save.clone(), audit(number))
                    .await
                    .unwrap()
                    == Outcome::Done(())
            } else {
                store.entities().save(save.clone()).await.unwrap() == Saved::Committed
            };
            prop_assert_eq!(is_committed, model.save(&save));
        }
        Operation::Despawn { who, own } => {
            let own = model.own(who, own);
            let outcome = store
                .edits()
                .despawn(key, who, own, audit(number))
                .await
                .unwrap();
            prop_assert_eq!(outcome == Outcome::Done(()), model.is_owned(who, own));
            if outcome == Outcome::Done(()) {
                model.is_gone = true;
                model.row.own += 1;
            }
        }
        Operation::Spawn => {
            let outcome = store
                .edits()
                .spawn(spawned(&model.row.name), audit(number))
                .await
                .unwrap();
            prop_assert_eq!(
                outcome,
                Outcome::Refused,
                "the name is taken, or was lately"
            );
        }
    }
    let expected = (!model.is_gone).then(|| model.row.clone());
    prop_assert_eq!(
        store.entities().peek(&model.row.name).await.unwrap(),
        expected
    );
    Ok(())
}

pub(crate) fn no_fenced_save_changes_a_row(backend: &impl Backend) {
    let runtime = Runtime::new().unwrap();
    let store = runtime.block_on(backend.open());
    // No two edits of the test have one name.
    let (case, number) = (Cell::new(0_u64), Cell::new(0_u64));
    let next = |counter: &Cell<u64>| {
        counter.set(counter.get() + 1);
        counter.get()
    };
    let run = |operations: Vec<Operation>| {
        let row = spawned(&format!("Owl {}", next(&case)));
        runtime.block_on(async {
            let spawned = store
                .edits()
                .spawn(row.clone(), audit(next(&number)))
                .await
                .unwrap();
            prop_assert_eq!(spawned, Outcome::Done(()));
            let mut model = Model {
                remembered: [row.own, 0],
                row,
                is_gone: false,
            };
            for operation in &operations {
                step(&store, &mut model, operation, next(&number)).await?;
            }
            Ok(())
        })
    };
    let operations = prop::collection::vec(operation(), 1..30);
    TestRunner::new(ProptestConfig::with_cases(100))
        .run(&operations, run)
        .unwrap();
}

/// What one owner did to a row, by the `own` of its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A claim returned a row with this many pieces of gold.
    Claimed { own: u64, gold: i64 },
    /// A save of this many was committed, as the owner's nth.
    Saved { own: u64, nth: u64, gold: i64 },
}

impl Event {
    fn own(&self) -> (u64, u64) {
        match *self {
            Self::Claimed { own, .. } => (own, 0),
            Self::Saved { own, nth, .. } => (own, nth),
        }
    }
}

/// Owners in two processes take a row from each other, over and over. Whatever a claim returns must be what was saved last, and acknowledged, before it.
pub(crate) fn no_acknowledged_save_is_lost_between_owners(backend: &impl Backend) {
    const OWNER_COUNT: i64 = 6;
    const CLAIM_COUNT: i64 = 25;
    let runtime = Runtime::new().unwrap();
    let events = Mutex::new(Vec::new());
    let last = runtime.block_on(async {
        let stores = [backend.open().await, backend.open().await];
        enter(&stores[0], "Anna").await;
        let owners = (0..OWNER_COUNT).map(|owner| {
            let store = &stores[usize::try_from(owner % 2).unwrap()];
            race(store, owner, CLAIM_COUNT, &events)
        });
        futures::future::join_all(owners).await;
        peek(&stores[0], "Anna").await
    });
    let mut events = events.into_inner().unwrap();
    events.sort_by_key(Event::own);
    let mut gold_before = 0;
    let (mut claim_count, mut save_count) = (0, 0);
    for event in &events {
        match *event {
            Event::Claimed { gold, .. } => {
                assert_eq!(gold, gold_before, "{event:?} in {events:?}");
                claim_count += 1;
            }
            Event::Saved { gold, .. } => {
                gold_before = gold;
                save_count += 1;
            }
        }
    }
    assert_eq!(last.state, state(gold_before));
    // Else nothing was tried.
    assert!(
        claim_count > 2 * OWNER_COUNT && save_count > 2 * OWNER_COUNT,
        "{claim_count} claims, {save_count} saves"
    );
}

async fn race(store: &Store, owner: i64, claim_count: i64, events: &Mutex<Vec<Event>>) {
    let me = Incarnation(100 + owner);
    let note = |event| events.lock().unwrap().push(event);
    for round in 0..claim_count {
        let Some(row) = claim(store, &peek(store, "Anna").await, me, None).await else {
            continue;
        };
        let gold = row.state.attribute("gold", 0).cloned();
        let Some(wire::Value::Int(gold)) = gold else {
            panic!("{gold:?}")
        };
        note(Event::Claimed { own: row.own, gold });
        for nth in 1..=4 {
            let gold = owner * 1_000_000 + round * 1_000 + nth;
            let mut save = save_of(&row, gold);
            save.moved = CommandId::default();
            save.release = nth == 4;
            if store.entities().save(save).await.unwrap() == Saved::Fenced {
                break;
            }
            note(Event::Saved {
                own: row.own,
                nth: u64::try_from(nth).unwrap(),
                gold,
            });
        }
    }
}
