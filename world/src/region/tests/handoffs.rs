//! What happens between two servers, story by story. The first has the west of the yard, the second the east.

use super::{super::*, words::divided_with_anna, yard::*};
use crate::position::Position;

pub(super) fn teleport(name: &str, x: f64, y: f64) -> Body {
    let position = Position { x, y, z: 0 };
    let name = name.to_owned();
    Body::Edit(Edit::Teleport { name, position })
}

/// Everything that was told of rows and sessions, without what is seen.
pub(super) fn said(yard: &mut Yard) -> Vec<String> {
    let mut told = yard.told();
    told.retain(|one| !one.contains('['));
    told
}

#[test]
fn who_walks_over_to_another_server_is_released_with_all_that_was_answered() {
    let mut yard = divided_with_anna();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, step(2.5, 0.0));
    yard.command("anna", 1, id(1, 2), 0, step(1.5, 0.0));
    yard.command("anna", 1, id(1, 3), 0, step(1.0, 0.0));
    assert_eq!(
        said(&mut yard),
        ["1: 1/0 true", "1: 2/0 true"],
        "who is two tiles beyond takes no more input"
    );
    yard.store_all();
    assert_eq!(yard.told(), ["1: [-anna]", "1: released 1 0:1:0"]);
    assert_eq!(
        yard.released,
        [("anna".to_owned(), region(1, 0))],
        "its next holder is given a hint"
    );
    let row = yard.row("anna");
    assert_eq!(
        (row.region, row.owner, row.present),
        (region(1, 0), None, true)
    );
    assert_eq!(row.claimed.moved, id(1, 2));

    yard.give(region(1, 0), Input::Enter(enter("anna", 1, 1)));
    yard.store_all();
    yard.command("anna", 1, id(1, 2), 1, step(1.5, 0.0));
    yard.command("anna", 1, id(1, 3), 1, step(1.0, 0.0));
    assert_eq!(
        said(&mut yard),
        ["1: entered 1 0:1:0", "1: 2/1 true", "1: 3/1 true"]
    );
    let position = yard.resident("anna").unwrap().state.position;
    assert_eq!(position.x, 11.5, "what came twice was made once");
}

#[test]
fn a_border_is_danced_on_for_free() {
    let mut yard = divided_with_anna();
    yard.command("anna", 1, id(1, 1), 0, step(0.5, 0.0));
    yard.pass_time(SAVE_INTERVAL_MS);
    let before = yard.rows.save_count;
    for count in 0..200u32 {
        let there_and_back = if count % 2 == 0 { 2.9 } else { -2.9 };
        let id = id(1, u64::from(count) + 2);
        yard.command("anna", 1, id, 0, step(there_and_back, 0.0));
        yard.pass_time(TICK_MS);
    }
    let interval_count = usize::try_from(200 * TICK_MS / SAVE_INTERVAL_MS).unwrap();
    assert_eq!(yard.find("anna"), Some((FIRST, region(0, 0))));
    assert!(
        yard.rows.save_count - before <= interval_count,
        "only positions"
    );
    assert_eq!(
        yard.row("anna").region,
        region(0, 0),
        "the row says who has it"
    );
    assert_eq!(yard.row("anna").claimed.own, 2);
}

#[test]
fn who_dances_on_the_border_goes_on_when_the_other_side_comes_to_this_server() {
    let mut yard = divided_with_anna();
    yard.command("anna", 1, id(1, 1), 0, step(2.5, 0.0));
    assert_eq!(yard.home("anna"), region(0, 0));
    yard.hold(region(1, 0), FIRST);
    yard.pass_time(TICK_MS);
    assert_eq!(yard.find("anna"), Some((FIRST, region(1, 0))));
    yard.pass_time(SAVE_INTERVAL_MS);
    assert_eq!(yard.row("anna").region, region(1, 0));
    assert_eq!(yard.row("anna").claimed.own, 2);
}

