//! What a script can do for its entity.

use wire::Value;

use super::body::Stage;
use crate::{
    scheduler::{FOREVER, Priority, Step},
    scripts::limits::ANSWER_TICKS,
};

/// Runs a script whose function has this body, once.
fn main(body: &str) -> Stage {
    let mut stage = Stage::new(&format!("return function(me) {body} end"));
    stage.resume();
    assert_eq!(stage.faults(), [], "{body}");
    stage
}

#[test]
fn a_script_is_the_seeds_uthread() {
    let mut stage =
        Stage::new("return function(me) while true do me:step(1, 0); coroutine.yield(10) end end");
    for count in 1..=3 {
        assert_eq!(stage.resume(), Step::Yield(Priority(10)));
        assert_eq!(stage.doll.position.x, 5.0 + f64::from(count));
    }
}

#[test]
fn what_it_yields_is_its_priority() {
    let yields = "for _, p in { 0, 3.7, -1, 1e9 } do coroutine.yield(p) end coroutine.yield()";
    let mut stage = Stage::new(&format!("return function(me) {yields} me:sleep(7) end"));
    for priority in [0, 3, 0, u16::MAX, 0] {
        assert_eq!(stage.resume(), Step::Yield(Priority(priority)));
    }
    assert_eq!(stage.resume(), Step::Sleep(107));
    stage.doll.tick = 106;
    assert_eq!(stage.resume(), Step::Sleep(107), "it was woken too early");
    stage.doll.tick = 107;
    assert_eq!(stage.resume(), Step::End);
    assert_eq!(stage.resume(), Step::End);
    assert_eq!(stage.faults(), []);
}

#[test]
fn main_may_be_defined() {
    let mut stage = Stage::new("function main(me) me:say('here') end");
    assert_eq!(stage.resume(), Step::End);
    assert_eq!(stage.doll.done, ["says here"]);
}

#[test]
fn attributes_are_fields() {
    let stage = main(
        "me.hp = me.hp - 3; me.half = 0.5; me.title = 'Sir'; me.bag = { 'a', 'b' }; me.stats = { b = 2, a = 1 }
         me:set('step', true); me.seen = me:get('step'); me.none = me.nothing; me.where = me.x + me.y + me.z
         me.is = tostring(me) .. me.name; me.at_home = me.home.x == me.x; me.now = me.tick; me.back = me.bag[2] .. me.stats.b",
    );
    let is = |name: &str, value: Value| {
        assert_eq!(stage.doll.attributes.get(name), Some(&value), "{name}");
    };
    let text = |text: &str| Value::Str(text.to_owned());
    is("hp", Value::Int(7));
    is("half", Value::Float(0.5));
    is("title", text("Sir"));
    is("bag", Value::List(vec![text("a"), text("b")]));
    let stats = vec![(text("a"), Value::Int(1)), (text("b"), Value::Int(2))];
    is("stats", Value::Dict(stats));
    is("step", Value::Bool(true));
    is("seen", Value::Bool(true));
    is("none", Value::None);
    is("where", Value::Int(10));
    is("is", text("MaraMara"));
    is("at_home", Value::Bool(true));
    is("now", Value::Int(100));
    is("back", text("b2"));
}

