//! Characters that go from one zone server to another, and commands that get lost on such ways.

use super::*;

fn anna() -> Character {
    character(1, "anna")
}

impl Test {
    fn answer(&mut self, counter: u64, attempt: u32, answer: Answer) {
        let event = Event::Reply {
            counter,
            attempt,
            answer,
        };
        self.hear(1, event);
    }

    fn again(&mut self, counter: u64, attempt: u32) {
        self.hear(1, Event::Again { counter, attempt });
    }

    /// Where the session has asked for its character since the last look; everything else that it wanted is forgotten.
    fn entrances(&mut self) -> Vec<RegionId> {
        let entrances = self.out.drain(..).filter_map(|output| match output {
            Output::Enter(_, region) => Some(region),
            _ => None,
        });
        entrances.collect()
    }
}

#[test]
fn what_is_unanswered_is_sent_again_in_order_where_the_character_arrives() {
    let mut test = Test::playing();
    for _ in 0..4 {
        test.ask(step());
    }
    test.reply(1, 0);
    test.answers();
    test.out.clear();
    test.hear(1, Event::Released(NEXT));
    assert_eq!(test.out, [Output::Enter(anna(), NEXT)]);
    test.out.clear();
    test.ask(step());
    assert_eq!(test.out, [], "nothing is sent to who is on the way");
    // Who had the character was asked for more before it let go, and has no more to say about where it is.
    test.elsewhere(2, 0, None);
    test.elsewhere(3, 0, Some(HOME));
    assert_eq!(test.out, []);
    test.hear(1, Event::Entered(NEXT));
    let sent = test.sent();
    assert_eq!(
        sent,
        [(2, 1, NEXT), (3, 1, NEXT), (4, 1, NEXT), (5, 0, NEXT)]
    );
    for (counter, attempt, _) in sent {
        test.reply(counter, attempt);
    }
    assert_eq!(test.answers().len(), 4);
    assert!(matches!(test.session.head(), Head::Empty));
}

#[test]
fn late_answers_do_no_harm() {
    let mut test = Test::playing();
    test.ask(step());
    test.ask(set());
    test.hear(1, Event::Released(NEXT));
    test.hear(1, Event::Entered(NEXT));
    // A refusal, and a step, are as they were where the character is no more.
    test.answer(1, 0, done());
    test.answer(2, 0, refused());
    assert_eq!(test.answers(), []);
    // But what was committed is done, and its repeat will say the same.
    test.answer(2, 0, done());
    test.answer(1, 1, refused());
    assert_eq!(test.answers(), [refused(), done()]);
    test.answer(2, 1, done());
    assert_eq!(test.answers(), [], "nothing is answered twice");
}

#[test]
fn an_answer_that_precedes_the_release_counts() {
    let mut test = Test::playing();
    test.ask(step());
    test.hear(1, Event::Released(NEXT));
    test.reply(1, 0);
    assert_eq!(test.answers(), [done()]);
    test.out.clear();
    test.hear(1, Event::Entered(NEXT));
    assert_eq!(test.sent(), []);
}

#[test]
fn a_login_enters_wherever_the_character_is_released_to() {
    let mut test = Test::new();
    test.ask(login());
    test.verdict(1, "anna");
    test.entrances();
    test.hear(1, Event::Released(NEXT));
    assert_eq!(test.entrances(), [NEXT]);
    assert_eq!(test.answers(), []);
    test.hear(1, Event::Entered(NEXT));
    assert_eq!(test.answers(), [done()]);
}

#[test]
fn another_holder_is_entered_at_whatever_the_session_waits_for() {
    type Wait = fn(&mut Test);
    let waits: [(&str, Wait); 5] = [
        ("here", |_| {}),
        ("entering", |test| {
            test.hear(1, Event::Released(NEXT));
        }),
        ("lost", |test| {
            test.hear(1, Event::Released(NEXT));
            test.elsewhere(0, 0, None);
        }),
        ("locating", |test| {
            test.hear(1, Event::Released(NEXT));
            test.elsewhere(0, 0, None);
            test.pass(20);
            test.elsewhere(0, 0, None);
            test.pass(40);
            assert!(test.out.contains(&Output::Locate(anna())));
        }),
        ("unreachable", |test| {
            test.session.link_lost(test.now, &mut test.out);
            test.session.unreachable();
        }),
    ];
    for (name, wait) in waits {
        let mut test = Test::playing();
        test.ask(step());
        wait(&mut test);
        let region = test.session.region().unwrap();
        test.out.clear();
        test.session.holder_changed(test.now, &mut test.out);
        assert_eq!(test.entrances(), [region], "{name}");
        // What SQL says to an earlier question is not waited for any more.
        test.session
            .located(Ok(Some(HOME)), test.now, &mut test.out);
        assert_eq!(test.out, [], "{name}");
        test.hear(1, Event::Entered(region));
        assert_eq!(test.sent(), [(1, 1, region)], "{name}");
    }
    let mut nobody = Test::new();
    nobody.session.holder_changed(nobody.now, &mut nobody.out);
    assert_eq!(nobody.out, []);
}

#[test]
fn the_holder_may_change_while_the_session_enters() {
    let mut test = Test::playing();
    test.ask(step());
    test.hear(1, Event::Released(NEXT));
    test.session.holder_changed(test.now, &mut test.out);
    assert_eq!(test.entrances(), [NEXT, NEXT]);
    // The first of the two had arrived, and was answered by a stream that counts again.
    test.hear(1, Event::Entered(NEXT));
    test.hear(1, Event::Entered(NEXT));
    assert_eq!(test.sent(), [(1, 1, NEXT), (1, 2, NEXT)]);
    test.reply(1, 1);
    assert_eq!(test.answers(), []);
    test.reply(1, 2);
    assert_eq!(test.answers(), [done()]);
}

