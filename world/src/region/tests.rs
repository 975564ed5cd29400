//! What is told and what is written when a region is told something, story by story.

mod chance;
mod creatures;
mod determinism;
mod gateway;
mod handoffs;
mod life;
mod protocol;
mod repeats;
mod speakers;
mod store;
mod words;
mod yard;

use std::collections::BTreeMap;

use wire::{Value, command::Change};

use super::*;
use crate::position::Position;
use chance::check;
use yard::*;

#[test]
fn a_character_enters_walks_and_is_saved() {
    let mut yard = Yard::new();
    yard.account("anna", 6.5, 2.5);
    yard.give(region(0, 0), Input::Subscribe(LINK));
    yard.enter("anna", 1, 1);
    assert_eq!(
        yard.told(),
        ["1: snapshot []", "1: [anna@6.5,2.5]", "1: entered 1 0:0:0"]
    );
    yard.command("anna", 1, id(1, 1), 0, step(-1.0, 0.0));
    assert_eq!(
        yard.told(),
        ["1: [anna@5.5,2.5]", "1: 1/0 true"],
        "the change comes ahead of the answer"
    );
    yard.command("anna", 1, id(1, 2), 0, step(-90.0, 0.0));
    assert_eq!(yard.told(), ["1: 2/0 false"]);
    yard.pass_time(TICK_MS);
    assert_eq!(
        yard.told(),
        Vec::<String>::new(),
        "nothing is told a link twice"
    );
    yard.pass_time(SAVE_INTERVAL_MS);
    let row = &yard.row("anna").claimed;
    assert_eq!((row.state.position.x, row.moved), (5.5, id(1, 1)));
}

#[test]
fn others_hear_of_a_step_within_a_tick() {
    let mut yard = with_anna();
    yard.give(region(0, 0), Input::Subscribe(OTHER_LINK));
    yard.told.clear();
    yard.command("anna", 1, id(1, 1), 0, step(-1.0, 0.0));
    yard.command("anna", 1, id(1, 2), 0, step(-1.0, 0.0));
    yard.told.clear();
    yard.pass_time(TICK_MS);
    assert_eq!(yard.told(), ["2: [anna@4.5,2.5]"]);
}

#[test]
fn a_set_is_told_and_answered_only_when_it_is_durable() {
    let mut yard = with_anna();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, add_gold("Anna", 5));
    yard.pass_time(TICK_MS);
    assert_eq!(yard.told(), Vec::<String>::new());
    yard.store_all();
    assert_eq!(yard.told(), ["1: [anna@6.5,2.5]", "1: 1/0 true"]);
    assert_eq!(yard.gold("anna"), Some(Value::Int(5)));
}

#[test]
fn a_command_that_comes_again_has_no_second_effect() {
    let mut yard = with_anna();
    yard.is_store_held = true;
    // Twice before the commit, in another write's shadow, and once more after it.
    yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
    yard.command("anna", 1, id(1, 2), 0, add_gold("anna", 1));
    yard.command("anna", 1, id(1, 2), 1, add_gold("anna", 1));
    assert_eq!(yard.told(), Vec::<String>::new());
    yard.store_all();
    yard.told.clear();
    yard.command("anna", 1, id(1, 2), 2, add_gold("anna", 1));
    assert_eq!(yard.told(), ["1: 2/2 true"]);
    yard.store_all();
    assert_eq!(yard.gold("anna"), Some(Value::Int(6)));
    yard.command("anna", 1, id(1, 3), 0, step(1.0, 0.0));
    yard.command("anna", 1, id(1, 3), 1, step(1.0, 0.0));
    assert_eq!(
        yard.told(),
        ["1: [anna@7.5,2.5]", "1: 3/0 true", "1: 3/1 true"]
    );
}

#[test]
fn a_step_over_the_border_leads_to_another_region() {
    let mut yard = with_anna();
    yard.give(region(1, 0), Input::Subscribe(LINK));
    yard.told.clear();
    yard.command("anna", 1, id(1, 1), 0, step(2.0, 0.0));
    assert_eq!(
        yard.told(),
        [
            "1: [anna@8.5,2.5]",
            "1: 1/0 true",
            "1: [-anna]",
            "1: [anna@8.5,2.5]",
            "1: moved 1 0:1:0"
        ]
    );
    let late = Command {
        session: session(1),
        author: "anna".to_owned(),
        id: id(1, 2),
        attempt: 0,
        body: step(1.0, 0.0),
    };
    yard.give(region(0, 0), Input::Command(late));
    assert_eq!(yard.told(), ["1: 2 elsewhere 0:1:0"]);
    yard.pass_time(SAVE_INTERVAL_MS);
    assert_eq!(yard.row("anna").region, region(1, 0));
}

