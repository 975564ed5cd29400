//! What entities do of themselves, and what that is to others.

use super::{
    super::{resident::Waiting, *},
    words::*,
    yard::*,
};
use crate::position::Position;
use wire::{Value, command::Change};

/// A yard whose monsters can be hit and drop mushrooms, with Anna beside the first of them.
fn with_monsters(behaviour: Option<&str>) -> Yard {
    let mut yard = Yard::new();
    yard.settings = Settings::parse(
        "cell = 8\nspeed = 8\nspeed_burst = 16\n\
         [attributes.hp]\ntype='int'\nwrite={near=3}\nvisible=true\n\
         [attributes.taken]\ntype='bool'\nwrite={near=2}\n\
         [attributes.mushroom]\ntype='int'\nwrite='gm'\n\
         [templates.mushroom]\nitem='mushroom'\namount=2\n",
    )
    .unwrap();
    yard.account("anna", 2.5, 2.5);
    yard.enter("anna", 1, 1);
    let monster = Creature {
        name: "Slime#0:0:0.1".to_owned(),
        position: Position {
            x: 4.5,
            y: 2.5,
            z: 0,
        },
        attributes: [
            ("hp".to_owned(), Value::Int(10)),
            ("drops".to_owned(), Value::Str("mushroom".to_owned())),
        ]
        .into(),
        behaviour: behaviour.map(str::to_owned),
        respawn: None,
    };
    let changed = Input::Changed {
        creatures: Some(vec![monster]),
        afresh: true,
    };
    yard.give(region(0, 0), changed);
    yard.give(region(0, 0), Input::Subscribe(LINK));
    yard.told.clear();
    yard
}

fn hit(yard: &mut Yard, counter: u64, by: i64) {
    let body = Body::Set {
        name: "Slime#0:0:0.1".to_owned(),
        attribute: "hp".to_owned(),
        change: Change::By(Value::Int(by)),
    };
    yard.command("anna", 1, id(1, counter), 0, body);
}

#[test]
fn who_wanders_is_seen_to() {
    let mut yard = with_monsters(Some("wander"));
    let before = yard.resident("slime#0:0:0.1").unwrap().state.position;
    for _ in 0..400 {
        yard.pass_time(TICK_MS);
    }
    assert_ne!(
        yard.resident("slime#0:0:0.1").unwrap().state.position,
        before
    );
    let seen = yard
        .told()
        .iter()
        .filter(|one| one.contains("Slime"))
        .count();
    assert!(seen > 10, "{seen}");
}

#[test]
fn who_has_no_hp_left_dies_and_what_it_drops_is_picked_up_once() {
    let mut yard = with_monsters(None);
    hit(&mut yard, 1, -9);
    assert_eq!(yard.told(), ["1: [Slime#0:0:0.1@4.5,2.5]", "1: 1/0 true"]);
    hit(&mut yard, 2, -5);
    assert_eq!(
        yard.told(),
        [
            "1: [Slime#0:0:0.1@4.5,2.5]",
            "1: 2/0 true",
            "1: [-Slime#0:0:0.1]",
            "1: [mushroom#0:0:0.70000.1@4.5,2.5]"
        ]
    );
    for (counter, answer) in [(3, "true"), (4, "false")] {
        let body = Body::Set {
            name: "mushroom#0:0:0.70000.1".to_owned(),
            attribute: "taken".to_owned(),
            change: Change::To(Value::Bool(true)),
        };
        yard.command("anna", 1, id(1, counter), 0, body);
        let answer = format!("1: {counter}/0 {answer}");
        assert!(yard.told().contains(&answer), "{answer}");
    }
    let state = &yard.row("anna").claimed.state;
    assert_eq!(
        state.attribute("mushroom", 0),
        Some(&Value::Int(2)),
        "durable"
    );
}

#[test]
fn what_nobody_picks_up_is_taken_away() {
    let mut yard = with_monsters(None);
    hit(&mut yard, 1, -10);
    assert!(yard.resident("mushroom#0:0:0.70000.1").is_some());
    for _ in 0..130 {
        yard.pass_time(1_000);
    }
    assert!(yard.resident("mushroom#0:0:0.70000.1").is_none());
}