#[test]
fn who_is_not_there_yet_is_asked_for_soon() {
    let mut test = Test::playing();
    test.hear(1, Event::Released(NEXT));
    test.entrances();
    test.elsewhere(0, 0, None);
    test.pass(19);
    assert_eq!(test.out, []);
    test.pass(1);
    assert_eq!(test.entrances(), [NEXT], "without a question to SQL");
    test.elsewhere(0, 0, None);
    test.pass(40);
    assert_eq!(test.out, [Output::Locate(anna())]);
}

#[test]
fn what_was_not_done_is_sent_again_after_a_moment() {
    let mut test = Test::playing();
    test.ask(step());
    test.ask(set());
    test.sent();
    for (attempt, wait) in [(0, 100), (1, 200), (2, 400), (3, 400)] {
        test.again(2, attempt);
        test.again(2, attempt + 1);
        if attempt > 0 {
            test.again(2, attempt - 1);
        }
        assert_eq!(
            test.session.deadline(),
            Some(test.now + Duration::from_millis(wait))
        );
        test.pass(wait - 1);
        assert_eq!(test.out, []);
        test.pass(1);
        assert_eq!(test.sent(), [(2, attempt + 1, HOME)], "and only that one");
    }
    test.reply(2, 4);
    test.reply(1, 0);
    assert_eq!(test.answers(), [done(), done()]);
}

#[test]
fn what_was_not_done_goes_to_where_the_character_is_then() {
    let mut test = Test::playing();
    test.ask(step());
    test.sent();
    test.again(1, 0);
    test.hear(1, Event::Released(NEXT));
    test.out.clear();
    test.pass(4_000);
    assert_eq!(test.out, [], "it is nowhere now");
    assert!(test.session.deadline().unwrap() > test.now);
    test.hear(1, Event::Entered(NEXT));
    assert_eq!(test.sent(), [(1, 1, NEXT)]);
    test.pass(1_000);
    assert_eq!(test.sent(), [], "it was sent already");
}

#[test]
fn what_may_be_lost_between_two_zone_servers_is_repeated() {
    for asked in [set(), edit(), get()] {
        let mut test = Test::playing();
        test.ask(asked);
        test.session.ask_owner(test.now, &mut test.out);
        assert_eq!(test.sent(), [(1, 0, HOME)]);
        for (attempt, wait) in [(1, 1_000), (2, 2_000), (3, 4_000), (4, 4_000)] {
            test.pass(wait - 1);
            assert_eq!(test.out, []);
            test.pass(1);
            assert_eq!(test.sent(), [(1, attempt, HOME)]);
        }
        test.hear(1, Event::Moved(NEXT));
        assert_eq!(test.sent(), [(1, 5, NEXT)]);
        test.pass(1_000);
        assert_eq!(test.sent(), [(1, 6, NEXT)], "the waits begin anew");
        test.reply(1, 6);
        assert_eq!(test.answers(), [done()]);
        test.pass(10_000);
        assert_eq!(test.out, []);
    }
}

#[test]
fn what_the_owner_answers_by_itself_is_not_repeated() {
    let mut test = Test::playing();
    test.ask(step());
    test.sent();
    test.pass(20_000);
    assert_eq!(test.out, []);
}

#[test]
fn repeats_have_an_end() {
    let mut test = Test::playing();
    test.ask(step());
    test.ask(set());
    // The answer to the first waits for a client that does not read.
    test.reply(1, 0);
    for _ in 0..29 {
        test.pass(1_000);
    }
    assert_eq!(test.session.end(), None);
    test.out.clear();
    for _ in 0..3 {
        test.pass(1_000);
    }
    assert_eq!(test.sent(), []);
    assert_eq!(test.session.end(), Some(End::OutcomeUnknown));
}

#[test]
fn of_a_repeated_get_any_answer_from_here_counts() {
    let mut test = Test::playing();
    test.ask(get());
    test.session.ask_owner(test.now, &mut test.out);
    test.hear(1, Event::Moved(NEXT));
    test.pass(1_000);
    assert_eq!(test.sent().last(), Some(&(1, 2, NEXT)));
    test.answer(1, 0, Answer::Value(Value::Int(1)));
    assert_eq!(test.answers(), [], "from where the character was");
    let value = Answer::Value(Value::Int(2));
    test.answer(1, 1, value.clone());
    assert_eq!(test.answers(), [value]);
    test.answer(1, 2, Answer::Value(Value::Int(3)));
    assert_eq!(test.answers(), []);
}

#[test]
fn a_refusal_counts_only_when_no_later_attempt_is_under_way() {
    let mut test = Test::playing();
    test.ask(set());
    test.pass(1_000);
    test.answer(1, 0, refused());
    assert_eq!(test.answers(), [], "the repeat may be accepted");
    test.answer(1, 1, done());
    assert_eq!(test.answers(), [done()]);
}

#[test]
fn who_is_evicted_is_not_brought_back() {
    let mut test = Test::playing();
    test.hear(1, Event::Evicted(Reason::TakenOver));
    test.hear(1, Event::Released(NEXT));
    test.session.holder_changed(test.now, &mut test.out);
    assert_eq!(test.out, []);
}