#[test]
fn a_warp_to_another_server_leads_there_at_once() {
    let mut yard = divided_with_anna();
    // No neighbour of the east: as far beyond as one can be.
    yard.server_mut(FIRST).regions.remove(&region(0, 1));
    yard.holders.insert(region(0, 1), 2);
    yard.command("anna", 1, id(1, 1), 0, step(0.0, 7.5));
    assert_eq!(said(&mut yard), ["1: 1/0 true", "1: released 1 0:0:1"]);
}

#[test]
fn a_teleport_to_another_server_is_one_write() {
    let mut yard = divided_with_anna();
    yard.account("gm", 2.5, 2.5);
    yard.enter("gm", 2, 1);
    yard.pass_time(SAVE_INTERVAL_MS);
    let before = yard.rows.save_count;
    yard.told.clear();
    yard.command("gm", 2, id(1, 1), 0, teleport("anna", 8.5, 2.5));
    assert_eq!(
        yard.told(),
        ["1: [-anna]", "1: 1/0 true", "1: released 1 0:1:0"]
    );
    assert_eq!(yard.rows.save_count, before + 1);
    let row = yard.row("anna");
    assert_eq!((row.region, row.owner), (region(1, 0), None));
    assert_eq!(row.claimed.state.position.x, 8.5);
    yard.give(region(1, 0), Input::Enter(enter("anna", 1, 1)));
    yard.told.clear();
    yard.command("gm", 2, id(1, 1), 1, teleport("anna", 8.5, 2.5));
    assert_eq!(yard.told(), ["2: 1/1 true"], "its owner knows of it");
    assert_eq!(yard.row("anna").claimed.own, 4);
}

#[test]
fn who_asks_something_of_somebody_on_the_way_asks_again() {
    let mut yard = divided_with_anna();
    yard.account("bert", 5.5, 2.5);
    yard.enter("bert", 2, 1);
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, step(3.5, 0.0));
    yard.told.clear();
    yard.command("bert", 2, id(1, 1), 0, add_gold("anna", 5));
    let get = Body::Get {
        name: "anna".to_owned(),
        attribute: "pos".to_owned(),
    };
    yard.command("bert", 2, id(1, 2), 0, get);
    assert_eq!(yard.told(), Vec::<String>::new());
    yard.give(region(0, 0), Input::Enter(enter("anna", 3, 2)));
    yard.store_all();
    assert_eq!(
        said(&mut yard),
        [
            "1: released 1 0:1:0",
            "1: 1/0 again",
            "1: 2/0 again",
            "1: 0 elsewhere 0:1:0",
        ]
    );
}

#[test]
fn a_release_of_which_nobody_knows_is_looked_after() {
    for has_happened in [true, false] {
        let mut yard = divided_with_anna();
        yard.next_fate = Fate::Lost { has_happened };
        yard.command("anna", 1, id(1, 1), 0, step(3.5, 0.0));
        let there = if has_happened {
            "1: 0 elsewhere ?"
        } else {
            // Still ours: where the row says it stands, and the step is not in it.
            "1: moved 1 0:0:0"
        };
        assert_eq!(said(&mut yard), ["1: 1/0 true", there]);
        assert_eq!(yard.find("anna").is_none(), has_happened);
    }
}

#[test]
fn a_drained_region_hands_its_people_over_and_logs_out_who_has_left() {
    let mut yard = divided_with_anna();
    yard.account("bert", 4.5, 2.5);
    yard.enter("bert", 2, 1);
    yard.is_store_held = true;
    yard.command("bert", 2, id(1, 1), 0, add_gold("bert", 5));
    yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
    yard.command("anna", 1, id(1, 2), 0, step(-1.0, 0.0));
    yard.give(region(0, 0), Input::Leave(enter("bert", 2, 1)));
    yard.told.clear();
    yard.give(region(0, 0), Input::Drain);
    yard.command("anna", 1, id(1, 3), 0, step(-1.0, 0.0));
    yard.store_all();
    assert_eq!(
        said(&mut yard),
        [
            "1: 3/0 true",
            "1: 1/0 true",
            "1: 1/0 true",
            "1: released 1 0:0:0"
        ],
        "what waits for its commit comes first"
    );
    assert!(yard.region(region(0, 0)).is_drained());
    let (anna, bert) = (yard.row("anna"), yard.row("bert"));
    assert!(anna.present && !bert.present);
    assert_eq!((anna.owner, bert.owner), (None, None));
    assert_eq!(anna.claimed.moved, id(1, 3));
    yard.give(region(0, 0), Input::Enter(enter("anna", 1, 1)));
    assert_eq!(said(&mut yard), ["1: 0 elsewhere ?"]);
}