/// Three slimes that live in the yard's north-west, and come back two seconds after they have died.
fn slimes() -> Vec<Creature> {
    let slime = |number: u32| Creature {
        name: format!("Slime#0:0:0.{number}"),
        position: Position::centre_of(3, 3, 0),
        attributes: [("hp".to_owned(), Value::Int(10))].into(),
        behaviour: Some("stand".to_owned()),
        respawn: Some(Respawn {
            after_ms: 2_000,
            area: Some((1, 1, 6, 6)),
        }),
    };
    (1..=3).map(slime).collect()
}

fn give_slimes(yard: &mut Yard, afresh: bool) {
    let changed = Input::Changed {
        creatures: Some(slimes()),
        afresh,
    };
    yard.give(region(0, 0), changed);
}

fn slime_count(yard: &Yard) -> usize {
    let there = (1..=3).filter(|number| yard.resident(&format!("slime#0:0:0.{number}")).is_some());
    there.count()
}

fn kill(yard: &mut Yard, counter: u64, number: u32) {
    let key = format!("slime#0:0:0.{number}");
    let place = yard.resident(&key).unwrap().state.position;
    let here = yard.resident("anna").unwrap().state.position;
    yard.pass_time(5_000);
    let way = step(place.x - here.x, place.y - here.y);
    yard.command("anna", 1, id(1, counter), 0, way);
    let body = Body::Set {
        name: key,
        attribute: "hp".to_owned(),
        change: Change::By(Value::Int(-10)),
    };
    yard.command("anna", 1, id(1, counter + 1), 0, body);
}

#[test]
fn a_spawn_has_as_many_as_it_says_and_the_dead_come_back_in_time() {
    let mut yard = with_monsters(None);
    give_slimes(&mut yard, true);
    assert_eq!(slime_count(&yard), 3);
    for number in 1..=3 {
        let place = yard
            .resident(&format!("slime#0:0:0.{number}"))
            .unwrap()
            .state
            .position;
        assert!(
            (1.0..6.0).contains(&place.x) && (1.0..6.0).contains(&place.y),
            "{place:?}"
        );
    }
    kill(&mut yard, 1, 2);
    assert_eq!(slime_count(&yard), 2);
    give_slimes(&mut yard, false);
    assert_eq!(slime_count(&yard), 2, "another change brings nobody back");
    yard.pass_time(SAVE_INTERVAL_MS);
    assert_eq!(slime_count(&yard), 2, "not yet");
    for _ in 0..3 {
        yard.pass_time(SAVE_INTERVAL_MS);
    }
    assert_eq!(slime_count(&yard), 3);
    kill(&mut yard, 3, 1);
    give_slimes(&mut yard, true);
    assert_eq!(slime_count(&yard), 3, "a reset brings everybody back");
}

/// The scripts of a world that has one, `walk.lua`.
fn load(text: &'static str) -> Scripts {
    let files = [("behaviours/walk.lua".to_owned(), text.into())].into();
    let (scripts, problems) = Scripts::load(&files);
    assert!(problems.is_empty(), "{problems:?}");
    scripts
}

/// Slimes that do what the script says.
fn give_scripted(yard: &mut Yard) {
    let mut slimes = slimes();
    for slime in &mut slimes {
        slime.behaviour = Some("walk.lua".to_owned());
    }
    let changed = Input::Changed {
        creatures: Some(slimes),
        afresh: true,
    };
    yard.give(region(0, 0), changed);
}

