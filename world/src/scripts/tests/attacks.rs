//! Scripts of a stranger who means harm. Each must be stopped, and must not have been able to do more than its share before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::body::Stage;
use crate::{
    behaviours::Behaviour,
    scheduler::{Priority, Step},
    scripts::{Herds, limits::*},
};

/// No attack may take longer, even in a build without optimisation on a busy machine. A tick has 50 ms.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a Lua state takes to begin with, and some.
const BASE_BYTES: usize = 1024 * 1024;

/// Runs a script whose function has this body until it is stopped, and says why it was.
fn stopped(body: &str) -> (Option<u32>, String) {
    let mut stage = Stage::new(&format!("return function(me)\n{body}\nend"));
    let began = Instant::now();
    let failure = stage.fails();
    assert!(began.elapsed() < PATIENCE, "{body}: {:?}", began.elapsed());
    assert!(stage.herds.used_bytes() < BASE_BYTES + HERD_BYTES_MAX + MEMBER_BYTES_MAX);
    failure
}

#[test]
fn who_loops_for_ever_is_stopped_where_it_loops() {
    for body in [
        "while true do end",
        "repeat until false",
        "for i = 1, math.huge do end",
        "while true do me:is_clear(1, 1) end",
        "while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "local function f() return pcall(f), pcall(f) end f()",
        "local co = coroutine.wrap(function() while true do end end); pcall(co); while true do end",
        "local t = setmetatable({}, { __index = function(t, k) return t[k] end }); while true do pcall(function() return t.x end) end",
        "local t = setmetatable({}, { __eq = function() while true do end end }); local _ = t == setmetatable({}, getmetatable(t))",
        "local t = setmetatable({}, { __iter = function() return function() return 1 end end }); for _ in t do end",
        "table.sort({ 3, 1, 2 }, function() while true do end end)",
        "string.gsub('aaaa', 'a', function() while true do end end)",
        "error(setmetatable({}, { __tostring = function() while true do end end }))",
    ] {
        let (line, text) = stopped(body);
        let is_error_object = body.starts_with("error");
        assert!(
            is_error_object || text.contains("steps"),
            "{body}: {line:?} {text}"
        );
        assert_eq!(line, Some(2), "{body}: {text}");
    }
}

#[test]
fn what_is_dear_in_one_step_costs_more_steps() {
    let long =
        format!("local s = ('a'):rep({SUBJECT_BYTES_MAX}); local t = table.create(3000, 1);");
    for body in [
        "while true do s:find(('.-'):rep(20) .. 'b') end",
        "while true do s:find('%bxy') end",
        "while true do s:find(s:sub(2) .. 'b', 1, true) end",
        "while true do s:gsub('a', 'a') end",
        "while true do for x in s:gmatch('.-b') do end end",
        "while true do local _ = s:sub(1, -1) end",
        "while true do table.sort(t) end",
        "while true do table.insert(t, 1, 1); table.remove(t, 1) end",
        "while true do table.concat(t, '', 1, 0) ; table.find(t, 2) end",
        "while true do table.move(t, 1, 3000, 2) end",
        "while true do select('#', table.unpack(t)) end",
        "while true do utf8.len(s) end",
    ] {
        let (line, text) = stopped(&format!("{long} {body}"));
        assert!(
            text.contains("steps") || text.contains("memory"),
            "{body}: {line:?} {text}"
        );
    }
    let (_, text) = stopped("local s = ('a'):rep(20000); s:find('b')");
    assert_eq!(text, "a text of more than 8192 bytes is not searched");
}

#[test]
fn who_takes_too_much_memory_is_stopped() {
    for body in [
        "local s = ('x'):rep(1000000000)",
        "local s = 'x'; while true do s = s .. s end",
        "local t = {}; while true do t[#t + 1] = {} end",
        "local t = {}; while true do t[#t + 1] = t end",
        "local t = {}; for i = 1, 1e9 do t['k' .. i] = i end",
        "table.create(100000000)",
        "while true do me:look(1) end",
        "while true do coroutine.wrap(function() coroutine.yield(1) end)() end",
        "local t = {}; for i = 1, 1e9 do t[i] = coroutine.create(function() end) end",
        "local t = {}; for i = 1, 1e9 do t[i] = function() return i end end",
        "table.unpack({}, 1, 900000)",
        "string.format('%s' .. ('%s'):rep(10), ('x'):rep(50000), ('y'):rep(50000), ('z'):rep(50000))",
        "local function f(...) return f(1, ...) end f()",
    ] {
        let (line, text) = stopped(body);
        let is_known = ["memory", "steps", "overflow", "too many", "expected"];
        assert!(
            is_known.iter().any(|known| text.contains(known)),
            "{body}: {line:?} {text}"
        );
    }
}

