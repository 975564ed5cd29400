//! The rules, one test for each.

mod handoffs;

use wire::{Dialect, Value, command::Change};
use world::region::{Body, Edit, WINDOW};

use super::*;
use crate::request::Kind;

const HOME: RegionId = region(0);
const NEXT: RegionId = region(1);

const fn region(column: i32) -> RegionId {
    RegionId {
        level: 0,
        column,
        row: 0,
    }
}

/// A session, a clock that only tests move, and what the session wants done.
struct Test {
    session: Session,
    now: Instant,
    out: Vec<Output>,
}

impl Test {
    fn new() -> Self {
        Self {
            session: Session::new(1_000),
            now: Instant::now(),
            out: Vec::new(),
        }
    }

    /// A session whose character is in the world.
    fn playing() -> Self {
        let mut test = Self::new();
        test.ask(login());
        test.verdict(1, "anna");
        test.hear(1, Event::Entered(HOME));
        assert_eq!(test.answers(), [Answer::Done(true)]);
        test.out.clear();
        test
    }

    fn ask(&mut self, asked: Asked) {
        let ticket = Ticket {
            kind: Kind::Unknown,
            dialect: Dialect::Four,
            came: self.now,
            weight: 100,
            span: tracing::Span::none(),
        };
        self.session.request(asked, ticket, self.now, &mut self.out);
    }

    fn verdict(&mut self, number: u64, key: &str) {
        let verdict = Verdict::Begun {
            character: character(number, key),
            region: HOME,
        };
        self.session.verdict(verdict, self.now, &mut self.out);
    }

    fn hear(&mut self, number: u64, event: Event) {
        let number = SessionNumber(number);
        self.session.heard(number, event, self.now, &mut self.out);
    }

    fn reply(&mut self, counter: u64, attempt: u32) {
        let answer = Answer::Done(true);
        let event = Event::Reply {
            counter,
            attempt,
            answer,
        };
        self.hear(1, event);
    }

    fn elsewhere(&mut self, counter: u64, attempt: u32, region: Option<RegionId>) {
        let event = Event::Elsewhere {
            counter,
            attempt,
            region,
        };
        self.hear(1, event);
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.session.tick(self.now, &mut self.out);
    }

    /// Takes the answers that are at the head.
    fn answers(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Head::Answer(answer) = self.session.head() {
            answers.push(answer.clone());
            self.session.pop(self.now, &mut self.out);
        }
        answers
    }

    /// What was sent since the last look: counters, attempts and regions of commands.
    fn sent(&mut self) -> Vec<(u64, u32, RegionId)> {
        let commands = self.out.drain(..).filter_map(|output| match output {
            Output::Command(command) => Some((command.counter, command.attempt, command.region)),
            _ => None,
        });
        commands.collect()
    }
}

fn character(number: u64, key: &str) -> Character {
    Character {
        number: SessionNumber(number),
        name: key.into(),
        key: key.into(),
        generation: number,
    }
}

fn login() -> Asked {
    Asked::Credentials {
        is_new: false,
        credentials: Credentials {
            name: "Anna".to_owned(),
            password: b"secret".to_vec(),
        },
    }
}

fn step() -> Asked {
    Asked::Command(Body::Move { dx: 1.0, dy: 0.0 })
}

fn set() -> Asked {
    Asked::Command(Body::Set {
        name: "Anna".to_owned(),
        attribute: "gold".to_owned(),
        change: Change::To(Value::Int(1)),
    })
}

fn edit() -> Asked {
    Asked::Command(Body::Edit(Edit::Kick("Bert".to_owned())))
}

fn get() -> Asked {
    Asked::Read(Read::Get {
        name: "Anna".to_owned(),
        attribute: "gold".to_owned(),
    })
}

fn refused() -> Answer {
    Answer::Done(false)
}

fn done() -> Answer {
    Answer::Done(true)
}

#[test]
fn before_a_login_there_is_nothing_but_what_needs_none() {
    let mut test = Test::new();
    test.ask(Asked::Nothing);
    test.ask(step());
    test.ask(Asked::Read(Read::Update));
    assert_eq!(test.answers(), [refused(), refused(), refused()]);
    test.ask(Asked::Read(Read::Ver));
    assert!(matches!(test.session.head(), Head::Read(Read::Ver)));
    assert_eq!(test.out, []);
}

#[test]
fn what_is_behind_a_login_waits_for_it() {
    let mut test = Test::new();
    test.ask(login());
    test.ask(step());
    test.ask(Asked::Read(Read::Update));
    assert!(matches!(test.out[..], [Output::Authenticate { .. }]));
    test.out.clear();
    test.verdict(1, "anna");
    assert_eq!(test.out, [Output::Enter(character(1, "anna"), HOME)]);
    assert_eq!(
        test.answers(),
        [],
        "not before the character is in the world"
    );
    test.hear(1, Event::Entered(NEXT));
    assert!(test.out.contains(&Output::Begun(character(1, "anna"))));
    assert_eq!(test.answers(), [done()]);
    assert_eq!(test.sent(), [(1, 0, NEXT)]);
    test.reply(1, 0);
    assert_eq!(test.answers(), [done()]);
    assert!(matches!(test.session.head(), Head::Read(Read::Update)));
}

