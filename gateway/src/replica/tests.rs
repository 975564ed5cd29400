//! The replica against a plain list of what was said: whatever comes in whatever order, a view is what the newest words say.

use std::{collections::BTreeMap, time::Duration, time::Instant};

use proptest::prelude::*;
use wire::{
    Dialect, Value,
    pickle::{self, Limits},
};
use world::{
    position::Position,
    region::{Departed, Shown, Update},
    region_id::RegionId,
};

use super::state::{DEPARTURE_MAX, State};
use crate::{zone_link::LinkId, zone_message::News};

const VIEW: f64 = 10.0;

fn region(column: i32) -> RegionId {
    RegionId {
        level: 0,
        column,
        row: 0,
    }
}

fn dict(hp: i64) -> Value {
    Value::Dict(vec![
        (
            Value::Str("visual".to_owned()),
            Value::Str("sprite".to_owned()),
        ),
        (Value::Str("hp".to_owned()), Value::Int(hp)),
    ])
}

fn shown(name: &str, said: (u64, u64), x: f64, hp: Option<i64>) -> Shown {
    Shown {
        name: name.to_owned(),
        own: said.0,
        version: said.1,
        position: Position { x, y: 0.0, z: 0 },
        is_player: true,
        attributes: hp.map(|hp| pickle::encode(&dict(hp), Dialect::Four).into()),
    }
}

fn departed(name: &str, said: (u64, u64), to: Option<RegionId>) -> Departed {
    Departed {
        name: name.to_owned(),
        own: said.0,
        version: said.1,
        to,
    }
}

fn update(column: i32, epoch: u64, changed: Vec<Shown>, departed: Vec<Departed>) -> Update {
    Update {
        region: region(column),
        epoch,
        changed,
        departed,
    }
}

fn snapshot(column: i32, changed: Vec<Shown>) -> News {
    News::Snapshot(update(column, 1, changed, Vec::new()))
}

fn changes(column: i32, changed: Vec<Shown>, departed: Vec<Departed>) -> News {
    News::Changes(update(column, 1, changed, departed))
}

/// A replica that listens to some regions.
fn listening(columns: std::ops::Range<i32>) -> State {
    let mut state = State::new(VIEW);
    for column in columns {
        state.want(region(column));
    }
    state
}

/// Merges news that comes by the only stream.
fn apply(state: &mut State, news: News, now: Instant) {
    state.apply(LinkId(1), news, now);
}

/// Name, x and hp of everything that is seen from a place.
fn seen(state: &State, x: f64, dialect: Dialect) -> BTreeMap<String, (f64, i64)> {
    let centre = Position { x, y: 0.0, z: 0 };
    let mut seen = BTreeMap::new();
    for fragment in state.view(centre, VIEW, dialect) {
        let whole = [&[0x80, dialect.protocol()], fragment, b"."].concat();
        let entity = pickle::load(&whole, &Limits::default()).unwrap();
        let (Some(Value::Str(name)), Some(Value::Tuple(place)), Some(Value::Int(hp))) =
            (entity.get("name"), entity.get("pos"), entity.get("hp"))
        else {
            panic!("{entity:?}")
        };
        let before = seen.insert(name.clone(), (place[0].as_f64().unwrap(), *hp));
        assert_eq!(before, None, "{name} is there twice");
    }
    seen
}

fn names(state: &State) -> Vec<String> {
    seen(state, 0.0, Dialect::Four).into_keys().collect()
}

#[test]
fn lower_versions_are_dropped() {
    let now = Instant::now();
    let mut state = listening(0..1);
    apply(
        &mut state,
        snapshot(0, vec![shown("Anna", (2, 5), 1.0, Some(7))]),
        now,
    );
    apply(
        &mut state,
        changes(0, vec![shown("Anna", (2, 4), 2.0, Some(8))], vec![]),
        now,
    );
    apply(
        &mut state,
        changes(0, vec![shown("Anna", (1, 9), 3.0, Some(9))], vec![]),
        now,
    );
    apply(
        &mut state,
        changes(0, vec![], vec![departed("Anna", (2, 4), None)]),
        now,
    );
    assert_eq!(seen(&state, 0.0, Dialect::Four)["Anna"], (1.0, 7));
    apply(
        &mut state,
        changes(0, vec![shown("Anna", (2, 6), 4.0, None)], vec![]),
        now,
    );
    assert_eq!(seen(&state, 0.0, Dialect::Four)["Anna"], (4.0, 7));
    apply(
        &mut state,
        changes(0, vec![shown("Anna", (3, 1), 5.0, Some(6))], vec![]),
        now,
    );
    assert_eq!(seen(&state, 0.0, Dialect::Four)["Anna"], (5.0, 6));
    apply(
        &mut state,
        changes(0, vec![], vec![departed("Anna", (3, 2), None)]),
        now,
    );
    assert_eq!(names(&state), [""; 0]);
}