#[test]
fn where_nobody_looks_little_is_done() {
    let mut yard = with_monsters(None);
    yard.scripts = load("return function(me) while true do coroutine.yield(4) end end");
    give_scripted(&mut yard);
    let resumes = |yard: &Yard| {
        let mut uthreads = yard.region(region(0, 0)).uthreads().by_name.into_iter();
        uthreads
            .find(|one| &*one.name == "walk")
            .unwrap()
            .resume_count
    };
    for _ in 0..200 {
        yard.pass_time(TICK_MS);
    }
    let awake = resumes(&yard);
    yard.give(region(0, 0), Input::Unsubscribe(LINK));
    for _ in 0..200 {
        yard.pass_time(TICK_MS);
    }
    let asleep = resumes(&yard) - awake;
    assert!(
        asleep > 0 && asleep * 8 < awake,
        "{awake} awake, {asleep} asleep"
    );
    // Who comes finds it awake in the next tick.
    yard.give(region(0, 0), Input::Subscribe(LINK));
    let wake_ms = yard.region(region(0, 0)).wake_ms();
    assert!(wake_ms.is_some_and(|at_ms| at_ms <= yard.now_ms + TICK_MS));
}

#[test]
fn a_script_moves_its_entity_and_what_is_wrong_with_it_is_said_with_its_line() {
    let mut yard = with_monsters(None);
    yard.scripts =
        load("return function(me)\n  while true do me:step(0.1, 0) coroutine.yield(4) end\nend");
    give_scripted(&mut yard);
    let x = |yard: &Yard| yard.resident("slime#0:0:0.1").unwrap().state.position.x;
    let before = x(&yard);
    for _ in 0..10 {
        yard.pass_time(TICK_MS);
    }
    assert!(x(&yard) > before + 0.5, "{} {before}", x(&yard));

    // Another version of the script is another walk, at once.
    yard.scripts =
        load("return function(me)\n  while true do me:step(-0.1, 0) coroutine.yield(4) end\nend");
    let there = x(&yard);
    let changed = Input::Changed {
        creatures: None,
        afresh: false,
    };
    yard.give(region(0, 0), changed);
    for _ in 0..5 {
        yard.pass_time(TICK_MS);
    }
    assert!(x(&yard) < there, "{} {there}", x(&yard));
}

#[test]
fn who_is_left_for_want_of_time_makes_nobody_wake_at_once() {
    let mut yard = with_monsters(None);
    yard.scripts = load("return function(me) while true do coroutine.yield(1) end end");
    give_scripted(&mut yard);
    yard.is_time_short = true;
    for is_seen in [true, false] {
        if !is_seen {
            yard.give(region(0, 0), Input::Unsubscribe(LINK));
        }
        // Later than it was to be woken.
        for late_ms in [0, 3 * TICK_MS, 17 * TICK_MS] {
            let wake_ms = yard.region(region(0, 0)).wake_ms().unwrap();
            yard.pass_time(wake_ms.saturating_sub(yard.now_ms) + late_ms);
            let wake_ms = yard.region(region(0, 0)).wake_ms();
            let now_ms = yard.now_ms;
            assert!(
                wake_ms.is_some_and(|at_ms| at_ms > now_ms),
                "{is_seen} {late_ms}"
            );
        }
    }
}

#[test]
fn what_is_picked_up_arrives_even_if_nobody_could_take_it_just_then() {
    let mut yard = with_monsters(None);
    hit(&mut yard, 1, -10);
    let take = Body::Set {
        name: "mushroom#0:0:0.70000.1".to_owned(),
        attribute: "taken".to_owned(),
        change: Change::To(Value::Bool(true)),
    };
    yard.is_store_held = true;
    yard.command("anna", 1, id(1, 2), 0, take);
    // Nobody ever hears what became of the first write.
    let (at, statement) = yard.stored.pop_back().unwrap();
    yard.next_fate = Fate::Lost {
        has_happened: false,
    };
    if let Some((at, input)) = yard.run(at, statement) {
        yard.give_at(at, input);
    }
    yard.is_store_held = false;
    yard.store_all();
    for _ in 0..400 {
        yard.pass_time(TICK_MS);
    }
    let mushrooms = |yard: &Yard| {
        yard.row("anna")
            .claimed
            .state
            .attribute("mushroom", 0)
            .cloned()
    };
    assert_eq!(mushrooms(&yard), Some(Value::Int(2)), "once");
}