#[test]
fn a_refused_login_leaves_the_old_character() {
    let mut test = Test::playing();
    test.ask(login());
    test.session
        .verdict(Verdict::Refused, test.now, &mut test.out);
    test.ask(step());
    assert_eq!(test.answers(), [refused()]);
    assert_eq!(test.sent(), [(1, 0, HOME)]);
    assert_eq!(test.session.character(), Some(&character(1, "anna")));
}

#[test]
fn a_login_switches_the_character() {
    let mut test = Test::playing();
    test.ask(step());
    test.reply(1, 0);
    test.answers();
    test.out.clear();
    test.ask(login());
    test.out.clear();
    test.verdict(2, "bert");
    assert_eq!(
        test.out,
        [
            Output::Leave(character(1, "anna"), HOME),
            Output::Enter(character(2, "bert"), HOME)
        ]
    );
    test.hear(1, Event::Evicted(Reason::TakenOver));
    assert_eq!(test.session.end(), None, "the old session may end");
    test.hear(2, Event::Entered(HOME));
    assert_eq!(test.answers(), [done()]);
    test.ask(step());
    assert_eq!(test.sent(), [(1, 0, HOME)], "counted from 1 again");
}

#[test]
fn the_same_character_is_taken_over_and_not_left() {
    let mut test = Test::playing();
    test.ask(login());
    test.out.clear();
    test.verdict(2, "anna");
    assert_eq!(test.out, [Output::Enter(character(2, "anna"), HOME)]);
}

#[test]
fn an_unknown_verdict_is_never_a_false() {
    let mut test = Test::new();
    test.ask(login());
    test.session
        .verdict(Verdict::Unknown, test.now, &mut test.out);
    assert_eq!(test.answers(), []);
    assert_eq!(test.session.end(), Some(End::OutcomeUnknown));
}

#[test]
fn replies_keep_the_order_of_the_requests() {
    let mut test = Test::playing();
    test.ask(step());
    test.ask(step());
    test.ask(Asked::Impossible);
    assert_eq!(test.sent(), [(1, 0, HOME), (2, 0, HOME)]);
    test.reply(2, 0);
    assert_eq!(test.answers(), []);
    test.reply(1, 0);
    assert_eq!(test.answers(), [done(), done(), refused()]);
}

#[test]
fn one_durable_command_at_a_time() {
    let mut test = Test::playing();
    test.ask(set());
    test.ask(step());
    test.ask(edit());
    test.ask(step());
    assert_eq!(test.sent(), [(1, 0, HOME), (2, 0, HOME)]);
    test.reply(2, 0);
    assert_eq!(test.sent(), [], "the set is still unanswered");
    test.reply(1, 0);
    assert_eq!(test.sent(), [(3, 0, HOME)]);
}

#[test]
fn nothing_goes_with_an_edit() {
    let mut test = Test::playing();
    test.ask(step());
    test.ask(edit());
    test.ask(step());
    assert_eq!(test.sent(), [(1, 0, HOME), (2, 0, HOME)]);
    test.reply(1, 0);
    assert_eq!(test.sent(), []);
    test.hear(1, Event::Moved(NEXT));
    assert_eq!(test.sent(), [(2, 1, NEXT)]);
    test.reply(2, 1);
    assert_eq!(test.sent(), [(3, 0, NEXT)]);
}

#[test]
fn a_read_sees_what_is_before_it_and_nothing_behind() {
    let mut test = Test::playing();
    test.ask(step());
    test.ask(Asked::Read(Read::Update));
    test.ask(step());
    assert_eq!(test.sent(), [(1, 0, HOME)]);
    test.reply(1, 0);
    test.answers();
    assert!(matches!(test.session.head(), Head::Read(Read::Update)));
    assert_eq!(test.sent(), [], "the step behind the read waits");
    test.session.pop(test.now, &mut test.out);
    assert_eq!(test.sent(), [(2, 0, HOME)]);
}

#[test]
fn a_get_that_only_the_owner_can_answer_is_a_command() {
    let mut test = Test::playing();
    test.ask(get());
    test.ask(step());
    assert!(matches!(test.session.head(), Head::Read(Read::Get { .. })));
    test.session.ask_owner(test.now, &mut test.out);
    assert_eq!(test.sent(), [(1, 0, HOME)], "and what is behind it waits");
    let answer = Answer::Value(Value::Int(5));
    test.hear(
        1,
        Event::Reply {
            counter: 1,
            attempt: 0,
            answer: answer.clone(),
        },
    );
    assert_eq!(test.answers(), [answer]);
    assert_eq!(test.sent(), [(2, 0, HOME)]);
}

