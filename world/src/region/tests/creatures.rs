//! Creatures that are not at home: on other servers, on their way, and lost.

use super::{
    super::*,
    handoffs::{said, teleport},
    yard::*,
};
use crate::position::Position;

const HOME: RegionId = RegionId {
    level: 0,
    column: 0,
    row: 0,
};
/// On the second server, as is [`FARTHER`].
const AWAY: RegionId = RegionId { column: 1, ..HOME };
const FARTHER: RegionId = RegionId { row: 1, ..AWAY };

fn owl_of_west() -> Creature {
    Creature {
        name: "Owl#west".to_owned(),
        position: Position::centre_of(6, 3, 0),
        attributes: std::collections::BTreeMap::new(),
        behaviour: None,
        respawn: None,
    }
}

fn owl() -> Input {
    Input::Changed {
        creatures: Some(vec![owl_of_west()]),
        afresh: false,
    }
}

/// The same, and whoever is there already begins anew.
fn reset() -> Input {
    Input::Changed {
        creatures: Some(vec![owl_of_west()]),
        afresh: true,
    }
}

/// Two servers, an owl at home on the first, a game master, and a gateway that listens to what is on either side of the border.
fn with_owl() -> Yard {
    let mut yard = divided_with_anna();
    yard.masters.insert("anna".to_owned());
    yard.give(AWAY, Input::Subscribe(OTHER_LINK));
    yard.give(HOME, owl());
    yard.pass_time(TICK_MS);
    yard.told.clear();
    yard
}

/// The same, with the owl on the other server.
fn with_owl_away() -> Yard {
    let mut yard = with_owl();
    yard.command("anna", 1, id(1, 1), 0, teleport("Owl#west", 12.5, 2.5));
    assert_eq!(places(&yard), [(2, AWAY)]);
    yard.told.clear();
    yard
}

/// Where there are owls.
fn places(yard: &Yard) -> Vec<At> {
    let has_owl = |(server, id): &At| yard.servers[server].regions[id].has("owl#west");
    yard.everywhere().into_iter().filter(has_owl).collect()
}

fn pass_seconds(yard: &mut Yard, count: usize) {
    for _ in 0..count {
        yard.pass_time(SAVE_INTERVAL_MS);
    }
}

#[test]
fn a_creature_crosses_to_another_server_and_is_told_of_in_its_order() {
    let mut yard = with_owl();
    yard.command("anna", 1, id(1, 1), 0, teleport("Owl#west", 12.5, 2.5));
    let orders: Vec<(u64, u64)> = yard
        .told
        .iter()
        .filter_map(|(_, message)| match message {
            Message::Changes(update) => {
                let departed = update.departed.iter().map(|one| (one.own, one.version));
                let changed = update.changed.iter().map(|one| (one.own, one.version));
                departed.chain(changed).next()
            }
            _ => None,
        })
        .collect();
    let told = yard.told();
    let expected = [
        "2: [Owl#west@12.5,2.5]",
        "1: [Owl#west@12.5,2.5]",
        "1: [-Owl#west]",
        "1: 1/0 true",
    ];
    assert_eq!(told, expected, "it is there before it is not here any more");
    assert!(orders[0] > orders[2] && orders[2] > orders[1], "{orders:?}");
    assert_eq!(places(&yard), [(2, AWAY)]);
    assert_eq!(yard.abroad["owl#west"], AWAY);
}

#[test]
fn a_creature_a_little_beyond_the_border_stays_with_its_server() {
    let mut yard = with_owl();
    yard.command("anna", 1, id(1, 1), 0, teleport("Owl#west", 9.5, 2.5));
    pass_seconds(&mut yard, 3);
    yard.command("anna", 1, id(1, 2), 0, teleport("Owl#west", 3.5, 2.5));
    assert_eq!(said(&mut yard), ["1: 1/0 true", "1: 2/0 true"]);
    assert_eq!(places(&yard), [(FIRST, HOME)]);
}

