use super::*;

fn merchant(text: &str) -> Story {
    let mut body = Puppet::new(house(), at(20.5, 20.5));
    let line = Value::Str("Fresh bread, {name}!".to_owned());
    body.attributes.insert("line".to_owned(), line);
    Story::new(text, body)
}

fn said(story: &Story) -> Vec<&str> {
    let said = story.body.said.iter();
    said.map(|(_, text)| text.as_str()).collect()
}

#[test]
fn a_merchant_speaks_once_to_each_who_comes_near_and_one_after_the_other() {
    let mut story = merchant("merchant");
    story.body.others = vec![
        player("ann", at(19.5, 20.5)),
        player("bob", at(20.5, 22.5)),
        player("far", at(20.5, 24.5)),
        Seen {
            is_player: false,
            ..player("cow", at(20.5, 20.0))
        },
    ];
    story.ticks(1_000, |_| ());
    assert_eq!(said(&story), ["Fresh bread, ann!", "Fresh bread, bob!"]);
    assert!(story.body.said[1].0 - story.body.said[0].0 >= 40);
}

#[test]
fn it_greets_again_who_has_been_away_for_long() {
    let mut story = merchant("merchant cooldown=2000");
    story.body.others = vec![player("ann", at(19.5, 20.5))];
    story.ticks(100, |_| ());
    let mut away = |ticks| {
        story.body.others[0].position = at(29.5, 20.5);
        story.ticks(ticks, |_| ());
        story.body.others[0].position = at(19.5, 20.5);
        story.ticks(100, |_| ());
        story.body.said.len()
    };
    assert_eq!(away(20), 1);
    assert_eq!(away(60), 2);
}

#[test]
fn it_turns_to_who_is_near() {
    let mut story = merchant("merchant");
    let facings = [
        ((22.5, 20.6), "east"),
        ((18.5, 20.6), "west"),
        ((20.6, 18.5), "north"),
        ((20.6, 22.5), "south"),
    ];
    for ((x, y), facing) in facings {
        story.body.others = vec![player("ann", at(x, y))];
        story.ticks(60, |_| ());
        assert_eq!(
            story.body.attributes["facing"],
            Value::Str(facing.to_owned())
        );
    }
    assert!(story.body.is_at_home());
}

#[test]
fn who_has_no_line_says_nothing() {
    let mut story = merchant("merchant");
    story.body.attributes.clear();
    story.body.others = vec![player("ann", at(19.5, 20.5))];
    story.ticks(100, |_| ());
    assert!(story.body.said.is_empty());
}

#[test]
fn what_it_remembers_is_bounded() {
    let mut story = merchant("merchant cooldown=3600000");
    for index in 0..600 {
        story.body.others = vec![player(&format!("p{index}"), at(19.5, 20.5))];
        story.ticks(60, |_| ());
    }
    assert_eq!(story.body.said.len(), 600);
    story.body.others = vec![player("p599", at(19.5, 20.5))];
    story.ticks(60, |_| ());
    assert_eq!(story.body.said.len(), 600, "the last are remembered");
    story.body.others = vec![player("p0", at(19.5, 20.5))];
    story.ticks(60, |_| ());
    assert_eq!(story.body.said.len(), 601, "the first are forgotten");
}
