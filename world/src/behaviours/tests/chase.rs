use super::*;

fn story(text: &str, home: Position) -> Story {
    let mut body = Puppet::new(house(), home);
    body.attributes.insert("damage".to_owned(), Value::Int(3));
    Story::new(text, body)
}

fn hits(story: &Story) -> Vec<(u64, Value)> {
    let hits = story.body.changes.iter();
    hits.map(|(tick, target, attribute, by)| {
        assert_eq!((target.as_str(), attribute.as_str()), ("ann", "hp"));
        (*tick, by.clone())
    })
    .collect()
}

#[test]
fn a_chaser_goes_round_a_house_and_hits_as_often_as_it_may() {
    let mut story = story("chase cooldown=500", at(8.5, 12.5));
    story.ticks(100, |body| assert!(body.is_at_home()));
    story.body.others.push(player("ann", at(16.5, 12.5)));
    story.until(200, |body| !body.changes.is_empty());
    assert!(story.body.search_count <= 3, "{}", story.body.search_count);
    story.ticks(100, |_| ());
    let hits = hits(&story);
    assert!((10..=12).contains(&hits.len()), "{hits:?}");
    assert!(
        hits.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 10),
        "{hits:?}"
    );
    assert!(hits.iter().all(|(_, by)| *by == Value::Int(-3)), "{hits:?}");
    assert!(story.body.position.distance(&at(16.5, 12.5)) <= 1.5);
}

#[test]
fn it_searches_for_nothing_where_nothing_is_in_the_way() {
    let mut story = story("chase", at(2.5, 2.5));
    story.body.others.push(player("ann", at(9.5, 2.5)));
    // She walks on, no slower than it is.
    story.ticks(60, |body| body.others[0].position.x += 0.1);
    assert!(story.body.position.x > 6.0);
    assert_eq!(story.body.search_count, 0);
    assert!(story.body.look_count.get() <= 20);
}

#[test]
fn it_does_not_hit_through_a_wall() {
    let mut story = story("chase reach=9 cooldown=50", at(8.5, 12.5));
    story.body.others.push(player("ann", at(16.5, 12.5)));
    story.ticks(30, |body| {
        assert!(body.changes.is_empty() || body.ground.sweep(body.position, at(16.5, 12.5)))
    });
    story.until(100, |body| !body.changes.is_empty());
}

#[test]
fn it_gives_up_at_its_leash_and_is_at_home_again() {
    let mut story = story("chase radius=6 leash=10 reach=0.5", at(2.5, 2.5));
    story.body.others.push(player("ann", at(6.5, 2.5)));
    let mut farthest: f64 = 0.0;
    story.ticks(100, |body| {
        body.others[0].position.x += 0.16;
        farthest = farthest.max(body.position.distance(&body.home));
    });
    assert!((8.0..=10.5).contains(&farthest), "{farthest}");
    story.until(150, |body| body.is_at_home());
    // She stands where it does not go.
    story.body.others[0].position = at(13.5, 2.5);
    story.ticks(200, |body| assert!(body.is_at_home()));
}

#[test]
fn it_gives_up_when_she_is_gone() {
    let mut story = story("chase", at(2.5, 2.5));
    story.body.others.push(player("ann", at(9.5, 2.5)));
    story.until(60, |body| body.position.x > 5.0);
    story.body.others.clear();
    story.until(100, |body| body.is_at_home());
}

#[test]
fn whom_it_cannot_get_at_it_lets_alone_for_a_while() {
    let mut story = story("chase", at(8.5, 12.5));
    story.body.others.push(player("ann", at(12.5, 12.5)));
    // She is in a hole in the middle of the house.
    let rows = (0..30).map(|row| {
        let tiles = (0..40).map(|column| {
            let is_house = (10..16).contains(&column) && (10..15).contains(&row);
            let is_hole = (column, row) == (12, 12);
            if is_house && !is_hole { '#' } else { '.' }
        });
        tiles.collect::<String>()
    });
    let rows: Vec<String> = rows.collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    story.body.ground = Picture::new(&rows);
    story.ticks(1_000, |body| assert!(body.changes.is_empty()));
    assert!(
        (5..=12).contains(&story.body.search_count),
        "{}",
        story.body.search_count
    );
}

#[test]
fn only_players_are_noticed_but_whoever_hits_it_is_hit_back() {
    let mut story = story("chase radius=4", at(2.5, 2.5));
    story.body.others.push(Seen {
        is_player: false,
        ..player("ann", at(4.5, 2.5))
    });
    story.ticks(100, |body| {
        assert!(body.is_at_home() && body.changes.is_empty())
    });
    story.body.events.push(Event::Hit {
        by: "ann".to_owned(),
        amount: 1.0,
    });
    story.until(40, |body| !body.changes.is_empty());
}

#[test]
fn who_is_told_to_wanders_meanwhile() {
    let mut story = story("chase wander=3", at(30.5, 20.5));
    let mut has_moved = false;
    story.ticks(1_000, |body| {
        has_moved |= !body.is_at_home();
        assert!(body.position.distance(&body.home) <= 3.1);
    });
    assert!(has_moved);
    assert!(
        story.body.look_count.get() <= 2 * 50 + 1,
        "twice in a second"
    );
    story.body.others.push(player("ann", at(36.5, 20.5)));
    story.until(100, |body| !body.changes.is_empty());
}

#[test]
fn who_stays_where_it_does_not_go_is_let_alone_even_if_they_hit() {
    let mut story = story("chase radius=6 leash=5", at(2.5, 2.5));
    story.body.others.push(player("ann", at(8.0, 2.5)));
    story.ticks(100, |body| assert!(body.is_at_home()));
    story.body.others[0].position = at(7.0, 7.0);
    story.ticks(100, |body| {
        body.events.push(Event::Hit {
            by: "ann".to_owned(),
            amount: 1.0,
        });
        assert!(body.is_at_home());
    });
}