#[test]
fn a_write_of_an_earlier_claim_says_nothing_of_a_later_one() {
    let mut yard = divided_with_anna();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
    let get = Body::Edit(Edit::Despawn("anna".to_owned()));
    yard.masters.insert("anna".to_owned());
    yard.command("anna", 1, id(1, 2), 0, get);
    let row = yard.rows.claim("anna", 2, FIRST, None).unwrap();
    yard.give(region(0, 0), Input::Adopted(Box::new(row), None));
    assert_eq!(
        said(&mut yard),
        ["1: 1/0 again", "1: moved 1 0:0:0", "1: 2/0 false"],
        "nobody knows what became of what was being written; what waited goes on"
    );
    yard.command("anna", 1, id(1, 1), 1, add_gold("anna", 5));
    yard.told.clear();
    let late = Input::Saved {
        key: "anna".to_owned(),
        own: 2,
        outcome: Outcome::Done,
    };
    yard.give(region(0, 0), late);
    assert_eq!(yard.told(), Vec::<String>::new(), "nothing is durable yet");
    yard.store_all();
    assert_eq!(said(&mut yard), ["1: 1/1 true"]);
    assert_eq!(yard.gold("anna"), Some(wire::Value::Int(5)));
}

#[test]
fn an_earlier_copy_that_comes_over_the_border_counts_for_nothing() {
    let mut yard = divided_with_anna();
    let early = yard.resident("anna").unwrap().clone();
    let row = yard.rows.claim("anna", 2, 2, Some(1)).unwrap();
    yard.give(region(1, 0), Input::Adopted(Box::new(row), None));
    yard.told.clear();
    yard.give(region(1, 0), Input::Arrive(Box::new(early)));
    assert_eq!(said(&mut yard), ["1: 0 elsewhere ?"]);
    let here = &yard.region(region(1, 0)).residents["anna"];
    assert_eq!(here.own, 3);
}

#[test]
fn a_tile_is_changed_by_whoever_has_it() {
    let mut yard = divided_with_anna();
    yard.masters.insert("anna".to_owned());
    yard.is_store_held = true;
    let tile = |x| {
        Body::Edit(Edit::Tile(crate::terrain::TileEdit {
            map: "yard".to_owned(),
            layer: "Collision".to_owned(),
            x,
            y: 2,
            gid: 1,
        }))
    };
    yard.command("anna", 1, id(1, 1), 0, tile(3));
    assert_eq!(said(&mut yard), ["1: 1/0 true"]);
    yard.command("anna", 1, id(1, 2), 0, tile(9));
    assert_eq!(said(&mut yard), Vec::<String>::new());
    assert!(matches!(yard.mail[0], ((2, to), Input::Ask(_)) if to == region(1, 0)));
    yard.store_all();
    assert_eq!(said(&mut yard), ["2: 2/0 true"]);
}

#[test]
fn an_earlier_claim_that_is_heard_of_late_counts_for_nothing() {
    let mut yard = divided_with_anna();
    let early = yard.row("anna").claimed.clone();
    let row = yard.rows.claim("anna", 2, FIRST, None).unwrap();
    yard.give(region(0, 0), Input::Adopted(Box::new(row), None));
    yard.told.clear();
    yard.give(region(0, 0), Input::Adopted(Box::new(early), None));
    assert_eq!(yard.told(), Vec::<String>::new());
    assert_eq!(yard.resident("anna").unwrap().own, 3);
}