#[test]
fn fewer_than_a_window_are_under_way() {
    let mut test = Test::playing();
    for _ in 0..300 {
        test.ask(step());
    }
    let sent = test.sent();
    assert_eq!(sent.len() as u64, WINDOW - 1);
    // An answer out of its order makes no room: the window is one of counts.
    test.reply(2, 0);
    assert_eq!(test.sent(), []);
    test.reply(1, 0);
    assert_eq!(test.sent(), [(WINDOW, 0, HOME), (WINDOW + 1, 0, HOME)]);
}

#[test]
fn what_is_unanswered_follows_the_character() {
    let mut test = Test::playing();
    for _ in 0..3 {
        test.ask(step());
    }
    test.reply(1, 0);
    test.sent();
    test.elsewhere(2, 0, Some(NEXT));
    assert_eq!(test.sent(), [(2, 1, NEXT), (3, 1, NEXT)]);
    test.elsewhere(3, 0, Some(NEXT));
    assert_eq!(test.sent(), [], "said of an earlier attempt");
    test.hear(1, Event::Moved(NEXT));
    assert_eq!(test.sent(), [(2, 2, NEXT), (3, 2, NEXT)]);
    test.reply(2, 1);
    assert_eq!(
        test.answers(),
        [done()],
        "of the first; that of an earlier attempt is dropped"
    );
    test.reply(2, 2);
    test.reply(3, 2);
    assert_eq!(test.answers(), [done(), done()]);
    test.ask(step());
    assert_eq!(test.sent(), [(4, 0, NEXT)]);
}

#[test]
fn a_character_that_nobody_has_is_looked_up() {
    let mut test = Test::playing();
    test.ask(step());
    test.out.clear();
    test.elsewhere(1, 0, None);
    assert_eq!(test.out, []);
    test.ask(step());
    assert_eq!(test.out, [], "nothing is sent to nowhere");
    test.pass(19);
    assert_eq!(test.out, []);
    test.pass(1);
    assert_eq!(test.out, [Output::Enter(character(1, "anna"), HOME)]);
    test.out.clear();
    test.elsewhere(0, 0, None);
    test.pass(40);
    assert_eq!(test.out, [Output::Locate(character(1, "anna"))]);
    test.out.clear();
    test.session
        .located(Ok(Some(NEXT)), test.now, &mut test.out);
    assert_eq!(test.out, [Output::Enter(character(1, "anna"), NEXT)]);
    test.out.clear();
    test.hear(1, Event::Entered(NEXT));
    assert_eq!(test.sent(), [(1, 1, NEXT), (2, 0, NEXT)]);
}

#[test]
fn an_entrance_is_tried_again_and_less_and_less_often() {
    let mut test = Test::playing();
    test.ask(step());
    test.elsewhere(1, 0, None);
    test.pass(20);
    test.elsewhere(0, 0, None);
    for back_off in [40, 80, 160, 320, 640, 1000, 1000] {
        test.out.clear();
        test.pass(back_off - 1);
        assert_eq!(test.out, []);
        test.pass(1);
        assert_eq!(test.out, [Output::Locate(character(1, "anna"))]);
        test.session
            .located(Ok(Some(NEXT)), test.now, &mut test.out);
        test.elsewhere(0, 0, None);
    }
    test.pass(1000);
    test.session
        .located(Ok(Some(NEXT)), test.now, &mut test.out);
    test.out.clear();
    test.elsewhere(0, 0, Some(HOME));
    assert_eq!(test.out, [Output::Enter(character(1, "anna"), HOME)]);
}

#[test]
fn regions_that_send_each_other_a_player_are_not_believed_for_ever() {
    let mut test = Test::playing();
    test.ask(step());
    let mut detours = 0;
    for attempt in 0.. {
        test.out.clear();
        test.elsewhere(1, attempt, Some(region(i32::try_from(attempt).unwrap())));
        if test.sent().is_empty() {
            break;
        }
        detours += 1;
    }
    assert_eq!(detours, 8);
    test.pass(20);
    assert_eq!(test.out, [Output::Enter(character(1, "anna"), region(7))]);
}

#[test]
fn nor_are_regions_that_send_each_other_an_entrance() {
    let mut test = Test::new();
    test.ask(login());
    test.verdict(1, "anna");
    for n in 0..8 {
        test.out.clear();
        test.elsewhere(0, 0, Some(region(n)));
        assert_eq!(test.out, [Output::Enter(character(1, "anna"), region(n))]);
    }
    test.out.clear();
    test.elsewhere(0, 0, Some(HOME));
    assert_eq!(test.out, []);
    test.pass(20);
    assert_eq!(test.out, [Output::Enter(character(1, "anna"), region(7))]);
}

