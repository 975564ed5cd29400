//! The same script with the same body does the same.

use super::body::Stage;
use crate::scheduler::Step;

/// A script that uses whatever could differ from run to run.
const RESTLESS: &str = "
local kept = {}
function on_near(me, who) me:say('near ' .. who.name) end
return function(me)
    while true do
        local t = { me.tick, string.format('%s %s', {}, print), tostring({}), tostring(me), `{function() end}` }
        for i = 1, random(20) do t['key ' .. random(1000)] = i end
        for key, value in pairs(t) do kept[#kept + 1] = tostring(key) .. tostring(value) end
        while #kept > 50 do table.remove(kept, random(#kept)) end
        table.sort(t, function(a, b) return tostring(a) < tostring(b) end)
        me.sum = table.concat(kept, ' ')
        me:say(me.sum)
        me:step(random() - 0.5, math.random(-1, 1))
        if random(10) == 1 then me:sleep(random(5)) end
        me:after(random(3), function() me.hp = me.hp + random(9) end)
        coroutine.yield(random(3) - 1)
    end
end";

#[test]
fn ten_thousand_ticks_are_the_same_bit_for_bit() {
    let run = |others: usize| {
        let mut stage = Stage::new(RESTLESS);
        // Others of the herd make the heap another one.
        let others: Vec<_> = (0..others).map(|_| stage.another("Nils")).collect();
        let mut hasher = blake3::Hasher::new();
        for _ in 0..10_000 {
            if stage.resume() == Step::End {
                panic!("{:?}", stage.faults());
            }
            stage.doll.tick += 1;
            for line in stage.doll.done.drain(..) {
                hasher.update(line.as_bytes());
            }
        }
        let end = format!("{:?} {:?}", stage.doll.position, stage.doll.attributes);
        assert_eq!(
            others.len(),
            others.iter().filter(|(other, _)| other.is_some()).count()
        );
        (hasher.finalize(), end)
    };
    assert_eq!(run(0), run(7));
}
