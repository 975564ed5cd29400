//! Every line of `docs/quest.md` that a computer can read.

use wire::Value;

use super::body::{Doll, files};
use crate::{
    behaviours::Behaviour,
    report::Problem,
    scheduler::{Priority, Step},
    scripts::{Herds, Scripts, limits::*},
    settings::{Settings, Writer},
};

const PAGE: &str = include_str!("../../../../docs/quest.md");

/// The blocks of one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("```{language}\n");
    let blocks = PAGE.split(&*opening).skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

fn load(text: &str) -> (Scripts, Vec<Problem>) {
    Scripts::load(&files(&[("behaviours/mushrooms.lua", text)]))
}

#[test]
fn the_rules_let_players_give_mushrooms_and_no_swords() {
    let settings = Settings::parse(blocks("toml")[0]).expect("the page's settings are right");
    assert_eq!(settings.rule("offer").write, Writer::Near(3.0));
    assert_eq!(settings.rule("mushrooms").write, Writer::Gm);
    assert_eq!(settings.rule("swords").write, Writer::Gm);
    assert!(settings.rule("say").visible);
    for (name, value) in [("offer", 3), ("mushrooms", 3), ("swords", 1)] {
        assert!(settings.rule(name).admits(&Value::Int(value)).is_ok());
    }
}

#[test]
fn three_mushrooms_are_a_sword() {
    let (scripts, problems) = load(blocks("lua")[0]);
    assert_eq!(problems, []);
    let script = scripts.find("mushrooms").expect("it is there");
    let mut herds = Herds::new(None);
    let mut behaviour = herds.behaviour(script, "Mara").expect("it begins");
    let mut mara = Doll::new("Mara");
    let mut places = Vec::new();
    let mut run = |mara: &mut Doll, ticks: u64| {
        for _ in 0..ticks {
            assert_ne!(behaviour.resume(mara), Step::End);
            places.push((mara.position.x, mara.position.y));
            mara.tick += 1;
        }
    };
    mara.meets("a cat", false);
    mara.meets("Ann", true);
    run(&mut mara, 10);
    for (count, is_true) in [(1, true), (3, false), (2, true)] {
        mara.is_given("Ann", "offer", Value::Int(count));
        mara.is_given("Ann", "hat", Value::Int(1));
        run(&mut mara, 10);
        mara.is_answered(Some(is_true));
        run(&mut mara, 10);
    }
    let expected = [
        "says Bring me 3 mushrooms, Ann, and I give you a sword.",
        "changes Ann mushrooms by Int(-1)",
        "says Thank you. 2 more!",
        "changes Ann mushrooms by Int(-3)",
        "says You have not got so many, Ann.",
        "changes Ann mushrooms by Int(-2)",
        "changes Ann swords by Int(1)",
        "says Here is your sword, Ann!",
    ];
    assert_eq!(mara.done, expected);
    run(&mut mara, 300);
    assert_eq!(mara.attributes["basket"], Value::Int(0));
    assert_eq!(mara.done.len(), expected.len());
    places.sort_by(|a, b| a.partial_cmp(b).expect("they are numbers"));
    places.dedup();
    assert!(places.len() > 3, "she walks about: {places:?}");
    assert!(
        places
            .iter()
            .all(|(x, y)| (3.0..=7.0).contains(x) && (3.0..=7.0).contains(y))
    );
    assert_eq!(herds.drain_faults().0, []);
}

#[test]
fn the_smallest_script_is_right() {
    let (scripts, problems) = load(blocks("lua")[1]);
    assert_eq!(problems, []);
    let script = scripts.find("mushrooms").expect("it is there");
    let mut behaviour = Herds::new(None)
        .behaviour(script, "Mara")
        .expect("it begins");
    let mut mara = Doll::new("Mara");
    assert_eq!(behaviour.resume(&mut mara), Step::Yield(Priority(10)));
    assert_eq!(mara.position.x, 6.0);
    assert_eq!(blocks("lua").len(), 2, "each block is tested");
}

#[test]
fn what_the_page_names_is_there() {
    let is_of_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let names = PAGE.split("me:").skip(1).map(|rest| {
        let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
        &rest[..end]
    });
    let mut lines: Vec<String> = names
        .map(|name| format!("assert(type(me.{name}) == 'function', '{name}')"))
        .collect();
    assert!(lines.len() > 20);
    lines.extend(
        ["string", "table", "math", "utf8", "bit32", "coroutine"]
            .map(|name| format!("assert({name}, '{name}')")),
    );
    let text = format!("return function(me) {} me:say('all') end", lines.join("\n"));
    let (scripts, _) = load(&text);
    let mut herds = Herds::new(None);
    let script = scripts.find("mushrooms").expect("it is there");
    let mut mara = Doll::new("Mara");
    herds
        .behaviour(script, "Mara")
        .expect("it begins")
        .resume(&mut mara);
    assert_eq!(mara.done, ["says all"], "{:?}", herds.drain_faults());
    for (said, limit) in [
        ("10,000 steps", RESUME_STEPS_MAX),
        ("500 steps", TICK_STEPS),
    ] {
        let digits: String = said.chars().filter(char::is_ascii_digit).collect();
        assert!(PAGE.contains(said) && digits == limit.to_string(), "{said}");
    }
    assert!(PAGE.contains("128 KB") && RESUME_BYTES_MAX == 128 * 1024);
}
