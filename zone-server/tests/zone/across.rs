//! What players of one zone server do to what is with another.

use proto::{edit::Command as Edit, evicted::Reason, zone_message::Kind as Told};
use store::announce::{Announcements, Topic};
use wire::Value;
use world::region_id::RegionId;

use crate::{
    cluster::until,
    gateway::{Answer, Gateway, add, departure, edit, get, id, place, spawn, step, teleport, tile},
    pair::Pair,
    yard::{self, EAST, OBJECTS, WEST, YARD},
};

const ANNA_AND_BERT: [(&str, RegionId); 2] = [("Anna", WEST), ("Bert", EAST)];
const GM_AND_BERT: [(&str, RegionId); 2] = [("GM", WEST), ("Bert", EAST)];

/// Whether an entity of a region is said to look so.
fn is_shown(told: &Told, name: &str, mood: i64) -> bool {
    let Told::Changes(changes) = told else {
        return false;
    };
    let entity = changes.changed.iter().find(|entity| entity.name == name);
    let attributes = entity.and_then(|entity| entity.attributes.as_ref());
    attributes.is_some_and(|pickled| {
        let shown = wire::pickle::load(pickled, &wire::pickle::Limits::stored()).unwrap();
        shown.get("mood") == Some(&Value::Int(mood))
    })
}

#[tokio::test]
async fn a_change_of_somebody_beyond_the_border_is_made_once_however_often_it_is_sent() {
    let pair = Pair::start(&ANNA_AND_BERT).await;
    let mut streams = pair.streams().await;
    let mut anna = streams.enter_west(1, "Anna").await;
    let mut bert = streams.enter_east(2, "Bert").await;
    streams.east.subscribe(EAST).await;
    // When this is answered, the servers know each other.
    let (answer, _) = streams.ask(&mut anna, get("bert", "name")).await;
    assert_eq!(answer, Answer::Value(Value::Str("Bert".to_owned())));

    anna.counter += 1;
    for attempt in 0..2 {
        streams.say(&anna, attempt, add("Bert", "mood", 3)).await;
    }
    let (before, first) = streams.east.hear_answer(&anna, 0).await;
    assert_eq!(first, Answer::Done(true));
    assert!(
        before.iter().any(|told| is_shown(told, "Bert", 3)),
        "the change is told ahead of the answer: {before:?}"
    );
    let (_, second) = streams.east.hear_answer(&anna, 1).await;
    assert_eq!(second, Answer::Done(true));
    streams.say(&anna, 2, add("Bert", "mood", 3)).await;
    let (_, third) = streams.east.hear_answer(&anna, 2).await;
    assert_eq!(third, Answer::Done(true));
    let mood = streams.east.get(&mut bert, "Bert", "mood").await;
    assert_eq!(mood, Value::Int(3));
    let row = pair.row("Bert").await;
    assert_eq!(row.state.attributes["mood"].value, Value::Int(3));
}

#[tokio::test]
async fn servers_know_who_is_near_their_borders() {
    let pair = Pair::start(&ANNA_AND_BERT).await;
    let mut streams = pair.streams().await;
    streams.enter_east(2, "Bert").await;
    // Either server's: the west sees Bert, and the east sees Mara.
    let ghosts = async || {
        let count = pair.watch.metric("pymmorpg_zone_ghosts ");
        (count == Some(1.0)).then_some(())
    };
    until("ghosts", ghosts).await;
}

#[tokio::test]
async fn rules_hold_beyond_the_border() {
    let pair = Pair::start(&ANNA_AND_BERT).await;
    let mut streams = pair.streams().await;
    let mut anna = streams.enter_west(1, "Anna").await;
    streams.enter_east(2, "Bert").await;
    assert!(!streams.is_done(&mut anna, add("Bert", "gold", 1)).await);
    for hidden in [
        get("Bert", "gold"),
        get("Bert", "role"),
        get("Nobody", "name"),
    ] {
        let (answer, _) = streams.ask(&mut anna, hidden).await;
        assert_eq!(answer, Answer::Value(Value::None));
    }
}

#[tokio::test]
async fn creatures_that_are_far_away_are_found_at_home() {
    let rat = r#"<object id="1" name="Rat" type="npc" x="40" y="40"><point/></object>"#;
    let files = yard::with(&[
        ("zoo.tmx", yard::map(&["........"; 8], rat)),
        ("yard.tmx", yard::map(&YARD, OBJECTS)),
    ]);
    let pair = Pair::start_with(files, &[("Anna", WEST), ("Bert", EAST)]).await;
    let placements = pair.store.content().placements().await.unwrap();
    let zoo = RegionId {
        level: placements["zoo"].level,
        ..WEST
    };
    let mut streams = pair.streams().await;
    let mut anna = streams.enter_west(1, "Anna").await;
    let mut bert = streams.enter_east(2, "Bert").await;
    until("somebody has the zoo", async || pair.holder(zoo).await).await;
    for player in [&mut anna, &mut bert] {
        let (answer, _) = streams.ask(player, get("rat#zoo", "name")).await;
        assert_eq!(answer, Answer::Value(Value::Str("Rat#zoo".to_owned())));
    }
}