#[test]
fn who_cannot_be_taken_over_yet_is_served_where_it_is() {
    let mut yard = with_anna();
    yard.full.insert(region(1, 0));
    yard.command("anna", 1, id(1, 1), 0, step(2.0, 0.0));
    yard.command("anna", 1, id(1, 2), 0, step(1.0, 0.0));
    assert_eq!(
        yard.told(),
        [
            "1: [anna@8.5,2.5]",
            "1: 1/0 true",
            "1: [anna@9.5,2.5]",
            "1: 2/0 true"
        ]
    );
    yard.full.clear();
    yard.pass_time(TICK_MS);
    assert_eq!(yard.home("anna"), region(1, 0));
}

#[test]
fn who_is_elsewhere_whenever_a_region_saves_is_saved_each_second_as_well() {
    const HALF_MS: u64 = SAVE_INTERVAL_MS / 2;
    let mut yard = with_anna();
    yard.pass_time(HALF_MS);
    let mut unsaved_ms = 0;
    for count in 0..20u32 {
        let there_and_back = if count % 2 == 0 { 2.0 } else { -2.0 };
        let before = yard.row("anna").claimed.moved;
        let id = id(1, u64::from(count) + 1);
        yard.command("anna", 1, id, 0, step(there_and_back, 0.0));
        yard.pass_time(HALF_MS);
        let is_saved = yard.row("anna").claimed.moved != before;
        unsaved_ms = if is_saved { 0 } else { unsaved_ms + HALF_MS };
        assert!(unsaved_ms <= SAVE_INTERVAL_MS, "{count}");
    }
}

#[test]
fn a_later_session_takes_over_and_an_earlier_one_does_not() {
    let mut yard = with_anna();
    yard.enter("anna", 2, 3);
    assert_eq!(
        yard.told(),
        ["1: evicted 1 TakenOver", "1: entered 2 0:0:0"]
    );
    assert_eq!(yard.row("anna").claimed.generation, 3);
    yard.enter("anna", 3, 2);
    yard.command("anna", 1, id(1, 9), 0, step(1.0, 0.0));
    assert_eq!(
        yard.told(),
        ["1: evicted 3 TakenOver", "1: evicted 1 TakenOver"]
    );
    yard.command("anna", 2, id(3, 1), 0, step(1.0, 0.0));
    assert_eq!(yard.told(), ["1: [anna@7.5,2.5]", "1: 1/0 true"]);
}

#[test]
fn who_comes_while_the_character_is_being_let_go_of_waits() {
    let mut yard = with_anna();
    yard.is_store_held = true;
    yard.give(region(0, 0), Input::Leave(enter("anna", 1, 1)));
    yard.enter("anna", 2, 2);
    yard.command("anna", 1, id(1, 1), 0, step(1.0, 0.0));
    assert_eq!(
        yard.told(),
        ["1: 1 elsewhere ?"],
        "input is frozen before the row is given up"
    );
    yard.store_all();
    assert_eq!(
        yard.told(),
        ["1: [-anna]", "1: [anna@6.5,2.5]", "1: entered 2 0:0:0"]
    );
    assert!(yard.row("anna").present && yard.row("anna").owner == Some(FIRST));
}

#[test]
fn who_goes_while_taking_over_leaves_nobody_behind() {
    let mut yard = with_anna();
    yard.is_store_held = true;
    yard.enter("anna", 2, 2);
    yard.give(region(0, 0), Input::Leave(enter("anna", 2, 2)));
    yard.store_all();
    assert_eq!(
        yard.told(),
        ["1: evicted 1 TakenOver", "1: entered 2 0:0:0", "1: [-anna]"]
    );
    assert!(!yard.row("anna").present);
}

#[test]
fn who_is_kicked_does_not_come_back_by_having_asked_before() {
    let mut yard = with_anna();
    yard.account("gm", 2.5, 2.5);
    yard.enter("gm", 2, 1);
    yard.is_store_held = true;
    let kick = Body::Edit(Edit::Kick("anna".to_owned()));
    yard.command("gm", 2, id(1, 1), 0, kick);
    yard.enter("anna", 1, 1);
    yard.store_all();
    assert!(!yard.row("anna").present);
}