#[test]
fn it_looks_and_acts() {
    let mut stage = Stage::new(
        "return function(me)
             for _, who in me:look(5) do me:say(who.name .. ' ' .. who.x .. ' ' .. tostring(who.is_player)); me:change(who, 'hp', -2) end
             me:change('Bob', 'hp', 0.5)
             me:say(me:spawn('slime', me.x, me.y))
             me:say(me:walk(7, 5)); me:say(me:walk(700, 5)); me:say(#me:path_to(9, 9)); me:say(tostring(me:path_to(900, 9)))
             me:say(tostring(me:go(8, 8))); me:say(tostring(me:go(800, 8)))
         end",
    );
    stage.doll.meets("Ann", true);
    assert_eq!(stage.resume(), Step::End);
    assert_eq!(stage.faults(), []);
    let expected = [
        "says Ann 6 true",
        "changes Ann hp by Int(-2)",
        "changes Bob hp by Float(0.5)",
        "spawns slime at 5 5",
        "says slime#0.1",
        "says arrived",
        "says blocked",
        "says 1",
        "says nil",
        "says true",
        "says false",
    ];
    assert_eq!(stage.doll.done, expected);
    assert_eq!((stage.doll.position.x, stage.doll.position.y), (8.0, 8.0));
}

#[test]
fn after_calls_back_in_its_tick() {
    let mut stage = Stage::new(
        "function main(me)
             me:after(5, function(it) it:say('five') end)
             after(2, function(it) it:say('two'); after(1, function() it:say('three') end) end)
             after(5, function(it) it:say('five again') end)
         end",
    );
    assert_eq!(stage.resume(), Step::Sleep(102));
    stage.run(4);
    assert_eq!(stage.doll.done, ["says two", "says three"]);
    stage.run(3);
    assert_eq!(stage.doll.done[2..], ["says five", "says five again"]);
    assert_eq!(stage.resume(), Step::End);
}

#[test]
fn handlers_hear_what_happens() {
    let mut stage = Stage::new(
        "function on_near(me, who) me:say('hello ' .. who.name) end
         function on_set(me, who, attribute, value) me:say(who.name .. ' sets ' .. attribute .. ' to ' .. value) end
         function on_hit(me, who, amount) me:say('ouch ' .. amount); me:change(who, 'hp', -amount) end",
    );
    assert_eq!(stage.resume(), Step::Sleep(104));
    stage.doll.meets("Ann", true);
    stage.run(20);
    assert_eq!(stage.doll.done, ["says hello Ann"], "once");
    stage.doll.is_given("Ann", "gift", Value::Int(3));
    stage.doll.events.push(crate::behaviours::Event::Hit {
        by: "Bob".to_owned(),
        amount: 2.0,
    });
    let next_look = stage.doll.tick.next_multiple_of(4);
    assert_eq!(
        stage.resume(),
        Step::Sleep(next_look.max(stage.doll.tick + 1).next_multiple_of(4))
    );
    let expected = [
        "says Ann sets gift to 3",
        "says ouch 2",
        "changes Bob hp by Int(-2)",
    ];
    assert_eq!(stage.doll.done[1..], expected);
    stage.doll.seen.clear();
    stage.run(8);
    stage.doll.meets("Ann", true);
    stage.run(8);
    assert_eq!(stage.doll.done[4..], ["says hello Ann"], "she was away");
    assert_eq!(stage.faults(), []);
}

#[test]
fn who_changes_something_hears_what_became_of_it() {
    let mut stage = Stage::new(
        "local function tell(text) return function(me, done) me:say(text .. ' ' .. tostring(done)) end end
         return function(me)
             for _, name in { 'Ann', 'Bob', 'Cid', 'Dan' } do me:change(name, 'gold', -1, tell(name)) end
             me:change('Eve', 'gold', -1)
             local is_right, problem = pcall(me.change, me, 'Eve', 'gold', -1, 'Ann')
             me:say(tostring(is_right))
             me:sleep(1000)
         end",
    );
    stage.resume();
    stage.doll.done.clear();
    for (number, done) in [
        (3, Some(false)),
        (1, Some(true)),
        (1, Some(true)),
        (9, None),
    ] {
        let answered = crate::behaviours::Event::Answered { number, done };
        stage.doll.events.push(answered);
    }
    stage.run(2);
    assert_eq!(stage.doll.done, ["says Cid false", "says Ann true"]);
    stage.run(ANSWER_TICKS);
    assert_eq!(stage.doll.done[2..], ["says Bob nil", "says Dan nil"]);
    assert_eq!(stage.faults(), []);
}

#[test]
fn who_waits_for_too_much_is_told_and_goes_on() {
    let mut stage = Stage::new(
        "local count = 0
         function on_set(me) if me:change('Ann', 'gold', -1, function() end) then count += 1 end end
         return function(me)
             me:sleep(15)
             me:say(count .. ' ' .. tostring(me:after(1, function() end)) .. ' ' .. tostring(after(1, function() end)))
         end",
    );
    for _ in 0..10 {
        stage.doll.is_given("Ann", "offer", Value::Int(1));
        stage.doll.is_given("Ann", "offer", Value::Int(1));
        for _ in 0..8 {
            stage.doll.is_given("Bob", "offer", Value::Int(1));
        }
        stage.resume();
        stage.doll.tick += 1;
    }
    stage.run(20);
    assert_eq!(stage.faults(), []);
    assert_eq!(stage.doll.done[64..], ["says 64 false false"]);
}

#[test]
fn who_only_listens_sleeps_until_it_is_woken() {
    let mut stage = Stage::new("function on_hit(me, who, amount) me:say('ouch') end");
    assert_eq!(stage.resume(), Step::Sleep(FOREVER));
}

#[test]
fn chance_is_the_bodys() {
    let text = "return function(me) for i = 1, 50 do me:say(random(6) .. ' ' .. math.random(3, 4) .. ' ' .. math.random()) end end";
    let said = |chance: u64| {
        let mut stage = Stage::new(text);
        stage.doll.chance = chance;
        stage.resume();
        assert_eq!(stage.faults(), []);
        stage.doll.done
    };
    assert_eq!(said(1), said(1));
    assert_ne!(said(1), said(2));
    for line in said(3) {
        let numbers: Vec<f64> = line
            .split(' ')
            .skip(1)
            .filter_map(|n| n.parse().ok())
            .collect();
        assert!(
            (1.0..=6.0).contains(&numbers[0]) && (3.0..=4.0).contains(&numbers[1]),
            "{line}"
        );
        assert!((0.0..1.0).contains(&numbers[2]), "{line}");
    }
}

#[test]
fn globals_are_each_entitys_own() {
    let mut stage = Stage::new(
        "count = 0; return function(me) while true do count += 1; me.count = count; coroutine.yield(1) end end",
    );
    let (other, mut other_doll) = stage.another("Nils");
    let mut other = other.expect("it has begun");
    stage.run(3);
    crate::behaviours::Behaviour::resume(&mut other, &mut other_doll);
    assert_eq!(stage.doll.attributes["count"], Value::Int(3));
    assert_eq!(other_doll.attributes["count"], Value::Int(1));
}