#[test]
fn who_recurses_is_stopped() {
    for body in [
        "local function f() return 1 + f() end f()",
        "local function f() return coroutine.wrap(f)() end f()",
        "local function f() return ('x'):gsub('x', f) end f()",
        "local t = {}; setmetatable(t, { __index = t }); local _ = t.x",
        "local t = setmetatable({}, {}); getmetatable(t).__index = function() return t.x end; local _ = t.x",
        "local t = setmetatable({}, {}); getmetatable(t).__tostring = function() return tostring(t) end; tostring(t)",
        "('x'):find(('('):rep(100))",
        "('x'):rep(8000):find(('.-'):rep(1000) .. 'y')",
    ] {
        let (_, text) = stopped(body);
        assert!(!text.is_empty(), "{body}");
    }
}

#[test]
fn memory_that_is_kept_is_bounded_over_many_turns() {
    let mut stage = Stage::new(
        "return function(me) local kept = {} while true do kept[#kept + 1] = ('x'):rep(50000) .. #kept; coroutine.yield(1) end end",
    );
    let mut most = 0;
    let turns = (0..100).take_while(|_| {
        stage.doll.tick += 100;
        most = most.max(stage.herds.used_bytes());
        stage.resume() != Step::End
    });
    let turns = turns.count();
    assert!((5..40).contains(&turns), "{turns}");
    assert!(
        most <= BASE_BYTES + HERD_BYTES_MAX + MEMBER_BYTES_MAX,
        "{most}"
    );
    let faults = stage.faults();
    assert!(faults[0].text.contains("memory"), "{faults:?}");
}

#[test]
fn garbage_does_not_add_up() {
    let mut stage = Stage::new(
        "return function(me) while true do local t = {}; for i = 1, 200 do t[i] = 'garbage ' .. i .. me.tick end coroutine.yield(1) end end",
    );
    let base = stage.herds.used_bytes();
    for _ in 0..2_000 {
        stage.doll.tick += 100;
        assert_ne!(stage.resume(), Step::End);
    }
    let grown = stage.herds.used_bytes() - base;
    assert!(grown < 400 * 1024, "{grown}");
}

#[test]
fn what_everybody_shares_cannot_be_changed() {
    for body in [
        "string.rep = nil",
        "getmetatable('').__index = function() end",
        "table.insert = print",
        "math.random = nil",
        "coroutine.yield = nil",
        "rawset(string, 'x', 1)",
        "setmetatable(string, {})",
        "table.clear(math)",
        "setmetatable(me, {})",
        "getmetatable(me).__index = nil",
    ] {
        let (line, text) = stopped(body);
        assert_eq!(line, Some(2), "{body}: {text}");
    }
}

