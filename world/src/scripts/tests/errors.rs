//! What is wrong with a script is said with its file and line.

use super::body::{FILE, Stage, files};
use crate::{
    report::{Problem, Report, Severity},
    scheduler::Step,
    scripts::{Herds, Scripts, limits::*},
};

fn problem(file: &str, text: &[u8]) -> (Option<u32>, String) {
    let mut world = files(&[]);
    world.insert(file.to_owned(), bytes::Bytes::copy_from_slice(text));
    let (scripts, mut problems) = Scripts::load(&world);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = problems.remove(0);
    assert_eq!((problem.severity, &*problem.file), (Severity::Error, file));
    assert_eq!(scripts.iter().count(), 0);
    (problem.line, problem.text)
}

#[test]
fn what_cannot_be_compiled_is_a_problem_of_the_world() {
    let cases: [(&[u8], Option<u32>, &str); 9] = [
        (
            b"return function(me)\n  me.hp =\nend",
            Some(3),
            "Expected identifier when parsing expression, got 'end'",
        ),
        (b"x = 'unfinished\n", Some(1), "Malformed string"),
        (b"-- fine\n\xff", Some(2), "not UTF-8"),
        (b"", None, "the file returns no function"),
        (
            b"return 5",
            None,
            "a function is needed that is given the entity; this is a number",
        ),
        (
            b"\n\nlocal x = nil + 1",
            Some(3),
            "attempt to perform arithmetic (add) on nil and number",
        ),
        (b"\nwhile true do end", Some(2), "steps"),
        (b"\nlocal x = random(3)", Some(2), "an entity is needed"),
        (b"coroutine.yield(1)", None, "attempt to yield"),
    ];
    for (text, line, expected) in cases {
        let (found_line, found) = problem(FILE, text);
        assert!(found.contains(expected), "{found}");
        assert_eq!(found_line, line, "{found}");
    }
    let long = vec![b' '; FILE_BYTES_MAX + 1];
    assert!(problem(FILE, &long).1.contains("65536 bytes"));
    let deep = "(".repeat(20_000);
    let (_, text) = problem(FILE, deep.as_bytes());
    assert!(
        text.contains("recursion depth") || text.contains("limit"),
        "{text}"
    );
    assert!(
        problem(&format!("behaviours/{}.lua", "x".repeat(250)), b"")
            .1
            .contains("name")
    );
}

#[test]
fn the_rest_of_a_world_is_not_the_scripts_business() {
    let fine = "return function() end";
    let (scripts, problems) = Scripts::load(&files(&[
        ("behaviours/a.lua", fine),
        ("behaviours/deep/b.lua", fine),
        ("behaviours/notes.txt", "("),
        ("client/c.lua", "("),
        ("behaviours/bad.lua", "("),
    ]));
    let names: Vec<&str> = scripts.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "deep/b"]);
    assert_eq!(problems.len(), 1);
    assert!(scripts.find("a.lua").is_some() && scripts.find("a").is_some());
    assert!(scripts.find("wander").is_none() && scripts.find("bad").is_none());
    let mut report = Report::default();
    Scripts::check(&files(&[("behaviours/bad.lua", "\n(")]), &mut report);
    assert!(!report.is_servable());
    assert!(matches!(&*report.problems, [Problem { line: Some(2), .. }]));
}

#[test]
fn the_hash_is_of_what_the_script_says() {
    let hash = |text: &str| Scripts::load(&files(&[(FILE, text)])).0.hash("x");
    let one = hash("return function() end");
    assert!(one.is_some());
    assert_eq!(one, hash("return function() end"));
    assert_ne!(one, hash("return function()  end"));
    let mut stage = Stage::new("return function() end");
    assert_eq!(
        stage.behaviour.as_ref().map(crate::scripts::Scripted::hash),
        one
    );
    stage.resume();
}