#[test]
fn a_kick_that_comes_again_leaves_no_step_unsaved() {
    let mut yard = with_anna();
    yard.account("gm", 2.5, 2.5);
    yard.enter("gm", 2, 1);
    let kick = || Body::Edit(Edit::Kick("anna".to_owned()));
    yard.command("gm", 2, id(1, 1), 0, kick());
    yard.enter("anna", 3, 2);
    yard.command("anna", 3, id(2, 1), 0, step(-1.0, 0.0));
    yard.command("gm", 2, id(1, 1), 1, kick());
    assert!(yard.told().contains(&"1: 1/1 true".to_owned()));
    yard.pass_time(SAVE_INTERVAL_MS);
    assert_eq!(yard.row("anna").claimed.state.position.x, 5.5);
}

#[test]
fn who_is_teleported_into_a_new_wall_stands_beside_it() {
    let mut yard = with_anna();
    yard.masters.insert("anna".to_owned());
    yard.is_store_held = true;
    let position = Position::centre_of(3, 3, 0);
    let name = "anna".to_owned();
    let teleport = Body::Edit(Edit::Teleport { name, position });
    yard.command("anna", 1, id(1, 1), 0, teleport);
    yard.ground.block(3, 3);
    yard.store_all();
    check(&yard).unwrap();
    yard.pass_time(SAVE_INTERVAL_MS);
    yard.store_all();
    let position = yard.row("anna").claimed.state.position;
    assert!(movement::is_free(&yard.ground, position));
}

#[test]
fn who_is_being_kicked_takes_no_step_that_would_be_lost() {
    let mut yard = with_anna();
    yard.account("gm", 2.5, 2.5);
    yard.enter("gm", 2, 1);
    yard.told.clear();
    yard.is_store_held = true;
    let kick = Body::Edit(Edit::Kick("anna".to_owned()));
    yard.command("gm", 2, id(1, 1), 0, kick);
    yard.command("anna", 1, id(1, 1), 0, step(1.0, 0.0));
    assert_eq!(yard.told(), Vec::<String>::new());
    yard.store_all();
    assert_eq!(
        yard.told(),
        ["1: [-anna]", "1: 1/0 true", "1: evicted 1 Kicked"]
    );
}

#[test]
fn nobody_goes_on_while_its_row_is_being_written() {
    let mut yard = with_anna();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
    yard.command("anna", 1, id(1, 2), 0, step(2.0, 0.0));
    assert_eq!(yard.home("anna"), region(0, 0));
    yard.store_all();
    assert_eq!(
        yard.told(),
        [
            "1: [anna@8.5,2.5]",
            "1: 2/0 true",
            "1: [anna@8.5,2.5]",
            "1: 1/0 true",
            "1: [-anna]",
            "1: moved 1 0:1:0"
        ]
    );
    assert_eq!(yard.home("anna"), region(1, 0));
}

#[test]
fn who_leaves_is_out_of_the_world_and_so_is_who_has_lost_its_gateway() {
    let mut yard = with_anna();
    yard.command("anna", 1, id(1, 1), 0, step(1.0, 0.0));
    yard.links.remove(&LINK);
    yard.pass_time(SAVE_INTERVAL_MS);
    yard.pass_time(GRACE_MS - 1);
    assert!(yard.row("anna").present);
    yard.pass_time(SAVE_INTERVAL_MS);
    let row = &yard.row("anna");
    assert!(!row.present && row.owner.is_none());
    assert_eq!(row.claimed.state.position.x, 7.5);
    assert_eq!(yard.find("anna"), None);
}

#[test]
fn a_write_that_is_lost_costs_the_place_in_memory_and_nothing_else() {
    for has_happened in [true, false] {
        let mut yard = with_anna();
        yard.next_fate = Fate::Lost { has_happened };
        yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
        assert_eq!(
            yard.told(),
            [
                "1: 1/0 again",
                "1: [-anna]",
                "1: [anna@6.5,2.5]",
                "1: moved 1 0:0:0"
            ]
        );
        yard.command("anna", 1, id(1, 1), 1, add_gold("anna", 5));
        assert!(yard.told().contains(&"1: 1/1 true".to_owned()));
        assert_eq!(yard.gold("anna"), Some(Value::Int(5)), "{has_happened}");
    }
}