#[test]
fn lower_epochs_are_dropped() {
    let now = Instant::now();
    let mut state = listening(0..1);
    let of = |epoch, name: &str| update(0, epoch, vec![shown(name, (1, 1), 0.0, Some(1))], vec![]);
    apply(&mut state, News::Snapshot(of(5, "Anna")), now);
    apply(&mut state, News::Snapshot(of(4, "Bert")), now);
    apply(&mut state, News::Changes(of(4, "Carl")), now);
    assert_eq!(names(&state), ["Anna"]);
    apply(&mut state, News::Snapshot(of(6, "Dora")), now);
    apply(&mut state, News::Changes(of(5, "Emil")), now);
    assert_eq!(names(&state), ["Anna", "Dora"]);
    state.expire(now + DEPARTURE_MAX);
    assert_eq!(names(&state), ["Dora"]);
}

#[test]
fn nobody_blinks_at_a_border() {
    let now = Instant::now();
    let mut state = listening(0..2);
    apply(
        &mut state,
        snapshot(0, vec![shown("Anna", (1, 1), 0.0, Some(1))]),
        now,
    );
    apply(&mut state, snapshot(1, vec![]), now);
    apply(
        &mut state,
        changes(0, vec![], vec![departed("Anna", (1, 2), Some(region(1)))]),
        now,
    );
    assert_eq!(names(&state), ["Anna"]);
    apply(&mut state, snapshot(0, vec![]), now);
    assert_eq!(
        names(&state),
        ["Anna"],
        "a snapshot of where it was says nothing of it"
    );
    state.expire(now + DEPARTURE_MAX - Duration::from_millis(1));
    assert_eq!(names(&state), ["Anna"]);
    apply(
        &mut state,
        changes(1, vec![shown("Anna", (1, 3), 1.0, Some(1))], vec![]),
        now,
    );
    state.expire(now + DEPARTURE_MAX);
    assert_eq!(names(&state), ["Anna"]);
    apply(&mut state, snapshot(0, vec![]), now);
    assert_eq!(names(&state), ["Anna"]);
}

#[test]
fn who_arrives_before_it_departs_is_not_lost() {
    let now = Instant::now();
    let mut state = listening(0..2);
    apply(
        &mut state,
        snapshot(0, vec![shown("Anna", (1, 1), 0.0, Some(1))]),
        now,
    );
    apply(
        &mut state,
        changes(1, vec![shown("Anna", (2, 1), 1.0, Some(1))], vec![]),
        now,
    );
    apply(
        &mut state,
        changes(0, vec![], vec![departed("Anna", (1, 2), Some(region(1)))]),
        now,
    );
    state.expire(now + DEPARTURE_MAX);
    assert_eq!(names(&state), ["Anna"]);
}

#[test]
fn who_arrives_nowhere_is_gone_after_a_while() {
    let now = Instant::now();
    let mut state = listening(0..2);
    apply(
        &mut state,
        snapshot(0, vec![shown("Anna", (1, 1), 0.0, Some(1))]),
        now,
    );
    apply(
        &mut state,
        changes(0, vec![], vec![departed("Anna", (1, 2), Some(region(1)))]),
        now,
    );
    state.expire(now + DEPARTURE_MAX);
    assert_eq!(names(&state), [""; 0]);
    assert_eq!(state.entity_count(), 0);
}

#[test]
fn who_goes_where_nobody_listens_is_gone_at_once_unless_it_is_ours() {
    let now = Instant::now();
    let mut state = listening(0..1);
    state.add_player("anna");
    let both = vec![
        shown("Anna", (1, 1), 0.0, Some(1)),
        shown("Bert", (1, 1), 0.0, Some(1)),
    ];
    apply(&mut state, snapshot(0, both), now);
    let away = |name| departed(name, (1, 2), Some(region(7)));
    apply(
        &mut state,
        changes(0, vec![], vec![away("Anna"), away("Bert")]),
        now,
    );
    assert_eq!(names(&state), ["Anna"]);
    assert!(state.position("anna").is_some());
}