#[test]
fn a_fault_names_file_and_line() {
    let cases = [
        ("me.x = 1", "x is no attribute that is set"),
        ("me.fate = 1", "fate is nobody's to write"),
        ("me:set('fate', 1)", "fate is nobody's to write"),
        ("me.f = function() end", "a function is no value"),
        ("me.s = '\\xff'", "a text that is not UTF-8"),
        (
            "local t = {} t.t = t me.t = t",
            "a value of too many parts, or too deep",
        ),
        ("me:step(1)", "a number of tiles is needed, not a nil"),
        (
            "me:walk(0/0, 1)",
            "a number of tiles is needed, not a number",
        ),
        (
            "me:look('far')",
            "a number of tiles is needed, not a string",
        ),
        ("me:say(nil)", "a text is needed, not a nil"),
        ("me:spawn('dragon', 1, 1)", "there is no template dragon"),
        (
            "me:change('Ann', 'hp', 'much')",
            "a number is needed to change it by",
        ),
        ("me:change({}, 'hp', 1)", "a name is needed, not a nil"),
        ("me:sleep()", "a number of ticks is needed"),
        ("me:after(1, 2)", "a function is needed"),
        ("after(-1, print)", "a number of ticks is needed"),
        ("random(0)", "there is no number between them"),
        ("nothing()", "attempt to call a nil value"),
        (
            "me:nothing()",
            "attempt to call missing method 'nothing' of table",
        ),
        ("error('mine')", "mine"),
        (
            "string.rep()",
            "missing argument #1 to 'rep' (string expected)",
        ),
        (
            "('x'):find()",
            "missing argument #2 to 'find' (string expected)",
        ),
        (
            "string.format('%d', 'x')",
            "invalid argument #2 to 'format' (number expected, got string)",
        ),
        (
            "table.sort({ 1, 'x' })",
            "attempt to compare string < number",
        ),
        (
            "table.sort({ 1, 2, 3 }, function() error('in it') end)",
            "in it",
        ),
        (
            "rawset(string, 'x', 1)",
            "attempt to modify a readonly table",
        ),
        (
            "coroutine.yield('x')",
            "a uthread yields its priority, a number or nothing; this one yielded a string",
        ),
    ];
    for (body, expected) in cases {
        let (line, text) = Stage::new(&format!("return function(me)\n {body} end")).fails();
        assert_eq!(text, expected, "{body}");
        let is_yield = body.starts_with("coroutine");
        assert!(line == Some(2) || is_yield, "{body}: {line:?}");
    }
}

#[test]
fn an_error_in_a_handler_is_one_of_the_script() {
    for text in [
        "function on_hit(me, who, amount)\n error('in it') end",
        "function on_near(me, who)\n error('in it') end",
        "return function(me) me:after(1, function()\n error('in it') end) end",
    ] {
        let mut stage = Stage::new(text);
        assert_ne!(stage.resume(), Step::End);
        stage.doll.tick += 10;
        stage.doll.meets("Ann", true);
        stage.doll.events.push(crate::behaviours::Event::Hit {
            by: "Bob".to_owned(),
            amount: 2.0,
        });
        assert_eq!(stage.fails(), (Some(2), "in it".to_owned()));
    }
    let (_, text) =
        Stage::new("return function(me) me:after(1, function() me:sleep(3) end) end").fails_at(10);
    assert!(text.contains("use after"), "{text}");
}

#[test]
fn faults_are_bounded_and_can_be_printed() {
    let (scripts, _) = Scripts::load(&files(&[(
        FILE,
        "return function(me)\n error(('x'):rep(5000)) end",
    )]));
    let script = scripts.find("x").expect("it is there");
    let mut herds = Herds::new(None);
    for _ in 0..100 {
        let mut behaviour = herds.behaviour(script, "Mara").expect("it begins");
        crate::behaviours::Behaviour::resume(&mut behaviour, &mut super::body::Doll::new("Mara"));
    }
    let (faults, lost_count) = herds.drain_faults();
    assert_eq!((faults.len(), lost_count), (FAULT_COUNT_MAX, 36));
    assert_eq!(faults[0].text.len(), FAULT_BYTES_MAX);
    assert!(faults[0].to_string().starts_with("behaviours/x.lua:2: xxx"));
    assert!(faults[0].to_string().ends_with(" (Mara)"));
}