#[test]
fn who_is_not_let_in_stays_until_it_is_and_takes_no_input() {
    let mut yard = with_owl();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, teleport("Owl#west", 12.5, 2.5));
    // The edit is noted; then the word is lost, twice.
    let noted = yard.go_on().flatten().unwrap();
    yard.give_at(noted.0, noted.1);
    for _ in 0..2 {
        assert!(matches!(yard.mail[0], ((2, AWAY), Input::Said(_))));
        yard.mail.clear();
        yard.command("anna", 1, id(1, 2), 0, teleport("Owl#west", 3.5, 2.5));
        yard.pass_time(SAVE_INTERVAL_MS);
        assert_eq!(places(&yard), [(FIRST, HOME)]);
        assert_eq!(said(&mut yard), Vec::<String>::new());
    }
    yard.store_all();
    assert_eq!(places(&yard), [(2, AWAY)]);
    assert_eq!(
        said(&mut yard),
        ["1: 1/0 true", "1: 2/0 again", "1: 2/0 again"]
    );
}

#[test]
fn who_sets_out_of_itself_where_nobody_looks_asks_again_too() {
    let mut yard = Yard::divided();
    let walker = Creature {
        behaviour: Some("wander leash=100".to_owned()),
        ..owl_of_west()
    };
    let input = Input::Changed {
        creatures: Some(vec![walker]),
        afresh: false,
    };
    yard.give(HOME, input);
    yard.is_store_held = true;
    let sets_out = (0..100_000).any(|_| {
        yard.pass_time(TICK_MS);
        !yard.mail.is_empty()
    });
    assert!(sets_out);
    // The word is lost, and the next as well.
    for _ in 0..2 {
        yard.mail.clear();
        for _ in 0..=SAVE_INTERVAL_MS / TICK_MS {
            yard.pass_time(TICK_MS);
        }
        assert!(matches!(yard.mail[0], (_, Input::Said(_))));
    }
}

#[test]
fn who_comes_twice_is_let_in_once() {
    let mut yard = with_owl();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, teleport("Owl#west", 12.5, 2.5));
    let noted = yard.go_on().flatten().unwrap();
    yard.give_at(noted.0, noted.1);
    yard.pass_time(SAVE_INTERVAL_MS);
    // It has gone on from there before the second word comes.
    let second = yard.mail.pop_back().unwrap();
    yard.store_all();
    assert_eq!(places(&yard), [(2, AWAY)]);
    yard.is_store_held = false;
    let goes_on = teleport("Owl#west", 12.5, 12.5);
    yard.command("anna", 1, id(1, 2), 0, goes_on);
    assert_eq!(places(&yard), [(2, FARTHER)]);
    yard.told.clear();
    yard.give_at(second.0, second.1);
    assert_eq!(places(&yard), [(2, FARTHER)]);
    assert_eq!(yard.told(), Vec::<String>::new());
}

#[test]
fn a_lost_word_that_it_has_come_is_made_up_for() {
    let mut yard = with_owl();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, teleport("Owl#west", 12.5, 2.5));
    for _ in 0..2 {
        let next = yard.go_on().flatten().unwrap();
        yard.give_at(next.0, next.1);
    }
    assert_eq!(places(&yard), [(FIRST, HOME), (2, AWAY)]);
    yard.mail.clear();
    yard.is_store_held = false;
    yard.pass_time(SAVE_INTERVAL_MS);
    assert_eq!(places(&yard), [(2, AWAY)]);
    assert_eq!(said(&mut yard), ["1: 1/0 true"]);
}

#[test]
fn who_lives_elsewhere_is_not_made_anew() {
    let mut yard = with_owl_away();
    pass_seconds(&mut yard, 20);
    assert_eq!(places(&yard), [(2, AWAY)]);
    yard.command("anna", 1, id(1, 2), 0, teleport("Owl#west", 3.5, 2.5));
    yard.store_all();
    assert_eq!(places(&yard), [(FIRST, HOME)], "it comes back");
    assert!(yard.abroad.is_empty());
    pass_seconds(&mut yard, 20);
    assert_eq!(places(&yard), [(FIRST, HOME)]);
}

#[test]
fn who_is_silent_for_too_long_is_made_anew() {
    let mut yard = with_owl_away();
    pass_seconds(&mut yard, 2);
    // Its server has died.
    yard.drop_region((2, AWAY));
    yard.holders.remove(&AWAY);
    pass_seconds(&mut yard, 4);
    assert_eq!(places(&yard), []);
    pass_seconds(&mut yard, 3);
    assert_eq!(places(&yard), [(FIRST, HOME)]);
    assert!(yard.abroad.is_empty());
}

