//! Looks, and what they come to. One line of a picture is a server or a region.

use super::*;

const ME: Incarnation = Incarnation(1);
const OTHER: Incarnation = Incarnation(2);
const DEAD: Incarnation = Incarnation(9);

fn region(column: i32) -> RegionId {
    RegionId {
        level: 0,
        column,
        row: 0,
    }
}

fn server(incarnation: Incarnation) -> ZoneServer {
    ZoneServer {
        incarnation,
        address: format!("http://10.0.0.{}:7800", incarnation.0),
        is_leaving: false,
        map: 0,
    }
}

/// A look of [`ME`] at a world of regions that nobody has held.
struct Sight {
    me: ZoneServer,
    is_acknowledged: bool,
    may_judge: bool,
    live: Vec<ZoneServer>,
    newcomers: BTreeSet<Incarnation>,
    terrain: BTreeSet<RegionId>,
    holdings: BTreeMap<RegionId, Holding>,
    running: BTreeMap<RegionId, u64>,
    changing: BTreeSet<RegionId>,
}

impl Sight {
    fn of(live: &[Incarnation], region_count: i32) -> Self {
        Self {
            me: server(ME),
            is_acknowledged: true,
            may_judge: true,
            live: live.iter().copied().map(server).collect(),
            newcomers: BTreeSet::new(),
            terrain: (0..region_count).map(region).collect(),
            holdings: BTreeMap::new(),
            running: BTreeMap::new(),
            changing: BTreeSet::new(),
        }
    }

    fn held(&mut self, at: RegionId, holder: impl Into<Option<Incarnation>>, epoch: u64) {
        let holder = holder.into();
        self.holdings.insert(at, Holding { holder, epoch });
    }

    fn runs(&mut self, at: RegionId, epoch: u64) {
        self.held(at, ME, epoch);
        self.running.insert(at, epoch);
    }

    fn plan(&self) -> Plan {
        plan(&Found {
            me: &self.me,
            is_acknowledged: self.is_acknowledged,
            may_judge: self.may_judge,
            live: &self.live,
            newcomers: &self.newcomers,
            terrain: &self.terrain,
            holdings: &self.holdings,
            running: &self.running,
            changing: &self.changing,
        })
    }

    /// Who should have a region, of those who live.
    fn winner(&self, at: RegionId) -> Incarnation {
        let candidates: Vec<Candidate> = self
            .live
            .iter()
            .map(|server| Candidate {
                incarnation: server.incarnation.0,
                address: server.address.clone(),
            })
            .collect();
        Incarnation(placement::holder(at, &candidates).unwrap().incarnation)
    }

    /// A region that this server should have, and one that [`OTHER`] should.
    fn shares(&self) -> (RegionId, RegionId) {
        let of = |who| {
            let mut all = self.terrain.iter().copied();
            all.find(|at| self.winner(*at) == who).unwrap()
        };
        (of(ME), of(OTHER))
    }
}

#[test]
fn a_lone_server_takes_all_at_once() {
    let sight = Sight::of(&[ME], 100);
    let all = sight.terrain.iter().map(|at| (*at, 0)).collect();
    let expected = Plan {
        take: all,
        ..Plan::default()
    };
    assert_eq!(sight.plan(), expected);
    let unseen = Sight {
        live: Vec::new(),
        ..sight
    };
    assert_eq!(
        unseen.plan(),
        expected,
        "the database has lost sight of it, which is no reason"
    );
    let unheard = Sight {
        is_acknowledged: false,
        ..unseen
    };
    assert_eq!(unheard.plan(), Plan::default());
}

#[test]
fn each_takes_its_share_of_what_nobody_holds() {
    let mine = Sight::of(&[ME, OTHER], 100);
    let taken: BTreeSet<RegionId> = mine.plan().take.into_iter().map(|(at, _)| at).collect();
    assert!(taken.len() > 25 && taken.len() < 75, "{}", taken.len());
    let theirs = Sight {
        me: server(OTHER),
        ..Sight::of(&[ME, OTHER], 100)
    };
    for (at, _) in theirs.plan().take {
        assert!(!taken.contains(&at));
    }
}

#[test]
fn the_dead_are_replaced_by_who_may_judge() {
    let mut sight = Sight::of(&[ME, OTHER], 100);
    let (mine, theirs) = sight.shares();
    sight.terrain = [mine, theirs].into();
    sight.held(mine, DEAD, 7);
    sight.held(theirs, DEAD, 3);
    assert_eq!(sight.plan().take, [(mine, 7)]);
    sight.may_judge = false;
    assert_eq!(sight.plan(), Plan::default());
    sight.held(mine, None, 8);
    assert_eq!(sight.plan().take, [(mine, 8)], "nobody is judged");
    sight.held(mine, OTHER, 9);
    sight.may_judge = true;
    assert_eq!(sight.plan(), Plan::default(), "whoever lives gives");
}