#[test]
fn nothing_leads_out() {
    let names = [
        "os",
        "io",
        "package",
        "require",
        "debug",
        "load",
        "loadstring",
        "dofile",
        "loadfile",
        "getfenv",
        "setfenv",
        "newproxy",
        "collectgarbage",
        "gcinfo",
        "print",
        "_G",
        "buffer",
        "vector",
        "table.foreach",
        "string.dump",
        "math.randomseed",
        "shared",
        "integer",
    ];
    for name in names {
        let mut stage = Stage::new(&format!(
            "return function(me) if {name} ~= nil then me:say('{name}') end end"
        ));
        stage.resume();
        assert_eq!(stage.doll.done, [""; 0], "{name}");
    }
    let gathered = "local seen = {}
        local function walk(t, path) for k, v in t do seen[#seen + 1] = path .. tostring(k); if type(v) == 'table' then walk(v, path .. k .. '.') end end end
        walk({ string = string, table = table, math = math, coroutine = coroutine, utf8 = utf8, bit32 = bit32 }, '')
        for _, name in seen do me:say(name) end";
    let mut stage = Stage::new(&format!("return function(me) {gathered} end"));
    stage.resume();
    assert_eq!(stage.faults(), []);
    for said in &stage.doll.done {
        assert!(
            !said.contains("random") || said == "says math.random",
            "{said}"
        );
    }
    assert_eq!(stage.doll.done.len(), 103, "{:#?}", stage.doll.done);
}

#[test]
fn a_script_cannot_be_bytecode() {
    let (_, problems) = crate::scripts::Scripts::load(&super::body::files(&[(
        super::body::FILE,
        "\u{6}\u{3}\0\u{1b}Lua",
    )]));
    assert_eq!(problems.len(), 1);
}

#[test]
fn who_takes_much_waits_until_it_is_paid_for() {
    let mut stage = Stage::new(
        "return function(me) while true do for i = 1, 4000 do end coroutine.yield(0) end end",
    );
    assert_eq!(stage.resume(), Step::Sleep(109));
    stage.doll.tick = 105;
    assert_eq!(stage.resume(), Step::Sleep(109));
    stage.doll.tick = 109;
    assert_eq!(stage.resume(), Step::Sleep(118));
}

#[test]
fn a_script_that_is_stopped_again_and_again_is_refused() {
    let text = "return function(me) if me.hp > 5 then while true do end end end";
    let mut stage = Stage::new(text);
    let (mut harmless, mut doll) = stage.another("Nils");
    doll.attributes.insert("hp".to_owned(), wire::Value::Int(1));
    for count in 1..=STOPPED_COUNT_MAX {
        assert_eq!(stage.resume(), Step::End);
        let (line, _) = (stage.faults().remove(0).line, ());
        assert_eq!(line, Some(1));
        let (again, _) = stage.another("Mara");
        assert_eq!(again.is_some(), count < STOPPED_COUNT_MAX);
        stage.behaviour = again;
    }
    let harmless = harmless.as_mut().expect("it has begun");
    assert_eq!(harmless.resume(&mut doll), Step::End);
    let texts: Vec<String> = stage.faults().into_iter().map(|fault| fault.text).collect();
    assert!(
        texts.iter().all(|text| text.contains("took too much")),
        "{texts:?}"
    );
    let fixed = Stage::with(
        std::mem::take(&mut stage.herds),
        &format!("{text} -- fixed"),
    );
    assert!(fixed.behaviour.is_some(), "another version may run");
}

#[test]
fn few_steps_that_take_long_are_stopped_by_the_clock() {
    let clock = Arc::new(AtomicU64::new(0));
    let hand = clock.clone();
    let watch = move || Duration::from_micros(hand.fetch_add(600, Ordering::Relaxed));
    let text = "return function(me) me:sleep(1)\n for i = 1, 500 do end end";
    let mut stage = Stage::with(Herds::new(Some(Arc::new(watch))), text);
    assert_eq!(stage.resume(), Step::Sleep(101));
    stage.doll.tick += 1;
    let (line, text) = stage.fails();
    assert_eq!(line, Some(2));
    assert!(text.contains("10ms"), "{text}");
}

#[test]
fn one_script_cannot_hurt_another() {
    let mut stage =
        Stage::new("return function(me) while true do me:step(1, 0); coroutine.yield(1) end end");
    let files = super::body::files(&[(
        "behaviours/bad.lua",
        "string = nil; return function(me) local t = {} while true do t[#t + 1] = {} end end",
    )]);
    let (bad, problems) = crate::scripts::Scripts::load(&files);
    assert_eq!(problems, []);
    let mut behaviour = stage
        .herds
        .behaviour(bad.find("bad.lua").expect("it is there"), "Bad")
        .expect("it begins");
    for _ in 0..3 {
        assert_eq!(stage.resume(), Step::Yield(Priority(1)));
        behaviour.resume(&mut super::body::Doll::new("Bad"));
    }
    assert_eq!(stage.doll.position.x, 8.0);
    assert_eq!(stage.faults().len(), 1);
}