#[test]
fn who_is_kicked_does_not_come_back_by_a_claim_that_was_under_way() {
    let mut yard = divided_with_anna();
    yard.account("bert", 4.5, 2.5);
    yard.masters.insert("anna".to_owned());
    yard.is_store_held = true;
    yard.enter("bert", 2, 1);
    // Somebody else has claimed him meanwhile, and he has come in by that.
    let row = yard.rows.claim("bert", 1, FIRST, Some(1)).unwrap();
    yard.give(
        region(0, 0),
        Input::Adopted(Box::new(row), Some(session(2))),
    );
    let kick = Body::Edit(Edit::Kick("bert".to_owned()));
    yard.command("anna", 1, id(1, 1), 0, kick);
    // The kick is durable before the claim is tried.
    yard.stored.rotate_left(1);
    yard.store_all();
    assert!(!yard.row("bert").present && yard.resident("bert").is_none());
}

#[test]
fn a_region_is_drained_when_nothing_is_under_way() {
    let mut yard = divided_with_anna();
    yard.masters.insert("anna".to_owned());
    yard.account("bert", 4.5, 2.5);
    yard.is_store_held = true;
    let spawn = Body::Edit(Edit::Spawn {
        name: "Owl".to_owned(),
        position: Position::centre_of(3, 3, 0),
        attributes: vec![],
        behaviour: None,
    });
    yard.command("anna", 1, id(1, 1), 0, spawn);
    yard.enter("bert", 2, 1);
    yard.give(region(0, 0), Input::Drain);
    // First the claim, then the release, then the new row.
    yard.stored.rotate_left(1);
    for _ in 0..6 {
        let (at, statement) = yard.stored.pop_front().unwrap();
        assert!(!yard.region(region(0, 0)).is_drained());
        if let Statement::Spawn(..) = statement {
            yard.stored.push_back((at, statement));
        } else if let Some((at, input)) = yard.run(at, statement) {
            yard.give_at(at, input);
        }
    }
    assert_eq!(yard.region(region(0, 0)).resident_count(), 0);
    assert!(!yard.region(region(0, 0)).is_drained());
    yard.store_all();
    assert!(yard.region(region(0, 0)).is_drained());
    for key in ["anna", "bert", "owl"] {
        assert!(
            yard.row(key).present && yard.row(key).owner.is_none(),
            "{key}"
        );
    }
    assert_eq!(
        said(&mut yard),
        ["1: released 1 0:0:0", "1: 0 elsewhere ?", "1: 1/0 true"]
    );
}

#[test]
fn who_leaves_on_the_way_to_another_server_is_logged_out() {
    let mut yard = divided_with_anna();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
    yard.command("anna", 1, id(1, 2), 0, step(3.5, 0.0));
    yard.give(region(0, 0), Input::Leave(enter("anna", 1, 1)));
    yard.store_all();
    let row = yard.row("anna");
    assert!(!row.present && row.owner.is_none());
    assert_eq!(row.region, region(1, 0), "where she comes back");
}

#[test]
fn whoever_has_put_somebody_elsewhere_is_answered_though_that_is_away_by_then() {
    let mut yard = divided_with_anna();
    yard.masters.insert("anna".to_owned());
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, teleport("anna", 6.5, 12.5));
    yard.drop_region((FIRST, region(0, 1)));
    yard.hold(region(0, 1), 2);
    yard.store_all();
    assert_eq!(said(&mut yard), ["1: 1/0 true", "1: released 1 0:0:1"]);
}

#[test]
fn a_region_is_not_drained_while_it_claims() {
    let mut yard = Yard::divided();
    yard.account("bert", 4.5, 2.5);
    yard.is_store_held = true;
    yard.enter("bert", 2, 1);
    yard.give(region(0, 0), Input::Drain);
    assert!(!yard.region(region(0, 0)).is_drained());
    yard.store_all();
    assert!(yard.region(region(0, 0)).is_drained());
    assert!(yard.row("bert").owner.is_none());
}