#[test]
fn whoever_was_deaf_takes_nobody_for_dead() {
    let mut yard = with_owl_away();
    pass_seconds(&mut yard, 2);
    yard.is_store_held = true;
    yard.pass_time(SILENCE_MAX_MS * 2);
    assert_eq!(places(&yard), [(2, AWAY)]);
    yard.is_store_held = false;
    yard.store_all();
    pass_seconds(&mut yard, 10);
    assert_eq!(places(&yard), [(2, AWAY)]);
}

#[test]
fn who_was_made_anew_is_the_one_that_counts() {
    // At its home, and at a home that has begun anew.
    for is_begun_anew in [false, true] {
        let mut yard = with_owl_away();
        let before = yard.servers[&2].regions[&AWAY].residents["owl#west"].said();
        if is_begun_anew {
            yard.hold(HOME, FIRST);
        }
        yard.give(HOME, owl());
        assert_eq!(places(&yard), [(FIRST, HOME), (2, AWAY)]);
        let after = yard.region(HOME).residents["owl#west"].said();
        assert!(after > before, "nobody sees the other any more");
        pass_seconds(&mut yard, 1);
        yard.store_all();
        assert_eq!(places(&yard), [(FIRST, HOME)]);
        pass_seconds(&mut yard, 10);
        assert_eq!(places(&yard), [(FIRST, HOME)]);
    }
}

#[test]
fn who_is_made_anew_while_it_crosses_counts_for_more_than_the_one_that_has_come() {
    let mut yard = with_owl();
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 1), 0, teleport("Owl#west", 12.5, 2.5));
    for _ in 0..2 {
        let next = yard.go_on().flatten().unwrap();
        yard.give_at(next.0, next.1);
    }
    assert_eq!(places(&yard), [(FIRST, HOME), (2, AWAY)]);
    // Its home has not heard that it has come, and hardly any time has gone by.
    yard.mail.clear();
    yard.give(HOME, reset());
    let [home, away] = [(FIRST, HOME), (2, AWAY)].map(|(server, region)| {
        yard.servers[&server].regions[&region].residents["owl#west"].said()
    });
    assert!(home > away, "{home:?} {away:?}");
}

#[test]
fn who_was_made_anew_takes_the_place_of_the_other_where_it_arrives() {
    let mut yard = with_owl_away();
    yard.give(HOME, reset());
    // Both have their `own` of the same home. By the time that it arrives, both regions are of one server.
    let home = yard.server_mut(FIRST).regions.get_mut(&HOME).unwrap();
    let mut resident = home.residents.remove("owl#west").unwrap();
    let anew = resident.said();
    resident.put_at(Position::centre_of(12, 2, 0));
    yard.give(AWAY, Input::Arrive(Box::new(resident)));
    let here = yard.servers[&2].regions[&AWAY].residents["owl#west"].said();
    assert!(here > anew, "{here:?} {anew:?}");
}

#[test]
fn who_was_in_a_region_that_changes_hands_is_at_home_at_once() {
    let mut yard = with_owl_away();
    yard.give(AWAY, Input::Drain);
    let after = yard.region(HOME).residents["owl#west"].said();
    let before = yard.region(AWAY).residents["owl#west"].said();
    assert!(after > before);
    assert!(yard.region(AWAY).is_drained());
}

#[test]
fn a_game_masters_despawn_is_for_good_wherever_the_creature_is() {
    let mut yard = with_owl_away();
    let despawn = Body::Edit(Edit::Despawn("Owl#west".to_owned()));
    yard.command("anna", 1, id(1, 2), 0, despawn);
    pass_seconds(&mut yard, 10);
    assert_eq!(places(&yard), []);
}

#[test]
fn whom_the_content_does_not_know_any_more_is_nowhere() {
    let mut yard = with_owl_away();
    let nobody = Input::Changed {
        creatures: Some(Vec::new()),
        afresh: false,
    };
    yard.give(HOME, nobody);
    assert!(yard.abroad.is_empty(), "{:?}", yard.abroad);
    pass_seconds(&mut yard, 3);
    assert_eq!(places(&yard), []);
}