#[test]
fn what_is_not_listened_to_is_not_kept() {
    let now = Instant::now();
    let mut state = listening(0..1);
    apply(
        &mut state,
        snapshot(1, vec![shown("Anna", (1, 1), 0.0, Some(1))]),
        now,
    );
    assert_eq!(names(&state), [""; 0]);
    assert!(!state.has(region(0)), "nothing was told of it yet");
    apply(
        &mut state,
        snapshot(0, vec![shown("Bert", (1, 1), 0.0, Some(1))]),
        now,
    );
    assert!(state.has(region(0)));
    state.forget(region(0));
    assert_eq!(names(&state), [""; 0]);
    assert_eq!((state.entity_count(), state.region_count()), (0, 0));
}

#[test]
fn whoever_moves_and_is_not_known_makes_the_region_be_asked_for_again() {
    let now = Instant::now();
    let link = LinkId(1);
    let mut state = listening(0..1);
    let changes = |changed, departed| News::Changes(update(0, 1, changed, departed));
    // An earlier one of the name counts for more until it is gone: what the later one looks like is not listened to.
    let earlier = vec![shown("Wolf", (1, 9), 0.0, Some(1))];
    state.apply(link, News::Snapshot(update(0, 1, earlier, vec![])), now);
    let later = vec![shown("Wolf", (1, 7), 1.0, Some(2))];
    let end = vec![departed("Wolf", (1, 9), None)];
    state.apply(link, changes(later, end), now);
    assert!(state.is_told(region(0), link));
    let step = vec![shown("Wolf", (1, 8), 2.0, None)];
    state.apply(link, changes(step, vec![]), now);
    assert_eq!(names(&state), [""; 0]);
    assert!(state.has(region(0)) && !state.is_told(region(0), link));
    let all = vec![shown("Wolf", (1, 8), 2.0, Some(2))];
    state.apply(link, News::Snapshot(update(0, 1, all, vec![])), now);
    assert_eq!(names(&state), ["Wolf"]);
    assert!(state.is_told(region(0), link));
}

#[test]
fn a_region_changes_hands_without_a_blink() {
    let now = Instant::now();
    let (old, new) = (LinkId(1), LinkId(2));
    let mut state = listening(0..1);
    let of = |epoch, changed| update(0, epoch, changed, vec![]);
    let all = ["Anna", "Bert", "Carl"].map(|name| shown(name, (1, 9), 0.0, Some(1)));
    state.apply(old, News::Snapshot(of(1, all.to_vec())), now);
    assert!(state.is_told(region(0), old) && !state.is_told(region(0), new));
    // The new holder has claimed one row so far.
    let first = News::Snapshot(of(2, vec![shown("Anna", (2, 1), 1.0, Some(2))]));
    state.apply(new, first, now);
    assert!(state.is_told(region(0), new) && !state.is_told(region(0), old));
    let expected = [("Anna", (1.0, 2)), ("Bert", (0.0, 1)), ("Carl", (0.0, 1))];
    let expected = expected.map(|(name, what)| (name.to_owned(), what));
    assert_eq!(seen(&state, 0.0, Dialect::Four), BTreeMap::from(expected));
    // What the former holder says late, as after a pause, is not listened to.
    let late = ["Anna", "Bert", "Dora"].map(|name| shown(name, (1, 99), 5.0, Some(9)));
    state.apply(old, News::Changes(of(1, late.to_vec())), now);
    state.apply(old, News::Snapshot(of(1, late.to_vec())), now);
    assert_eq!(names(&state), ["Anna", "Bert", "Carl"]);
    assert!(state.is_told(region(0), new));
    // The second row comes; of the third, nobody knows.
    let second = News::Changes(of(2, vec![shown("Bert", (2, 1), 2.0, Some(2))]));
    state.apply(new, second, now);
    state.expire(now + DEPARTURE_MAX);
    assert_eq!(names(&state), ["Anna", "Bert"]);
    // Asked again, whoever holds it knows who is in it.
    let again = News::Snapshot(of(2, vec![shown("Bert", (2, 2), 2.0, Some(2))]));
    state.apply(new, again, now);
    assert_eq!(names(&state), ["Bert"]);
}

#[test]
fn what_nobody_has_told_of_for_long_is_not_shown() {
    let now = Instant::now();
    let mut state = listening(0..1);
    state.add_player("anna");
    let both = ["Anna", "Bert"].map(|name| shown(name, (1, 1), 0.0, Some(1)));
    apply(&mut state, snapshot(0, both.to_vec()), now);
    state.blank(region(0));
    assert_eq!(names(&state), ["Anna"], "who looks sees where he is");
    assert!(!state.has(region(0)));
    apply(&mut state, snapshot(0, both.to_vec()), now);
    assert_eq!(names(&state), ["Anna", "Bert"]);
}

/// The world as the zone servers know it.
#[derive(Debug, Clone)]
struct Known {
    region: i32,
    said: (u64, u64),
    x: f64,
    hp: i64,
}

