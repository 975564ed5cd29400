use super::*;

#[test]
fn a_wanderer_stays_within_its_leash_and_mostly_sleeps() {
    let mut story = Story::new("wander leash=4", Puppet::new(house(), at(9.5, 9.5)));
    let mut places = std::collections::BTreeSet::new();
    story.ticks(10_000, |body| {
        assert!(
            body.position.distance(&body.home) <= 4.1,
            "{:?}",
            body.position
        );
        places.insert(body.position.tile());
    });
    assert!(places.len() > 15, "it has only been on {places:?}");
    assert!(
        story.resume_count < 1_500,
        "{} of 10,000",
        story.resume_count
    );
    assert_eq!(
        (story.body.search_count, story.body.look_count.get()),
        (0, 0)
    );
}

#[test]
fn the_leash_is_an_attribute_if_none_is_written_and_a_constant_otherwise() {
    let farthest = |text: &str, attribute: Option<Value>| {
        let mut body = Puppet::new(Picture::open(60, 60), at(30.5, 30.5));
        let attribute = attribute.map(|value| ("leash".to_owned(), value));
        body.attributes.extend(attribute);
        let mut farthest: f64 = 0.0;
        Story::new(text, body).ticks(10_000, |body| {
            farthest = farthest.max(body.position.distance(&body.home));
        });
        farthest
    };
    assert!((1.5..2.1).contains(&farthest("wander leash=2", Some(Value::Int(9)))));
    assert!((6.0..9.1).contains(&farthest("wander", Some(Value::Int(9)))));
    let typed_as_text = Some(Value::Str("2".to_owned()));
    assert!((1.5..2.1).contains(&farthest("wander", typed_as_text)));
    assert!((3.5..5.1).contains(&farthest("wander", Some(Value::None))));
    assert_eq!(farthest("wander leash=0", None), 0.0);
}

#[test]
fn who_is_carried_off_walks_home_round_what_is_in_the_way() {
    let mut story = Story::new("wander leash=2", Puppet::new(house(), at(8.5, 12.5)));
    story.ticks(300, |_| ());
    story.body.position = at(17.5, 12.5);
    story.until(400, |body| body.is_at_home());
    assert_eq!(story.body.search_count, 1);
}

/// As whoever crosses a border does.
#[test]
fn who_begins_anew_far_from_home_goes_on_home_at_once() {
    for text in ["wander leash=2", "chase", "guard"] {
        let mut body = Puppet::new(Picture::open(60, 60), at(30.5, 30.5));
        body.position = at(10.5, 30.5);
        let mut story = Story::new(text, body);
        story.ticks(10, |_| ());
        assert!(story.body.position.x > 10.5, "{text}");
        story.until(200, |body| body.is_at_home());
    }
}

#[test]
fn the_same_chance_is_the_same_walk_and_another_is_another() {
    let walk = |seed| {
        let mut body = Puppet::new(Picture::open(60, 60), at(30.5, 30.5));
        body.seed = seed;
        let mut walk = Vec::new();
        Story::new("wander", body).ticks(2_000, |body| walk.push(body.position));
        walk
    };
    assert_eq!(walk(1), walk(1));
    assert_ne!(walk(1), walk(2));
}

#[test]
fn who_is_woken_early_rests_on() {
    let ground = Picture::open(60, 60);
    let mut story = Story::new("wander", Puppet::new(ground, at(30.5, 30.5)));
    story.ticks(1, |_| ());
    let due = story.due;
    while story.body.tick + 1 < due {
        story.body.tick += 1;
        story.resume();
        assert_eq!((story.due, story.body.walk_count), (due, 0));
    }
}

#[test]
fn those_who_are_put_there_together_do_not_start_together() {
    let starts = (0..50).map(|seed| {
        let mut body = Puppet::new(Picture::open(60, 60), at(30.5, 30.5));
        body.seed = seed;
        let mut story = Story::new("wander", body);
        story.until(400, |body| body.walk_count > 0).body.tick
    });
    let starts: std::collections::BTreeSet<u64> = starts.collect();
    assert!(starts.len() > 25, "{starts:?}");
}