#[test]
fn whom_a_game_master_has_placed_dies_for_good_and_drops_what_it_has() {
    let mut yard = with_monsters(None);
    yard.masters.insert("anna".to_owned());
    let ogre = Edit::Spawn {
        name: "Ogre".to_owned(),
        position: Position::centre_of(3, 3, 0),
        attributes: vec![
            ("hp".to_owned(), Value::Int(5)),
            ("drops".to_owned(), Value::Str("mushroom".to_owned())),
        ],
        behaviour: None,
    };
    yard.command("anna", 1, id(1, 1), 0, Body::Edit(ogre));
    assert!(yard.row("ogre").present);
    yard.told.clear();
    let hit = Body::Set {
        name: "Ogre".to_owned(),
        attribute: "hp".to_owned(),
        change: Change::By(Value::Int(-5)),
    };
    yard.command("anna", 1, id(1, 2), 0, hit);
    assert!(yard.resident("ogre").is_none());
    assert!(!yard.rows.all.get("ogre").is_some_and(|row| row.present));
    let mut told = yard.told();
    told.retain(|one| !one.starts_with("0: "));
    assert_eq!(
        told,
        [
            "1: [Ogre@3.5,3.5]",
            "1: 2/0 true",
            "1: [-Ogre]",
            "1: [mushroom#0:0:0.70000.1@3.5,3.5]"
        ]
    );
}

#[test]
fn who_was_put_there_without_hp_is_given_none_by_strangers() {
    let mut yard = with_monsters(None);
    let sign = Creature {
        name: "Sign#yard".to_owned(),
        position: Position::centre_of(3, 2, 0),
        attributes: std::collections::BTreeMap::new(),
        behaviour: None,
        respawn: None,
    };
    let changed = Input::Changed {
        creatures: Some(vec![sign]),
        afresh: true,
    };
    yard.give(region(0, 0), changed);
    yard.told.clear();
    let kill = Body::Set {
        name: "Sign#yard".to_owned(),
        attribute: "hp".to_owned(),
        change: Change::To(Value::Int(0)),
    };
    yard.command("anna", 1, id(1, 1), 0, kill);
    assert_eq!(yard.told(), ["1: 1/0 false"]);
    assert!(yard.resident("sign#yard").is_some());
}

#[test]
fn a_giver_that_goes_from_region_to_region_gives_in_each() {
    let mut yard = with_monsters(None);
    yard.scripts = load(
        "return function(me)\n  while true do\n    me:change('anna', 'mushroom', 1)\n    me.given = (me.given or 0) + 1\n    me:go(12.5, 3.5)\n    coroutine.yield(2)\n  end\nend",
    );
    let giver = Creature {
        name: "Mara#yard".to_owned(),
        attributes: std::collections::BTreeMap::new(),
        behaviour: Some("walk.lua".to_owned()),
        respawn: None,
        position: Position::centre_of(6, 3, 0),
    };
    let changed = Input::Changed {
        creatures: Some(vec![giver]),
        afresh: true,
    };
    yard.give(region(0, 0), changed);
    let mushrooms = |yard: &Yard| {
        let state = &yard.row("anna").claimed.state;
        state
            .attribute("mushroom", 0)
            .and_then(Value::as_f64)
            .unwrap_or(0.0)
    };
    for _ in 0..400 {
        yard.pass_time(TICK_MS);
    }
    assert_eq!(yard.home("mara#yard"), region(1, 0));
    let mara = yard.resident("mara#yard").unwrap();
    let given = mara.state.attribute("given", 0).and_then(Value::as_f64);
    assert!(given.is_some_and(|given| given > 1.0), "{given:?}");
    assert_eq!(Some(mushrooms(&yard)), given);
}