/// Waits until Mara is told of, in a region at a place.
async fn see_mara(gateway: &mut Gateway, region: RegionId, at: (f64, f64)) {
    let is_there = |told: &Told| (place(told, region, "Mara#yard") == Some(at)).then_some(());
    gateway.hear_until(is_there).await;
}

/// Whether Mara is in a region.
async fn has_mara(gateway: &mut Gateway, region: RegionId) -> bool {
    let snapshot = gateway.subscribe(region).await;
    snapshot.entities.iter().any(|one| one.name == "Mara#yard")
}

#[tokio::test]
async fn a_creature_crosses_the_border_and_comes_back() {
    let pair = Pair::start(&GM_AND_BERT).await;
    let mut streams = pair.streams().await;
    let mut gm = streams.enter_west(1, "GM").await;
    streams.west.subscribe(WEST).await;
    streams.east.subscribe(EAST).await;
    assert!(
        streams
            .is_done(&mut gm, teleport("Mara#yard", 12.5, 3.5))
            .await
    );
    assert!(has_mara(&mut streams.east, EAST).await);
    // Longer than a silence that kills.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert!(has_mara(&mut streams.east, EAST).await);
    assert!(!has_mara(&mut streams.west, WEST).await);
    // A change that was made there once is answered alike when it is asked for again here.
    let (answer, _) = streams.ask(&mut gm, add("Mara#yard", "mood", 3)).await;
    assert_eq!(answer, Answer::Done(true));
    assert!(
        streams
            .is_done(&mut gm, teleport("Mara#yard", 3.5, 6.5))
            .await
    );
    let (answer, _) = streams.ask(&mut gm, get("Mara#yard", "mood")).await;
    assert_eq!(answer, Answer::Value(Value::Int(3)));
    assert!(has_mara(&mut streams.west, WEST).await);
    assert!(!has_mara(&mut streams.east, EAST).await);
}

#[tokio::test]
async fn a_creature_on_a_server_that_dies_is_at_home_again() {
    let mut pair = Pair::start(&GM_AND_BERT).await;
    let mut streams = pair.streams().await;
    let mut gm = streams.enter_west(1, "GM").await;
    streams.west.subscribe(WEST).await;
    streams.east.subscribe(EAST).await;
    assert!(
        streams
            .is_done(&mut gm, teleport("Mara#yard", 12.5, 3.5))
            .await
    );
    assert!(has_mara(&mut streams.east, EAST).await);
    pair.east.kill().await;
    see_mara(&mut streams.west, WEST, (2.5, 2.5)).await;
}

#[tokio::test]
async fn a_map_that_is_taken_afresh_has_its_creatures_back_whoever_takes_it() {
    let zoo = |name: &'static str| (name, yard::map(&["........"; 8], ""));
    let mut maps = vec![("yard.tmx", yard::map(&YARD, OBJECTS))];
    let zoos = [
        "za.tmx", "zb.tmx", "zc.tmx", "zd.tmx", "ze.tmx", "zf.tmx", "zg.tmx", "zh.tmx",
    ];
    maps.extend(zoos.map(zoo));
    let pair = Pair::start_with(yard::with(&maps), &[("GM", WEST), ("MASTER", EAST)]).await;
    let mut streams = pair.streams().await;
    let mut gm = streams.enter_west(1, "GM").await;
    let mut master = streams.enter_east(2, "MASTER").await;
    // On her own server, in a region of which the other one knows nothing.
    let me = pair.me(&pair.west).await;
    let mut level = None;
    for n in 1..=8 {
        let region = RegionId { level: n, ..WEST };
        let holder = until("somebody has it", async || pair.holder(region).await).await;
        level = level.or((Some(holder) == me).then_some(n));
    }
    let level = level.expect("one of eight is the west's");
    let away = edit(Edit::Teleport(proto::Teleport {
        name: "Mara#yard".to_owned(),
        position: Some(proto::Position {
            x: 4.5,
            y: 4.5,
            z: level,
        }),
    }));
    assert!(streams.is_done(&mut gm, away).await);
    let reload = edit(Edit::Reload("yard".to_owned()));
    assert!(streams.is_done(&mut master, reload).await);
    let (answer, _) = streams.ask(&mut gm, get("Mara#yard", "pos")).await;
    let home = Value::Tuple(vec![Value::Float(2.5), Value::Float(2.5), Value::Int(0)]);
    assert_eq!(answer, Answer::Value(home));
}

