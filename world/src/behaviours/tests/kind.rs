use super::super::{Error, Parameter};
use super::*;

#[test]
fn what_designers_write() {
    for name in [
        "stand", "wander", "patrol", "flee", "chase", "guard", "merchant",
    ] {
        let kind = Kind::parse(&format!("  {name} ")).unwrap();
        assert_eq!(kind.name(), name);
        assert!(kind.behaviour(None).is_some());
    }
    let Kind::Chase(numbers) = Kind::parse("chase radius=8  leash=20.5 damage=3").unwrap() else {
        panic!("no chase");
    };
    assert_eq!(numbers.written(Parameter::Radius), Some(8.0));
    assert_eq!(numbers.written(Parameter::Leash), Some(20.5));
    assert_eq!(numbers.written(Parameter::Damage), Some(3.0));
    assert_eq!(numbers.written(Parameter::Reach), None);
}

#[test]
fn a_path_is_written_or_an_attribute() {
    let written = Kind::parse("patrol path=round").unwrap();
    assert_eq!(written.path(Some("other")), Some("round"));
    let unwritten = Kind::parse("patrol").unwrap();
    assert_eq!(unwritten.path(Some("other")), Some("other"));
    assert_eq!(unwritten.path(None), None);
    assert_eq!(Kind::Stand.path(Some("other")), None);
}

#[test]
fn scripts_are_somebody_elses() {
    for text in ["quest.lua", "script quest", "script quest.lua"] {
        let kind = Kind::parse(text).unwrap();
        assert_eq!(kind, Kind::Script("quest".to_owned()), "{text}");
        assert!(kind.behaviour(None).is_none());
    }
    for text in [
        "script",
        ".lua",
        "script .lua",
        "quest.lua leash=3",
        "script a b",
    ] {
        assert_eq!(Kind::parse(text), Err(Error::Script(text.to_owned())));
    }
}

#[test]
fn what_is_wrong_is_named_with_what_is_allowed() {
    let cases = [
        (
            "",
            "there is no behaviour \"\"; there are stand, wander, patrol, flee, chase, guard, merchant, and scripts: NAME.lua",
        ),
        ("dance", "there is no behaviour \"dance\"; there are stand,"),
        (
            "wander leesh=5",
            "wander has no parameter \"leesh=5\"; it has leash=NUMBER",
        ),
        (
            "wander 5",
            "wander has no parameter \"5\"; it has leash=NUMBER",
        ),
        ("wander leash=", "leash= is no number from 0 to 256"),
        ("wander leash=far", "leash=far is no number from 0 to 256"),
        ("wander leash=-1", "leash=-1 is no number from 0 to 256"),
        ("wander leash=NaN", "leash=NaN is no number"),
        ("wander leash=1 leash=2", "leash is there twice"),
        ("patrol path=a path=b", "path is there twice"),
        (
            "patrol leash=1",
            "patrol has no parameter \"leash=1\"; it has path=NAME",
        ),
        (
            "patrol path=",
            "patrol has no parameter \"path=\"; it has path=NAME",
        ),
        (
            "stand still",
            "stand has no parameter \"still\"; it has none",
        ),
        (
            "guard x",
            "it has radius=NUMBER, leash=NUMBER, damage=NUMBER, reach=NUMBER, cooldown=NUMBER, wander=NUMBER",
        ),
        ("merchant damage=1", "it has radius=NUMBER, cooldown=NUMBER"),
    ];
    for (text, expected) in cases {
        let error = Kind::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn who_stands_costs_nothing() {
    let mut story = Story::new("stand", Puppet::new(house(), at(8.5, 12.5)));
    story.ticks(1_000, |body| assert!(body.is_at_home()));
    assert_eq!(story.resume_count, 1);
}
