use super::*;

#[test]
fn it_runs_from_players_and_goes_home_when_it_is_alone() {
    let mut story = Story::new("flee", Puppet::new(house(), at(20.5, 5.5)));
    story.body.others.push(player("ann", at(30.5, 5.5)));
    story.ticks(100, |body| assert!(body.is_at_home()));
    story.body.others[0].position = at(24.5, 5.5);
    story.until(60, |body| body.position.distance(&at(24.5, 5.5)) > 7.0);
    assert!(story.body.position.x < 20.0);
    let there = story.body.position;
    story.ticks(40, |body| assert!(body.position.distance(&there) < 1.5));
    story.body.others.clear();
    story.until(130, |body| body.is_at_home());
}

#[test]
fn it_runs_round_what_is_in_the_way() {
    let mut story = Story::new("flee", Puppet::new(house(), at(16.5, 12.5)));
    story.body.others.push(player("ann", at(20.5, 12.5)));
    // The house is right behind it, and she comes nearer.
    let mut nearest = f64::INFINITY;
    story.ticks(200, |body| {
        let (ann, here) = (body.others[0].position, body.position);
        let part = 0.1 / ann.distance(&here);
        body.others[0].position.x += (here.x - ann.x) * part;
        body.others[0].position.y += (here.y - ann.y) * part;
        nearest = nearest.min(ann.distance(&here));
    });
    assert!(nearest > 2.0, "{nearest}");
    assert!(story.body.position.distance(&at(16.5, 12.5)) > 6.0);
}

#[test]
fn it_stays_within_its_leash_and_is_cornered_there() {
    let mut story = Story::new("flee leash=6", Puppet::new(house(), at(20.5, 5.5)));
    story.body.others.push(player("ann", at(24.5, 5.5)));
    story.ticks(300, |body| {
        body.others[0].position.x = (body.others[0].position.x - 0.1).max(body.position.x + 1.0);
        assert!(body.position.distance(&body.home) <= 6.1);
    });
    let looks = story.body.look_count.get();
    story.ticks(100, |_| ());
    assert!(story.body.look_count.get() - looks <= 26);
}

#[test]
fn other_creatures_are_no_reason() {
    let mut story = Story::new("flee", Puppet::new(house(), at(20.5, 5.5)));
    story.body.others.push(Seen {
        is_player: false,
        ..player("cow", at(21.5, 5.5))
    });
    story.ticks(100, |body| assert!(body.is_at_home()));
}

#[test]
fn it_does_not_rest_ahead_of_going_home() {
    for seed in 0..10 {
        let mut body = Puppet::new(house(), at(20.5, 5.5));
        body.seed = seed;
        let mut story = Story::new("flee", body);
        story.body.others.push(player("ann", at(24.5, 5.5)));
        story.ticks(60, |_| ());
        story.body.others.clear();
        story.until(130, |body| body.is_at_home());
    }
}