#[tokio::test]
async fn a_tile_is_edited_where_it_is_and_blocks_at_once() {
    let pair = Pair::start(&GM_AND_BERT).await;
    let mut streams = pair.streams().await;
    let mut gm = streams.enter_west(1, "GM").await;
    let mut bert = streams.enter_east(2, "Bert").await;
    let wall = || tile("Collision", 13, 4, 2);
    let (answer, attempt) = streams.ask(&mut gm, wall()).await;
    assert_eq!(answer, Answer::Done(true));
    let (_, blocked) = streams.east.command(&mut bert, step(1.0, 0.0)).await;
    assert_eq!(blocked, Answer::Done(false));
    streams.say(&gm, attempt + 1, wall()).await;
    let again = streams.hear_answer(&gm, attempt + 1).await;
    assert_eq!(again, Answer::Done(true));
    assert_eq!(pair.store.edits().tiles().await.unwrap().len(), 1);
    // The other server follows.
    pair.maps_are_in_force().await;
    let into_the_wall = teleport("GM", 13.5, 4.5);
    let (_, answer) = streams.west.command(&mut gm, into_the_wall).await;
    assert_eq!(answer, Answer::Done(false));
}

#[tokio::test]
async fn content_that_is_published_is_served_by_all_with_edits_in_force() {
    let pair = Pair::start(&[("GM", WEST), ("Bert", EAST)]).await;
    let mut streams = pair.streams().await;
    let mut gm = streams.enter_west(1, "GM").await;
    let mut bert = streams.enter_east(2, "Bert").await;
    assert!(streams.is_done(&mut gm, tile("Collision", 12, 5, 2)).await);
    let mut rows = YARD;
    rows[4] = ".....#.......#..";
    let files = yard::with(&[("yard.tmx", yard::map(&rows, OBJECTS))]);
    yard::publish(&pair.store, files).await;
    pair.announcements.announce(Topic::Flags);
    pair.maps_are_in_force().await;
    for blocked in [step(1.0, 0.0), step(0.0, 1.0)] {
        let (_, answer) = streams.east.command(&mut bert, blocked).await;
        assert_eq!(answer, Answer::Done(false));
    }
    let (_, answer) = streams.west.command(&mut gm, step(1.0, 0.0)).await;
    assert_eq!(answer, Answer::Done(false));
}

#[tokio::test]
async fn an_edit_that_was_done_is_so_even_if_it_does_not_fit_any_more() {
    let pair = Pair::start(&GM_AND_BERT).await;
    let mut streams = pair.streams().await;
    let mut gm = streams.enter_west(1, "GM").await;
    let roof = || tile("Roof", 13, 4, 2);
    assert!(!streams.is_done(&mut gm, roof()).await);
    let (answer, attempt) = streams.ask(&mut gm, tile("Ground", 13, 4, 2)).await;
    assert_eq!(answer, Answer::Done(true));
    // As if the layer had another name by now.
    streams.say(&gm, attempt + 1, roof()).await;
    let again = streams.hear_answer(&gm, attempt + 1).await;
    assert_eq!(again, Answer::Done(true));
}

#[tokio::test]
async fn a_reset_is_in_force_everywhere_when_it_is_answered() {
    let pair = Pair::start(&[("GM", EAST), ("Anna", WEST)]).await;
    let mut streams = pair.streams().await;
    let mut gm = streams.enter_east(1, "GM").await;
    let mut anna = streams.enter_west(2, "Anna").await;
    for wall in [tile("Collision", 5, 4, 2), tile("Collision", 11, 4, 2)] {
        assert!(streams.is_done(&mut gm, wall).await);
    }
    assert!(
        streams
            .is_done(&mut gm, teleport("Mara#yard", 1.5, 6.5))
            .await
    );
    let (_, blocked) = streams.west.command(&mut anna, step(1.0, 0.0)).await;
    assert_eq!(blocked, Answer::Done(false));

    let reset = || edit(Edit::Reset("yard".to_owned()));
    let (answer, attempt) = streams.ask(&mut gm, reset()).await;
    assert_eq!(answer, Answer::Done(true));
    let (_, free) = streams.west.command(&mut anna, step(1.0, 0.0)).await;
    assert_eq!(free, Answer::Done(true));
    let (_, free) = streams.east.command(&mut gm, step(-1.0, 0.0)).await;
    assert_eq!(free, Answer::Done(true));
    let (answer, _) = streams.ask(&mut gm, get("Mara#yard", "pos")).await;
    assert!(
        matches!(&answer, Answer::Value(Value::Tuple(xyz)) if xyz[0] == Value::Float(2.5)),
        "{answer:?}"
    );
    gm.counter -= 2;
    streams.say(&gm, attempt + 1, reset()).await;
    let again = streams.hear_answer(&gm, attempt + 1).await;
    assert_eq!(again, Answer::Done(true));
    let lines = pair.store.edits().audit_log(100).await.unwrap();
    assert_eq!(lines.len(), 4, "{lines:?}");
}

