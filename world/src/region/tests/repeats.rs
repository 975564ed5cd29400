//! What becomes of commands that come again, story by story.

use super::{
    super::*,
    handoffs::{said, teleport},
    words::divided_with_anna,
    yard::*,
};
use crate::position::Position;

#[test]
fn a_teleport_that_was_done_before_releases_nobody_and_leaves_nothing_unanswered() {
    let mut yard = divided_with_anna();
    yard.masters.insert("anna".to_owned());
    yard.is_store_held = true;
    yard.rows.audit.insert(("anna".to_owned(), id(1, 1)));
    yard.command("anna", 1, id(1, 1), 1, teleport("anna", 8.5, 2.5));
    yard.command("anna", 1, id(1, 2), 0, step(1.0, 0.0));
    yard.store_all();
    assert_eq!(
        said(&mut yard),
        ["1: 1/1 true", "1: moved 1 0:0:0"],
        "what came meanwhile is to be sent again"
    );
    yard.command("anna", 1, id(1, 2), 1, step(1.0, 0.0));
    assert_eq!(said(&mut yard), ["1: 2/1 true"]);
    let attempts = |yard: &mut Yard| {
        for attempt in 2..5 {
            yard.command("anna", 1, id(1, 1), attempt, teleport("anna", 8.5, 2.5));
        }
    };
    attempts(&mut yard);
    yard.store_all();
    let told = said(&mut yard);
    assert_eq!(told, ["1: 1/2 true", "1: moved 1 0:0:0"]);
    yard.is_store_held = false;
    attempts(&mut yard);
    assert_eq!(
        said(&mut yard),
        ["1: 1/2 true", "1: 1/3 true", "1: 1/4 true"]
    );
}

#[test]
fn an_edit_that_would_be_refused_now_may_have_been_done() {
    let mut yard = divided_with_anna();
    yard.masters.insert("anna".to_owned());
    let spawn = || {
        Body::Edit(Edit::Spawn {
            name: "Owl".to_owned(),
            position: Position::centre_of(3, 3, 0),
            attributes: vec![],
            behaviour: None,
        })
    };
    yard.command("anna", 1, id(1, 1), 0, spawn());
    yard.ground.block(3, 3);
    yard.told.clear();
    yard.command("anna", 1, id(1, 1), 1, spawn());
    yard.command("anna", 1, id(1, 2), 1, spawn());
    yard.masters.clear();
    yard.command("anna", 1, id(1, 1), 2, spawn());
    yard.command("anna", 1, id(1, 3), 0, spawn());
    assert_eq!(
        said(&mut yard),
        ["1: 1/1 true", "1: 2/1 false", "1: 1/2 true", "1: 3/0 false"]
    );
}

#[test]
fn a_refused_repeat_has_no_effect_later() {
    let mut yard = divided_with_anna();
    // The second attempt is refused before the first has come.
    yard.command("anna", 1, id(1, 1), 1, add_gold("anna", -5));
    yard.command("anna", 1, id(1, 2), 0, add_gold("anna", 9));
    yard.told.clear();
    yard.command("anna", 1, id(1, 1), 0, add_gold("anna", -5));
    assert_eq!(said(&mut yard), ["1: 1/0 false"]);
    assert_eq!(yard.gold("anna"), Some(wire::Value::Int(9)));
}

#[test]
fn a_step_that_was_refused_stays_refused_at_the_next_owner() {
    let mut yard = divided_with_anna();
    yard.ground.block(6, 1);
    yard.command("anna", 1, id(1, 1), 0, step(0.0, -1.0));
    yard.command("anna", 1, id(1, 2), 0, step(3.5, 0.0));
    assert_eq!(
        said(&mut yard),
        ["1: 1/0 false", "1: 2/0 true", "1: released 1 0:1:0"]
    );
    yard.give(region(1, 0), Input::Enter(enter("anna", 1, 1)));
    yard.command("anna", 1, id(1, 1), 1, step(0.0, -1.0));
    yard.command("anna", 1, id(1, 2), 1, step(3.5, 0.0));
    assert_eq!(
        said(&mut yard),
        ["1: entered 1 0:1:0", "1: 1/1 false", "1: 2/1 true"]
    );
}

#[test]
fn whoever_waits_with_the_same_edit_is_answered_alike() {
    for (x, expected) in [
        (9.5, ["1: 1/0 true", "1: 1/1 true", "1: 1/2 true"]),
        (3.5, ["1: 1/0 true", "1: 1/1 true", "1: 1/2 true"]),
    ] {
        let mut yard = divided_with_anna();
        yard.masters.insert("anna".to_owned());
        yard.account("bert", 4.5, 2.5);
        yard.enter("bert", 2, 1);
        yard.is_store_held = true;
        yard.command("bert", 2, id(1, 1), 0, add_gold("bert", 5));
        yard.told.clear();
        for attempt in 0..3 {
            yard.command("anna", 1, id(1, 1), attempt, teleport("bert", x, 2.5));
        }
        yard.store_all();
        let told = said(&mut yard);
        assert_eq!(told[1..4], expected);
    }
}

#[test]
fn a_row_that_remembers_as_many_as_it_can_takes_no_further_author() {
    use crate::applied::{AUTHORS_MAX, KEPT_MS};
    let mut yard = divided_with_anna();
    yard.account("bert", 5.5, 2.5);
    yard.enter("bert", 2, 1);
    let at_ms = yard.now_ms;
    let mut row = yard.rows.claim("anna", 2, FIRST, None).unwrap();
    for author in 0..AUTHORS_MAX {
        let author = format!("author {author}");
        row.applied.record(&author, id(1, 1), true, at_ms);
    }
    yard.give(region(0, 0), Input::Adopted(Box::new(row), None));
    yard.told.clear();
    yard.command("bert", 2, id(1, 1), 0, add_gold("anna", 5));
    assert_eq!(said(&mut yard), ["1: 1/0 again"]);
    yard.pass_time(KEPT_MS);
    yard.told.clear();
    yard.command("bert", 2, id(1, 1), 1, add_gold("anna", 5));
    assert_eq!(said(&mut yard), ["1: 1/1 true"]);
}