#[test]
fn who_comes_is_given_a_share() {
    let mut sight = Sight::of(&[ME], 100);
    for at in sight.terrain.clone() {
        sight.runs(at, 1);
    }
    assert_eq!(sight.plan(), Plan::default());
    sight.live.push(server(OTHER));
    let (mine, theirs) = sight.shares();
    let Plan { give, drop, .. } = sight.plan();
    assert!(give.len() > 25 && give.len() < 75 && drop.is_empty());
    let gift = Gift {
        region: theirs,
        epoch: 1,
        to: Some(OTHER),
    };
    assert!(give.contains(&gift) && give.iter().all(|gift| gift.region != mine));
    sight.live[1].is_leaving = true;
    assert_eq!(sight.plan(), Plan::default(), "it is about to go");
    sight.live[1].is_leaving = false;
    sight.is_acknowledged = false;
    assert_eq!(sight.plan(), Plan::default(), "who lives is not known");
}

#[test]
fn who_leaves_gives_all_and_takes_nothing() {
    let mut sight = Sight::of(&[ME, OTHER], 100);
    sight.me.is_leaving = true;
    let (mine, theirs) = sight.shares();
    sight.runs(mine, 4);
    sight.held(theirs, ME, 5);
    let gift = |region, epoch, to| Gift { region, epoch, to };
    let expected = Plan {
        // What nobody simulates goes first.
        give: vec![gift(theirs, 5, Some(OTHER)), gift(mine, 4, Some(OTHER))],
        ..Plan::default()
    };
    assert_eq!(sight.plan(), expected);
    sight.live.pop();
    let expected = Plan {
        give: vec![gift(theirs, 5, None), gift(mine, 4, None)],
        ..Plan::default()
    };
    assert_eq!(sight.plan(), expected, "nobody is there");
}

#[test]
fn what_is_held_runs_and_what_others_hold_does_not() {
    let mut sight = Sight::of(&[ME], 0);
    sight.terrain = (0..5).map(region).collect();
    sight.runs(region(0), 3);
    sight.held(region(1), ME, 4);
    sight.runs(region(2), 5);
    sight.held(region(2), OTHER, 6);
    sight.runs(region(3), 7);
    // It went away and came back: what is in memory is older.
    sight.held(region(3), ME, 9);
    sight.runs(region(4), 1);
    sight.holdings.remove(&region(4));
    sight.is_acknowledged = false;
    let expected = Plan {
        start: vec![(region(1), 4)],
        drop: vec![region(2), region(3), region(4)],
        ..Plan::default()
    };
    assert_eq!(sight.plan(), expected);
    sight.running.remove(&region(3));
    assert_eq!(sight.plan().start, [(region(1), 4), (region(3), 9)]);
}

#[test]
fn what_is_changing_hands_is_left_alone() {
    let mut sight = Sight::of(&[ME], 0);
    sight.terrain = (0..4).map(region).collect();
    sight.held(region(0), ME, 1);
    sight.runs(region(1), 2);
    sight.held(region(1), OTHER, 1);
    sight.held(region(2), None, 1);
    sight.me.is_leaving = true;
    sight.runs(region(3), 1);
    sight.changing = sight.terrain.clone();
    assert_eq!(sight.plan(), Plan::default());
    sight.me.is_leaving = false;
    assert_eq!(sight.plan(), Plan::default());
}

#[test]
fn a_region_that_others_have_taken_is_dropped_even_while_it_lets_go_of_everybody() {
    let mut sight = Sight::of(&[ME, OTHER], 0);
    let at = region(0);
    sight.terrain.insert(at);
    sight.runs(at, 1);
    sight.held(at, OTHER, 2);
    sight.changing.insert(at);
    assert_eq!(sight.plan().drop, [at]);
}

#[test]
fn a_region_that_no_map_has_ends_by_itself_and_is_then_nobodys() {
    let mut sight = Sight::of(&[ME, OTHER], 0);
    let gone = region(0);
    sight.runs(gone, 2);
    assert_eq!(sight.plan(), Plan::default());
    sight.running.clear();
    let gift = Gift {
        region: gone,
        epoch: 2,
        to: None,
    };
    assert_eq!(sight.plan().give, [gift]);
    sight.held(gone, None, 3);
    assert_eq!(sight.plan(), Plan::default());
}

#[test]
fn a_dead_servers_regions_do_not_wait_for_who_may_not_judge_yet() {
    let mut sight = Sight::of(&[ME, OTHER], 40);
    for column in 0..40 {
        sight.held(region(column), DEAD, 3);
    }
    let share = sight.plan().take.len();
    assert!((1..40).contains(&share), "both have a share: {share}");
    sight.newcomers.insert(OTHER);
    assert_eq!(sight.plan().take.len(), 40);
    // What nobody holds is free for its own at once.
    for column in 0..40 {
        sight.held(region(column), None, 4);
    }
    assert_eq!(sight.plan().take.len(), share);
}