#[test]
fn a_blow_that_is_more_than_enough_takes_what_there_is() {
    let mut yard = with_monsters(None);
    yard.settings.attributes.get_mut("hp").unwrap().min = Some(0.0);
    yard.scripts = load(
        "return function(me)\n  me:change('anna', 'hp', -4)\n  coroutine.yield(2)\n  me:change('anna', 'hp', -4)\nend",
    );
    let hp = |yard: &Yard| yard.row("anna").claimed.state.attribute("hp", 0).cloned();
    let full = Body::Set {
        name: "anna".to_owned(),
        attribute: "hp".to_owned(),
        change: Change::To(Value::Int(7)),
    };
    yard.command("anna", 1, id(1, 1), 0, full);
    assert_eq!(hp(&yard), Some(Value::Int(7)));
    give_scripted(&mut yard);
    for _ in 0..20 {
        yard.pass_time(TICK_MS);
    }
    assert_eq!(hp(&yard), Some(Value::Int(0)));
}

/// Somebody in a region who asks for what Anna has, and what it was told of that, the last of it first.
fn with_beggar(mut yard: Yard, home: RegionId) -> Yard {
    let rule = yard.settings.attributes.get_mut("mushroom").unwrap();
    rule.min = Some(0.0);
    yard.scripts = load(
        "local function ask(me, by) me:change('anna', 'mushroom', by, function(me, done) me.told = tostring(done) .. ' ' .. (me.told or '') end) end
         return function(me) ask(me, -1); me:sleep(40); ask(me, 3); me:sleep(40); ask(me, -2) end",
    );
    let (x, y) = (8 * home.column + 4, 8 * home.row + 4);
    let beggar = Creature {
        name: "Beggar#yard".to_owned(),
        attributes: std::collections::BTreeMap::new(),
        behaviour: Some("walk.lua".to_owned()),
        respawn: None,
        position: Position::centre_of(x, y, 0),
    };
    let changed = Input::Changed {
        creatures: Some(vec![beggar]),
        afresh: true,
    };
    yard.give(home, Input::Subscribe(LINK));
    yard.give(home, changed);
    yard
}

fn told_beggar(yard: &Yard) -> Option<&Value> {
    let beggar = yard.resident("beggar#yard").unwrap();
    beggar.state.attribute("told", 0)
}

#[test]
fn who_asks_for_something_hears_what_became_of_it_wherever_it_is() {
    let divided = || {
        let mut yard = with_monsters(None);
        for id in [region(1, 0), region(1, 1)] {
            yard.server_mut(FIRST).regions.remove(&id);
            yard.hold(id, 2);
        }
        yard
    };
    let (here, away) = (region(0, 0), region(1, 0));
    for (yard, home) in [
        (with_monsters(None), here),
        (with_monsters(None), away),
        (divided(), away),
    ] {
        let is_divided = yard.servers.len() > 1;
        let mut yard = with_beggar(yard, home);
        for _ in 0..200 {
            yard.pass_time(TICK_MS);
        }
        let expected = Value::Str("true true false ".to_owned());
        assert_eq!(told_beggar(&yard), Some(&expected), "{home} {is_divided}");
        let state = &yard.row("anna").claimed.state;
        assert_eq!(state.attribute("mushroom", 0), Some(&Value::Int(1)));
    }
}

#[test]
fn who_asks_for_something_of_nobody_hears_that_it_was_not_done() {
    let mut yard = with_monsters(None);
    yard.scripts = load(
        "return function(me) me:change('nobody at all', 'mushroom', 1, function(me, done) me.told = tostring(done) end) end",
    );
    give_scripted(&mut yard);
    for _ in 0..300 {
        yard.pass_time(TICK_MS);
    }
    let slime = yard.resident("slime#0:0:0.1").unwrap();
    let told = slime.state.attribute("told", 0);
    assert_eq!(told, Some(&Value::Str("false".to_owned())));
}