/// What happens to one of a few entities.
#[derive(Debug, Clone)]
enum Deed {
    Come { x: f64, hp: i64 },
    Step { x: f64 },
    Change { hp: i64 },
    Cross { x: f64 },
    Leave,
    Snapshot { column: i32 },
}

fn deed() -> impl Strategy<Value = (usize, Deed)> {
    let x = || -30.0..30.0f64;
    let kinds = prop_oneof![
        3 => (x(), 0..9i64).prop_map(|(x, hp)| Deed::Come { x, hp }),
        5 => x().prop_map(|x| Deed::Step { x }),
        3 => (0..9i64).prop_map(|hp| Deed::Change { hp }),
        3 => x().prop_map(|x| Deed::Cross { x }),
        1 => Just(Deed::Leave),
        1 => (0..3i32).prop_map(|column| Deed::Snapshot { column }),
    ];
    (0..6usize, kinds)
}

/// What the zone servers say of a deed, one piece after the other.
fn tell(
    name: &str,
    known: &mut BTreeMap<String, Known>,
    deed: &Deed,
    last: &mut BTreeMap<String, (u64, u64)>,
) -> Vec<News> {
    let said = |one: &mut Known| {
        one.said.1 += 1;
        one.said
    };
    match deed {
        Deed::Come { x, hp } => {
            if known.contains_key(name) {
                return Vec::new();
            }
            let before = last.get(name).copied().unwrap_or_default();
            let one = Known {
                region: 0,
                said: (before.0 + 1, 1),
                x: *x,
                hp: *hp,
            };
            let news = changes(0, vec![shown(name, one.said, *x, Some(*hp))], vec![]);
            known.insert(name.to_owned(), one);
            vec![news]
        }
        Deed::Step { x } => known.get_mut(name).map_or(Vec::new(), |one| {
            one.x = *x;
            let said = said(one);
            vec![changes(
                one.region,
                vec![shown(name, said, *x, None)],
                vec![],
            )]
        }),
        Deed::Change { hp } => known.get_mut(name).map_or(Vec::new(), |one| {
            one.hp = *hp;
            let said = said(one);
            vec![changes(
                one.region,
                vec![shown(name, said, one.x, Some(*hp))],
                vec![],
            )]
        }),
        Deed::Cross { x } => known.get_mut(name).map_or(Vec::new(), |one| {
            let from = one.region;
            one.region = (from + 1) % 3;
            one.x = *x;
            let gone = departed(name, said(one), Some(region(one.region)));
            let here = shown(name, said(one), *x, Some(one.hp));
            vec![
                changes(from, vec![], vec![gone]),
                changes(one.region, vec![here], vec![]),
            ]
        }),
        Deed::Leave => known.remove(name).map_or(Vec::new(), |mut one| {
            let said = said(&mut one);
            last.insert(name.to_owned(), said);
            vec![changes(
                one.region,
                vec![],
                vec![departed(name, said, None)],
            )]
        }),
        Deed::Snapshot { column } => {
            let there = known.iter().filter(|(_, one)| one.region == *column);
            let there = there.map(|(name, one)| shown(name, one.said, one.x, Some(one.hp)));
            vec![snapshot(*column, there.collect())]
        }
    }
}

proptest! {
    /// `swaps` says where the two halves of a crossing come in the other order, as from two servers.
    #[test]
    fn a_view_is_what_brute_force_says(
        deeds in prop::collection::vec((deed(), any::<bool>()), 0..80),
        centre in -30.0..30.0f64,
        dialect in prop::sample::select(Dialect::ALL.to_vec()),
    ) {
        let now = Instant::now();
        let mut state = listening(0..3);
        let (mut known, mut last) = (BTreeMap::new(), BTreeMap::new());
        for ((who, deed), is_swapped) in deeds {
            let name = ["Anna", "Bert", "Carl", "Dora", "Emil", "Jörg"][who];
            let mut news = tell(name, &mut known, &deed, &mut last);
            if is_swapped {
                news.reverse();
            }
            for one in news {
                apply(&mut state, one, now);
                // Whoever is known is seen at every moment, and nobody is seen twice.
                let _unique = seen(&state, centre, dialect);
            }
            let expected: BTreeMap<String, (f64, i64)> = known
                .iter()
                .filter(|(_, one)| (one.x - centre).abs() <= VIEW)
                .map(|(name, one)| (name.clone(), (one.x, one.hp)))
                .collect();
            prop_assert_eq!(seen(&state, centre, dialect), expected);
            prop_assert_eq!(state.entity_count(), known.len());
        }
    }
}