#[test]
fn a_write_that_finds_no_row_is_not_answered() {
    let mut yard = with_anna();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
    yard.rows.claim("anna", 2, 99, None).unwrap();
    let (at, input) = yard.go_on().unwrap().unwrap();
    yard.give_at(at, input);
    assert_eq!(yard.told(), ["1: 1/0 again", "1: [-anna]"]);
    assert!(matches!(
        yard.stored.front(),
        Some((_, Statement::Recover { .. }))
    ));
}

#[test]
fn a_later_claim_of_a_row_that_is_here_keeps_the_session() {
    let mut yard = with_anna();
    let mut row = yard.row("anna").claimed.clone();
    row.own += 2;
    yard.give(region(0, 0), Input::Adopted(Box::new(row), None));
    assert_eq!(
        yard.told(),
        ["1: [-anna]", "1: [anna@6.5,2.5]", "1: moved 1 0:0:0"]
    );
    yard.command("anna", 1, id(1, 1), 0, step(1.0, 0.0));
    assert_eq!(yard.told(), ["1: [anna@7.5,2.5]", "1: 1/0 true"]);
}

#[test]
fn others_are_reached_across_the_border_if_they_are_near() {
    let mut yard = with_anna();
    yard.account("bert", 8.5, 2.5);
    yard.account("carl", 12.5, 2.5);
    yard.enter("bert", 2, 1);
    yard.enter("carl", 3, 1);
    yard.told.clear();
    yard.command("anna", 1, id(1, 1), 0, add_gold("Bert", 5));
    yard.command("anna", 1, id(1, 2), 0, add_gold("Carl", 5));
    yard.command("anna", 1, id(1, 3), 0, add_gold("Nobody", 5));
    let get = Body::Get {
        name: "BERT".to_owned(),
        attribute: "gold".to_owned(),
    };
    yard.command("anna", 1, id(1, 4), 0, get);
    assert_eq!(
        yard.told(),
        [
            "1: 1/0 true",
            "1: 2/0 false",
            "1: 3/0 false",
            "1: 4/0 Int(5)"
        ]
    );
    assert_eq!(yard.gold("bert"), Some(Value::Int(5)));
}

#[test]
fn game_masters_edit_and_others_do_not() {
    let mut yard = with_anna();
    yard.account("gm", 2.5, 2.5);
    yard.enter("gm", 2, 1);
    yard.told.clear();
    let position = Position {
        x: 12.5,
        y: 12.5,
        z: 0,
    };
    let spawn = |name: &str| {
        Body::Edit(Edit::Spawn {
            name: name.to_owned(),
            position,
            attributes: vec![("gold".to_owned(), Value::Int(1))],
            behaviour: None,
        })
    };
    yard.command("anna", 1, id(1, 1), 0, spawn("Owl"));
    yard.command("gm", 2, id(1, 1), 0, spawn("Owl"));
    yard.command("gm", 2, id(1, 1), 1, spawn("Owl"));
    yard.command("gm", 2, id(1, 2), 0, spawn("owl"));
    yard.command("gm", 2, id(1, 3), 0, spawn("map:x"));
    assert_eq!(
        yard.told(),
        [
            "1: 1/0 false",
            "1: 1/0 true",
            "1: 1/1 true",
            "1: 2/0 false",
            "1: 3/0 false"
        ]
    );
    assert_eq!(yard.home("owl"), region(1, 1));
    let teleport = Body::Edit(Edit::Teleport {
        name: "anna".to_owned(),
        position,
    });
    yard.command("gm", 2, id(1, 4), 0, teleport);
    assert_eq!(
        yard.told(),
        [
            "1: [anna@12.5,12.5]",
            "1: [-anna]",
            "1: 4/0 true",
            "1: moved 1 0:1:1"
        ]
    );
    assert_eq!(yard.row("anna").region, region(0, 0));
    yard.pass_time(SAVE_INTERVAL_MS);
    assert_eq!(yard.row("anna").region, region(1, 1));
    yard.command(
        "gm",
        2,
        id(1, 5),
        0,
        Body::Edit(Edit::Despawn("anna".to_owned())),
    );
    yard.command(
        "gm",
        2,
        id(1, 6),
        0,
        Body::Edit(Edit::Kick("owl".to_owned())),
    );
    yard.command(
        "gm",
        2,
        id(1, 7),
        0,
        Body::Edit(Edit::Despawn("owl".to_owned())),
    );
    yard.command(
        "gm",
        2,
        id(1, 8),
        0,
        Body::Edit(Edit::Kick("anna".to_owned())),
    );
    assert_eq!(
        yard.told(),
        [
            "1: 5/0 false",
            "1: 6/0 false",
            "1: 7/0 true",
            "1: 8/0 true",
            "1: evicted 1 Kicked"
        ]
    );
    assert!(!yard.rows.all.contains_key("owl") && !yard.row("anna").present);
}

