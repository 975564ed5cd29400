use super::*;

fn guard() -> Story {
    Story::new("guard", Puppet::new(house(), at(20.5, 20.5)))
}

fn hit(by: &str) -> Event {
    Event::Hit {
        by: by.to_owned(),
        amount: 1.0,
    }
}

#[test]
fn a_guard_minds_only_who_comes_near_and_returns_to_its_post() {
    let mut story = guard();
    story.body.others.push(player("ann", at(25.5, 20.5)));
    story.ticks(200, |body| assert!(body.is_at_home()));
    story.body.others[0].position = at(22.9, 20.5);
    story.until(30, |body| !body.changes.is_empty());
    // She goes away for good; it does not follow her all the way.
    story.ticks(100, |body| {
        body.others[0].position.x += 0.15;
        assert!(body.position.distance(&body.home) <= 8.0);
    });
    story.until(60, |body| body.is_at_home());
    assert_eq!(story.body.search_count, 0);
}

#[test]
fn a_guard_goes_for_whoever_has_hit_it() {
    let mut story = guard();
    story.body.others.push(player("ann", at(27.5, 20.5)));
    story.ticks(100, |body| assert!(body.is_at_home()));
    story.body.events.push(hit("ann"));
    story.until(60, |body| !body.changes.is_empty());
    // Bob is nearer, but it minds her until he hits it too.
    let beside = story.body.position;
    story
        .body
        .others
        .push(player("bob", at(beside.x, beside.y + 1.0)));
    story.ticks(60, |_| ());
    assert!(story.body.changes.iter().all(|(_, name, ..)| name == "ann"));
    story.body.events.push(hit("bob"));
    story.until(30, |body| {
        body.changes.iter().any(|(_, name, ..)| name == "bob")
    });
}

#[test]
fn who_hits_it_from_afar_is_too_far() {
    let mut story = guard();
    story.body.others.push(player("ann", at(35.5, 20.5)));
    story.ticks(200, |body| {
        body.events.push(hit("ann"));
        assert!(body.is_at_home());
    });
}