#[test]
fn a_region_that_is_let_go_of_waits_for_what_it_gives() {
    let mut yard = with_monsters(None);
    let walk = Body::Move { dx: 6.0, dy: 0.0 };
    yard.command("anna", 1, id(1, 1), 0, walk);
    assert_eq!(yard.home("anna"), region(1, 0));
    let mut yard = with_beggar(yard, region(0, 0));
    for tick in 0..60 {
        yard.is_store_held = tick > 10;
        yard.pass_time(TICK_MS);
    }
    // What was asked first was refused at once; what is given now is being written.
    assert_eq!(told_beggar(&yard), Some(&Value::Str("false ".to_owned())));
    yard.give(region(0, 0), Input::Drain);
    assert!(!yard.region(region(0, 0)).is_drained());
    yard.is_store_held = false;
    yard.store_all();
    assert!(yard.region(region(0, 0)).is_drained());
}

#[test]
fn what_was_dropped_is_taken_away_wherever_it_is() {
    let mut yard = with_monsters(None);
    yard.masters.insert("anna".to_owned());
    hit(&mut yard, 1, -10);
    let name = "mushroom#0:0:0.70000.1".to_owned();
    let position = Position::centre_of(12, 3, 0);
    let taken = Edit::Teleport {
        name: name.clone(),
        position,
    };
    yard.command("anna", 1, id(1, 2), 0, Body::Edit(taken));
    assert_eq!(yard.home(&name), region(1, 0));
    assert_eq!(yard.abroad.get(&name), Some(&region(1, 0)));
    for _ in 0..130 {
        yard.pass_time(1_000);
    }
    assert!(yard.resident(&name).is_none());
    assert_eq!(yard.abroad.get(&name), None);
}

#[test]
fn who_takes_its_own_hp_dies() {
    let mut yard = with_monsters(None);
    yard.scripts = load("return function(me) me.hp = 5; me:sleep(2); me.hp = 0 end");
    give_scripted(&mut yard);
    yard.pass_time(TICK_MS);
    assert_eq!(slime_count(&yard), 3);
    for _ in 0..10 {
        yard.pass_time(TICK_MS);
    }
    assert_eq!(slime_count(&yard), 0);
}

#[test]
fn whose_death_was_written_and_whose_end_was_not_ends_where_it_is_taken_over() {
    let mut yard = with_monsters(None);
    yard.masters.insert("anna".to_owned());
    let ogre = Edit::Spawn {
        name: "Ogre".to_owned(),
        position: Position::centre_of(3, 3, 0),
        attributes: vec![("hp".to_owned(), Value::Int(0))],
        behaviour: None,
    };
    yard.command("anna", 1, id(1, 1), 0, Body::Edit(ogre));
    assert!(!yard.rows.all.get("ogre").is_some_and(|row| row.present));
    assert!(yard.resident("ogre").is_none());
}

#[test]
fn each_blow_is_told_of_by_itself() {
    let mut yard = with_monsters(None);
    yard.masters.insert("anna".to_owned());
    yard.scripts =
        load("function on_hit(me, who, amount) me.told = (me.told or '') .. amount .. ' ' end");
    give_scripted(&mut yard);
    let name = "Slime#0:0:0.1";
    let blow = |counter: u64, by: i64| {
        Waiting::Ask(Ask::new(
            Asker {
                session: session(1),
                key: "anna".to_owned(),
                id: id(1, counter),
                attempt: 0,
                kind: "set",
                is_gm: true,
                position: Position::centre_of(4, 2, 0),
                giver: None,
            },
            name,
            Action::Set {
                attribute: "hp".to_owned(),
                change: Change::By(Value::Int(by)),
            },
        ))
    };
    let server = yard.server_mut(FIRST);
    let slime = server.regions.get_mut(&region(0, 0)).unwrap();
    let slime = slime.residents.get_mut(&name.to_lowercase()).unwrap();
    slime.waiting.extend([blow(1, -1), blow(2, -2)]);
    hit(&mut yard, 3, -3);
    for _ in 0..3 {
        yard.pass_time(TICK_MS);
    }
    let told = yard
        .resident("slime#0:0:0.1")
        .unwrap()
        .state
        .attribute("told", 0);
    assert_eq!(told, Some(&Value::Str("1 2 3 ".to_owned())));
}
