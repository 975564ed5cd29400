use super::*;
use crate::behaviours::route::Route;

#[test]
fn whom_it_sees_it_goes_straight_for_whatever_way_it_had_found() {
    let mut body = Puppet::new(house(), at(8.5, 12.5));
    let mut route = Route::to(at(16.5, 12.5));
    assert_eq!(route.go(&mut body), Walk::Going);
    assert_eq!(body.search_count, 1);
    body.position = at(9.5, 16.5);
    let goal = at(17.5, 16.5);
    route.follow(&mut body, goal);
    body.tick += STRIDE_TICKS;
    assert_eq!(route.go(&mut body), Walk::Going);
    assert!(
        body.position.x > 9.5 && body.position.y == 16.5,
        "{:?}",
        body.position
    );
}

#[test]
fn what_moves_is_searched_for_twice_in_a_second_at_most() {
    let mut body = Puppet::new(house(), at(8.5, 12.5));
    let mut route = Route::to(at(16.5, 12.5));
    for tick in 0..100 {
        body.tick += 1;
        body.position = at(8.5, 12.5);
        route.follow(&mut body, at(16.5, 10.5 + f64::from(tick % 2) * 4.0));
        assert_eq!(route.go(&mut body), Walk::Going);
    }
    assert!(body.walk_count >= 80, "meanwhile it goes on");
    assert!(
        (9..=10).contains(&body.search_count),
        "{}",
        body.search_count
    );
}

#[test]
fn a_wall_that_is_built_in_the_way_is_gone_round() {
    let mut body = Puppet::new(Picture::open(40, 30), at(8.5, 12.5));
    let mut route = Route::to(at(30.5, 12.5));
    let mut ticks = 0;
    loop {
        body.tick += 1;
        ticks += 1;
        if ticks == 40 {
            (5..20).for_each(|y| body.ground.block(20, y));
        }
        match route.go(&mut body) {
            Walk::Arrived => break,
            walk => assert!(walk == Walk::Going && ticks < 400),
        }
    }
    assert_eq!((body.position, body.search_count), (at(30.5, 12.5), 1));
}

#[test]
fn who_is_held_does_not_search_all_the_time() {
    let mut body = Puppet::new(house(), at(8.5, 12.5));
    let mut route = Route::to(at(16.5, 12.5));
    body.is_held = true;
    for _ in 0..100 {
        body.tick += 1;
        assert_eq!(route.go(&mut body), Walk::Going);
    }
    assert_eq!(body.search_count, 10);
}
