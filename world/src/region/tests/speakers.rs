//! Who speaks for a character when entrances, takeovers and claims come to their end late, or nobody knows to which, story by story.

use super::{super::*, words::*, yard::*};

/// Anna's first session, by another stream of its gateway.
fn by(link: LinkId) -> Enter {
    let session = Session { link, number: 1 };
    Enter {
        session,
        ..enter("anna", 1, 1)
    }
}

#[test]
fn an_entrance_by_a_stream_that_has_ended_ends_no_session() {
    let mut yard = with_anna();
    yard.give(region(0, 0), Input::Enter(by(OTHER_LINK)));
    assert_eq!(
        yard.told(),
        ["1: evicted 1 TakenOver", "2: entered 1 0:0:0"],
        "the last stream of a session is the one"
    );
    yard.links.remove(&LINK);
    yard.give(region(0, 0), Input::Enter(by(LINK)));
    assert_eq!(yard.told(), [""; 0]);
    let session = by(OTHER_LINK).session;
    assert_eq!(yard.resident("anna").unwrap().session(), Some(session));
}

#[test]
fn who_comes_by_another_gateway_finds_there_what_it_did_by_the_first() {
    let mut yard = with_anna();
    yard.give(region(0, 0), Input::Subscribe(OTHER_LINK));
    yard.command("anna", 1, id(1, 1), 0, step(-1.0, 0.0));
    yard.told.clear();
    let session = by(OTHER_LINK).session;
    let later = Enter {
        session,
        ..enter("anna", 1, 2)
    };
    yard.give(region(0, 0), Input::Enter(later));
    assert_eq!(
        yard.told(),
        [
            "1: evicted 1 TakenOver",
            "2: [anna@5.5,2.5]",
            "2: entered 1 0:0:0"
        ]
    );
}

#[test]
fn a_takeover_of_which_nobody_knows_ends_the_session_before() {
    for has_happened in [true, false] {
        let mut yard = with_anna();
        yard.next_fate = Fate::Lost { has_happened };
        yard.enter("anna", 2, 2);
        assert_eq!(
            yard.told(),
            [
                "1: 0 elsewhere ?",
                "1: evicted 1 TakenOver",
                "1: [-anna]",
                "1: [anna@6.5,2.5]"
            ]
        );
        yard.enter("anna", 2, 2);
        assert_eq!(yard.told(), ["1: entered 2 0:0:0"], "{has_happened}");
    }
}

#[test]
fn who_spoke_when_a_row_was_lost_does_not_speak_for_whom_a_later_session_has_found() {
    let mut yard = with_anna();
    yard.enter("anna", 2, 2);
    yard.told.clear();
    let mut row = yard.row("anna").claimed.clone();
    row.own += 1;
    let lost = Input::Adopted(Box::new(row), Some(by(LINK).session));
    yard.give(region(0, 0), lost);
    assert_eq!(
        yard.told(),
        [
            "1: evicted 1 TakenOver",
            "1: [-anna]",
            "1: [anna@6.5,2.5]",
            "1: moved 2 0:0:0"
        ]
    );
}

#[test]
fn who_enters_does_not_wait_for_its_claim_if_another_has_brought_the_row() {
    let mut yard = Yard::new();
    yard.account("anna", 6.5, 2.5);
    yard.is_store_held = true;
    yard.enter("anna", 1, 1);
    let mut row = yard.row("anna").claimed.clone();
    row.own += 1;
    row.generation = 1;
    yard.give(region(0, 0), Input::Adopted(Box::new(row), None));
    assert_eq!(yard.told(), ["1: entered 1 0:0:0"]);

    let failed = Input::Entered(enter("anna", 1, 1), ClaimOutcome::Failed);
    yard.give(region(0, 0), failed);
    assert_eq!(yard.told(), [""; 0], "it is in already");
    assert_eq!(yard.resident("anna").unwrap().session(), Some(session(1)));
}

#[test]
fn who_leaves_while_its_claim_is_under_way_is_not_let_in_by_another() {
    let mut yard = Yard::new();
    yard.account("anna", 6.5, 2.5);
    yard.is_store_held = true;
    yard.enter("anna", 1, 1);
    yard.give(region(0, 0), Input::Leave(enter("anna", 1, 1)));
    let mut row = yard.row("anna").claimed.clone();
    row.own += 1;
    row.generation = 1;
    yard.rows.all.get_mut("anna").unwrap().claimed = row.clone();
    yard.rows.all.get_mut("anna").unwrap().owner = Some(FIRST);
    yard.give(region(0, 0), Input::Adopted(Box::new(row), None));
    assert_eq!(yard.told(), [""; 0]);
    yard.store_all();
    assert!(yard.resident("anna").is_none());
    assert!(!yard.row("anna").present, "nobody waits for it");
}