#[tokio::test]
async fn a_kick_reaches_a_player_of_another_server() {
    let pair = Pair::start(&GM_AND_BERT).await;
    let mut streams = pair.streams().await;
    let mut gm = streams.enter_west(1, "GM").await;
    streams.enter_east(2, "Bert").await;
    let kick = edit(Edit::Kick("Bert".to_owned()));
    assert!(streams.is_done(&mut gm, kick).await);
    assert!(!pair.row("Bert").await.present);
    let (_, reason) = streams
        .east
        .hear_until(|told| match told {
            Told::Evicted(told) if told.session == 2 => Some(told.reason()),
            _ => None,
        })
        .await;
    assert_eq!(reason, Reason::Kicked);
}

#[tokio::test]
async fn a_teleport_brings_a_player_of_another_server_here() {
    let pair = Pair::start(&GM_AND_BERT).await;
    let mut streams = pair.streams().await;
    let mut gm = streams.enter_west(1, "GM").await;
    let mut bert = streams.enter_east(2, "Bert").await;
    assert!(streams.is_done(&mut gm, teleport("Bert", 1.5, 6.5)).await);
    let row = pair.row("Bert").await;
    assert_eq!((row.region, row.state.position.x), (WEST, 1.5));
    let (_, to) = streams
        .east
        .hear_until(|told| match told {
            Told::Released(told) if told.session == 2 => told.region,
            _ => None,
        })
        .await;
    assert_eq!(id(to), WEST);
    bert.region = WEST;
    streams.west.enter(&mut bert).await;
    let pos = streams.west.get(&mut bert, "Bert", "pos").await;
    assert!(
        matches!(&pos, Value::Tuple(xyz) if xyz[0] == Value::Float(1.5)),
        "{pos:?}"
    );
}

#[tokio::test]
async fn what_is_spawned_beyond_the_border_can_be_despawned_from_there() {
    let pair = Pair::start(&GM_AND_BERT).await;
    let mut streams = pair.streams().await;
    let mut gm = streams.enter_west(1, "GM").await;
    streams.east.subscribe(EAST).await;
    assert!(streams.is_done(&mut gm, spawn("Ox", 10.5, 3.5)).await);
    let row = pair.row("Ox").await;
    assert_eq!((row.region, row.owner), (EAST, pair.me(&pair.east).await));
    let (answer, _) = streams.ask(&mut gm, get("Ox", "visual")).await;
    assert_eq!(answer, Answer::Value(Value::Str("ox.png".to_owned())));
    let despawn = || edit(Edit::Despawn("Ox".to_owned()));
    gm.counter += 1;
    streams.say(&gm, 0, despawn()).await;
    let (before, answer) = streams.east.hear_answer(&gm, 0).await;
    assert_eq!(answer, Answer::Done(true));
    assert!(
        before
            .iter()
            .any(|told| departure(told, EAST, "Ox") == Some(None)),
        "{before:?}"
    );
    streams.say(&gm, 1, despawn()).await;
    let again = streams.hear_answer(&gm, 1).await;
    assert_eq!(again, Answer::Done(true));
    assert!(!streams.is_done(&mut gm, despawn()).await);
}

#[tokio::test]
async fn what_was_for_a_server_that_is_gone_is_done_once_by_whoever_has_its_regions_next() {
    let mut pair = Pair::start(&ANNA_AND_BERT).await;
    let mut streams = pair.streams().await;
    let mut anna = streams.enter_west(1, "Anna").await;
    streams.enter_east(2, "Bert").await;
    assert!(streams.is_done(&mut anna, add("Bert", "mood", 1)).await);
    pair.east.kill().await;
    // Nobody says that it is gone: its heartbeats end.
    assert!(
        streams
            .is_done_by_the_west(&mut anna, add("Bert", "mood", 1))
            .await
    );
    let row = pair.row("Bert").await;
    assert_eq!(row.state.attributes["mood"].value, Value::Int(2));
    assert_eq!((row.region, row.owner), (EAST, pair.me(&pair.west).await));
}
