use super::*;

/// Round the house, and one point in it.
fn path(is_closed: bool) -> Path {
    let points = [(8.5, 8.5), (18.5, 8.5), (18.5, 17.5), (8.5, 17.5)];
    let points = points.map(|(x, y)| at(x, y)).to_vec();
    Path { points, is_closed }
}

/// Which points are come by, in their order.
fn visited(story: &mut Story, path: &Path, ticks: u64) -> Vec<usize> {
    let mut visited = Vec::new();
    story.ticks(ticks, |body| {
        let mut points = path.points.iter();
        let point = points.position(|point| point.distance(&body.position) < 1e-9);
        if let Some(point) = point.filter(|point| visited.last() != Some(point)) {
            visited.push(point);
        }
    });
    visited
}

fn story(path: &Path, place: Position) -> Story {
    Story::along(
        "patrol path=round",
        Puppet::new(house(), place),
        Some(path.clone()),
    )
}

#[test]
fn an_open_path_is_walked_back_and_forth() {
    let path = path(false);
    let visited = visited(&mut story(&path, at(8.5, 8.5)), &path, 1_300);
    assert!(visited.len() >= 7, "{visited:?}");
    let order = [0, 1, 2, 3, 2, 1].into_iter().cycle();
    assert!(
        visited.iter().copied().eq(order.take(visited.len())),
        "{visited:?}"
    );
}

#[test]
fn a_closed_path_is_walked_round() {
    let path = path(true);
    let visited = visited(&mut story(&path, at(8.5, 8.5)), &path, 1_000);
    assert!(visited.len() >= 7, "{visited:?}");
    let order = [0, 1, 2, 3].into_iter().cycle();
    assert!(
        visited.iter().copied().eq(order.take(visited.len())),
        "{visited:?}"
    );
}

#[test]
fn it_begins_at_the_nearest_point_and_after_a_push_goes_on_from_the_nearest() {
    let path = path(true);
    let mut story = story(&path, at(20.5, 20.5));
    assert_eq!(visited(&mut story, &path, 350)[..3], [2, 3, 0]);
    story.body.position = at(9.5, 20.5);
    assert_eq!(visited(&mut story, &path, 200)[..2], [3, 0]);
}

/// As whoever crosses a border does.
#[test]
fn who_begins_anew_on_the_way_goes_on_as_before() {
    let path = path(false);
    let mut story = story(&path, at(8.5, 8.5));
    let mut points = Vec::new();
    for _ in 0..60 {
        points.extend(visited(&mut story, &path, 21));
        story = Story::along("patrol path=round", story.body, Some(path.clone()));
    }
    points.dedup();
    assert!(points.len() >= 6, "{points:?}");
    let order = [0, 1, 2, 3, 2, 1].into_iter().cycle();
    let expected: Vec<usize> = order.take(points.len()).collect();
    assert_eq!(points, expected);
}

#[test]
fn it_goes_round_what_the_line_leads_through_and_past_what_is_out_of_reach() {
    let points = vec![at(8.5, 12.5), at(12.5, 12.5), at(18.5, 12.5), at(38.5, 3.5)];
    let path = Path {
        points,
        is_closed: true,
    };
    let mut story = story(&path, at(8.5, 12.5));
    for (x, y) in [
        (37, 2),
        (38, 2),
        (39, 2),
        (37, 3),
        (39, 3),
        (37, 4),
        (38, 4),
        (39, 4),
    ] {
        story.body.ground.block(x, y);
    }
    let visited = visited(&mut story, &path, 1_500);
    assert!(visited.len() >= 4, "{visited:?}");
    let order = [0, 2].into_iter().cycle();
    assert!(
        visited.iter().copied().eq(order.take(visited.len())),
        "{visited:?}"
    );
}

#[test]
fn a_patrol_without_a_path_stands() {
    let mut story = Story::new("patrol", Puppet::new(house(), at(8.5, 12.5)));
    story.ticks(1_000, |body| assert!(body.is_at_home()));
    let one = Path {
        points: vec![at(8.5, 8.5)],
        is_closed: false,
    };
    assert_eq!(
        visited(&mut super::patrol::story(&one, at(8.5, 9.5)), &one, 300),
        [0]
    );
}