#[test]
fn a_stream_that_breaks_is_entered_by_again() {
    let mut test = Test::playing();
    test.ask(set());
    test.out.clear();
    test.session.link_lost(test.now, &mut test.out);
    assert_eq!(test.out, [Output::Enter(character(1, "anna"), HOME)]);
    test.out.clear();
    test.session.unreachable();
    assert!(test.session.is_unreachable());
    test.pass(3_000);
    assert_eq!(test.out, [], "there is nobody to ask");
    test.session.holder_changed(test.now, &mut test.out);
    assert_eq!(test.out, [Output::Enter(character(1, "anna"), HOME)]);
    test.out.clear();
    test.hear(1, Event::Entered(HOME));
    assert_eq!(test.sent(), [(1, 1, HOME)]);
}

#[test]
fn whose_outcome_stays_unknown_is_not_answered_false() {
    for asked in [set(), get(), Asked::Read(Read::Update), login()] {
        let mut test = Test::playing();
        test.ask(asked);
        test.session.link_lost(test.now, &mut test.out);
        test.session.unreachable();
        let end = test.session.deadline().unwrap();
        assert_eq!(end - test.now, PATIENCE);
        test.pass(29_999);
        assert_eq!(test.session.end(), None);
        test.pass(1);
        assert_eq!(test.session.end(), Some(End::OutcomeUnknown));
        assert_eq!(test.answers(), []);
    }
}

#[test]
fn a_command_is_not_repeated_after_its_effect_may_be_forgotten() {
    let mut test = Test::playing();
    test.ask(step());
    test.ask(set());
    // Its predecessor's answer waits for a client that does not read, so the set is not at the head.
    test.reply(1, 0);
    test.out.clear();
    test.pass(30_000);
    test.hear(1, Event::Moved(NEXT));
    assert_eq!(test.sent(), []);
    assert_eq!(test.session.end(), Some(End::OutcomeUnknown));
    assert_eq!(test.answers(), [done()], "what was answered is still said");
}

#[test]
fn who_is_evicted_while_it_enters_leaves_what_it_may_have_entered() {
    let mut test = Test::playing();
    test.session.link_lost(test.now, &mut test.out);
    test.out.clear();
    test.hear(1, Event::Evicted(Reason::Kicked));
    assert_eq!(test.out, [Output::Leave(character(1, "anna"), HOME)]);
    assert_eq!(test.session.end(), Some(End::Evicted(Reason::Kicked)));
}

#[test]
fn who_is_evicted_gets_what_was_answered() {
    let mut test = Test::playing();
    test.ask(step());
    test.ask(step());
    test.reply(1, 0);
    test.hear(1, Event::Evicted(Reason::Kicked));
    assert_eq!(test.answers(), [done()]);
    assert_eq!(test.session.end(), Some(End::Evicted(Reason::Kicked)));
    assert_eq!(test.session.region(), None, "there is nobody to leave");
    test.out.clear();
    test.ask(step());
    assert_eq!(test.out, []);
}

#[test]
fn a_queue_has_an_end() {
    let mut test = Test::playing();
    for _ in 0..1_000 {
        assert!(test.session.has_room());
        test.ask(step());
    }
    assert!(!test.session.has_room());
    test.reply(1, 0);
    test.answers();
    assert!(test.session.has_room());
    test.session.weight = WEIGHT_MAX;
    assert!(!test.session.has_room(), "a few large ones fill it as well");
}

#[test]
fn nothing_is_taken_behind_a_login() {
    let mut test = Test::new();
    test.ask(Asked::Read(Read::Ver));
    assert!(test.session.has_room());
    test.ask(login());
    assert!(!test.session.has_room(), "it waits");
    test.session.pop(test.now, &mut test.out);
    assert!(!test.session.has_room(), "the account service is asked");
    test.verdict(1, "anna");
    assert!(!test.session.has_room(), "the character is on its way");
    test.hear(1, Event::Entered(HOME));
    assert!(test.session.has_room());
}

#[test]
fn who_takes_long_to_read_is_not_taken_for_an_unknown_outcome() {
    let mut test = Test::new();
    test.ask(Asked::Read(Read::Ver));
    for _ in 0..10 {
        test.pass(20_000);
        test.session.no_room(test.now);
    }
    test.pass(29_999);
    assert_eq!(test.session.end(), None);
    test.pass(1);
    assert_eq!(test.session.end(), Some(End::OutcomeUnknown));
    let mut test = Test::playing();
    test.ask(step());
    for _ in 0..3 {
        test.pass(10_000);
        test.session.no_room(test.now);
    }
    assert_eq!(
        test.session.end(),
        Some(End::OutcomeUnknown),
        "others are waited for no longer than their memory lasts"
    );
}