#[test]
fn creatures_are_those_of_the_content() {
    let mut yard = with_anna();
    let creature = |name: &str, x: f64| Creature {
        name: name.to_owned(),
        position: Position { x, y: 4.5, z: 0 },
        attributes: BTreeMap::new(),
        behaviour: None,
        respawn: None,
    };
    let change = |creatures: Vec<Creature>, afresh| Input::Changed {
        creatures: Some(creatures),
        afresh,
    };
    let home = region(0, 0);
    yard.give(
        home,
        change(
            vec![creature("Mara#west", 1.5), creature("Olaf#west", 2.5)],
            true,
        ),
    );
    assert_eq!(
        yard.told(),
        ["1: [Mara#west@1.5,4.5]", "1: [Olaf#west@2.5,4.5]"]
    );
    yard.give(
        home,
        change(
            vec![creature("Mara#west", 1.5), creature("Olaf#west", 3.5)],
            false,
        ),
    );
    assert_eq!(yard.told(), ["1: [-Olaf#west]", "1: [Olaf#west@3.5,4.5]"]);
    let (creatures, afresh) = (None, false);
    yard.give(home, Input::Changed { creatures, afresh });
    assert_eq!(yard.told(), Vec::<String>::new(), "those who are here stay");
    yard.give(home, change(vec![], false));
    assert_eq!(yard.told(), ["1: [-Mara#west]", "1: [-Olaf#west]"]);
}

#[test]
fn who_stands_in_a_new_wall_is_moved() {
    let mut yard = with_anna();
    yard.ground.block(6, 2);
    let input = Input::Changed {
        creatures: None,
        afresh: false,
    };
    yard.give(region(0, 0), input);
    yard.pass_time(SAVE_INTERVAL_MS);
    let position = yard.row("anna").claimed.state.position;
    assert!(crate::movement::is_free(&yard.ground, position));
}

#[test]
fn what_is_said_is_told_again_when_its_time_is_over() {
    let mut yard = with_anna();
    let say = Body::Set {
        name: "anna".to_owned(),
        attribute: "say".to_owned(),
        change: Change::To(Value::Str("hi".to_owned())),
    };
    yard.command("anna", 1, id(1, 1), 0, say);
    yard.pass_time(TICK_MS);
    yard.told.clear();
    yard.pass_time(5_000);
    yard.pass_time(TICK_MS);
    assert_eq!(yard.told(), ["1: [anna@6.5,2.5]"]);
}

#[test]
fn one_time_is_noted_for_each_however_often_it_speaks() {
    let mut yard = with_anna();
    for counter in 1..=100 {
        let say = Body::Set {
            name: "anna".to_owned(),
            attribute: "say".to_owned(),
            change: Change::To(Value::Str("hi".to_owned())),
        };
        yard.command("anna", 1, id(1, counter), 0, say);
        yard.now_ms += 1;
    }
    assert_eq!(yard.region(region(0, 0)).expiries.len(), 1);
    yard.command("anna", 1, id(1, 101), 0, step(2.0, 0.0));
    assert_eq!(yard.region(region(0, 0)).expiries.len(), 0);
    yard.pass_time(5_000);
    let anna = &yard.region(region(1, 0)).residents["anna"];
    assert!(anna.state.attributes.is_empty());
    assert!(yard.region(region(1, 0)).expiries.is_empty());
}

#[test]
fn a_drained_region_holds_no_row() {
    let mut yard = with_anna();
    yard.account("gm", 2.5, 2.5);
    yard.enter("gm", 2, 1);
    let spawn = Body::Edit(Edit::Spawn {
        name: "Owl".to_owned(),
        position: Position {
            x: 3.5,
            y: 3.5,
            z: 0,
        },
        attributes: vec![],
        behaviour: None,
    });
    yard.command("gm", 2, id(1, 1), 0, spawn);
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, add_gold("anna", 5));
    yard.give(region(0, 0), Input::Drain);
    assert!(!yard.region(region(0, 0)).is_drained());
    yard.store_all();
    assert!(yard.region(region(0, 0)).is_drained());
    assert!(yard.rows.all.values().all(|row| row.owner.is_none()));
    assert_eq!(yard.gold("anna"), Some(Value::Int(5)));
    assert!(yard.row("owl").present && yard.row("anna").present);
}
