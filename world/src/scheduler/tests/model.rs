//! The scheduler against one that is as simple as can be: a list, which is looked through for each turn.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What a uthread does in a turn to another, by that one's number.
#[derive(Debug, Clone, Copy)]
enum Act {
    Nothing,
    Add(u32, u16),
    Remove(u32),
    Prioritise(u32, u16),
    Wake(u32),
}

/// What is done in a uthread's turn, and what it wants next: the same for the same uthread, tick and seed.
fn turn(seed: u64, number: u32, now: u64, others: u32) -> (Act, Step) {
    let mut chance = Chance::new(seed ^ u64::from(number) << 32 ^ now);
    let act = act(&mut chance, others);
    let step = match chance.below(30) {
        0 => Step::End,
        1..=6 => Step::Sleep(now + chance.below(9)),
        7 => Step::Sleep(FOREVER),
        _ => Step::Yield(Priority(priority(&mut chance))),
    };
    (act, step)
}

fn act(chance: &mut Chance, others: u32) -> Act {
    let other = chance.below(u64::from(others)) as u32;
    match chance.below(16) {
        0..=1 => Act::Add(others, priority(chance)),
        2 => Act::Remove(other),
        3..=5 => Act::Prioritise(other, priority(chance)),
        6 => Act::Wake(other),
        _ => Act::Nothing,
    }
}

fn priority(chance: &mut Chance) -> u16 {
    let bound = [1, 4, 20][chance.below(3) as usize];
    chance.below(bound) as u16
}

/// The simple scheduler.
#[derive(Default)]
struct Model {
    now: u64,
    all: BTreeMap<u32, Entry>,
    /// Grows with all that is queued.
    order: u64,
    log: Log,
    others: u32,
}

#[derive(Clone, Copy)]
struct Entry {
    priority: u16,
    due: u64,
    /// In which order it was queued, or fell due.
    order: u64,
    is_in_line: bool,
}

impl Entry {
    fn rank(&self) -> (i64, u64) {
        match self.priority {
            0 => (i64::MIN, self.order),
            // The waiting is the same for all, so that any tick serves to count it from.
            priority => (i64::from(priority) + self.due as i64, self.order),
        }
    }
}

impl Model {
    fn queue(&mut self, number: u32, priority: u16, due: u64) {
        self.order += 1;
        let entry = Entry {
            priority,
            due: due.max(self.now + 1),
            order: self.order,
            is_in_line: false,
        };
        self.all.insert(number, entry);
    }

    fn act(&mut self, act: Act) {
        self.order += 1;
        let next = self.now + 1;
        match act {
            Act::Nothing => {}
            Act::Add(number, priority) => {
                self.others += 1;
                self.queue(number, priority, 0);
            }
            Act::Remove(number) => {
                self.all.remove(&number);
            }
            Act::Prioritise(number, priority) => {
                if let Some(entry) = self.all.get_mut(&number) {
                    if entry.is_in_line && entry.priority != priority {
                        entry.order = self.order;
                    }
                    entry.priority = priority;
                }
            }
            Act::Wake(number) => {
                if let Some(entry) = self.all.get(&number).copied()
                    && !entry.is_in_line
                    && entry.due > next
                {
                    self.queue(number, entry.priority, next);
                }
            }
        }
    }

    fn tick(&mut self, seed: u64, budget: u64) {
        self.now += 1;
        let now = self.now;
        let mut falling: Vec<u32> = self.all.keys().copied().collect();
        falling.retain(|number| !self.all[number].is_in_line && self.all[number].due <= now);
        falling.sort_by_key(|number| (self.all[number].due, self.all[number].order));
        for number in falling {
            self.order += 1;
            let entry = self.all.get_mut(&number).unwrap();
            (entry.order, entry.is_in_line) = (self.order, true);
        }
        // By age, which is the order of their numbers.
        for entry in self.all.values_mut() {
            if entry.is_in_line && entry.priority == 0 {
                self.order += 1;
                entry.order = self.order;
            }
        }
        let (mut resumed, mut granted, mut shared) = (0, 0, 0);
        loop {
            let in_line = self.all.iter().filter(|(_, entry)| entry.is_in_line);
            let Some((number, entry)) = in_line.min_by_key(|(_, entry)| entry.rank()) else {
                break;
            };
            let (number, entry) = (*number, *entry);
            if entry.priority != 0 {
                if granted == 0 {
                    granted = budget.saturating_sub(resumed).max(u64::from(shared == 0));
                }
                if granted == 0 {
                    break;
                }
                granted -= 1;
                shared += 1;
            }
            resumed += 1;
            self.resume(seed, number);
        }
    }

    fn resume(&mut self, seed: u64, number: u32) {
        self.log.push(number);
        // Who runs stands in no line, and does not sleep.
        let entry = self.all.get_mut(&number).unwrap();
        (entry.is_in_line, entry.due) = (false, 0);
        let (act, step) = turn(seed, number, self.now, self.others);
        self.act(act);
        let Some(entry) = self.all.get(&number).copied() else {
            return;
        };
        match step {
            Step::Yield(priority) => self.queue(number, priority.0, 0),
            Step::Sleep(tick) => self.queue(number, entry.priority, tick),
            Step::End => {
                self.all.remove(&number);
            }
        }
    }
}

/// What the uthreads of the scheduler act upon.
#[derive(Default)]
struct World {
    ids: Vec<UthreadId>,
    log: Log,
}

fn player(seed: u64, number: u32) -> impl Uthread<World> {
    move |world: &mut World, handle: &mut Handle<'_, World>| {
        world.log.push(number);
        let (act, step) = turn(seed, number, handle.now(), world.ids.len() as u32);
        do_it(act, seed, world, handle);
        step
    }
}

/// Every second is of this form.
async fn player_async(context: Context<World>, seed: u64, number: u32) {
    let mut player = player(seed, number);
    loop {
        match context.with(|world, handle| player.resume(world, handle)) {
            Step::Yield(priority) => context.yields(priority).await,
            Step::Sleep(tick) => context.sleeps_until(tick).await,
            Step::End => return,
        }
    }
}

fn do_it(act: Act, seed: u64, world: &mut World, handle: &mut Handle<'_, World>) {
    let id = |number: u32| world.ids[number as usize];
    match act {
        Act::Nothing => {}
        Act::Add(number, priority) => {
            let priority = Priority(priority);
            let added = match number % 2 {
                0 => handle.add("it", priority, player(seed, number)),
                _ => handle.add_async("it", priority, move |context| {
                    player_async(context, seed, number)
                }),
            };
            world.ids.push(added.unwrap());
        }
        Act::Remove(number) => {
            handle.remove(id(number));
        }
        Act::Prioritise(number, priority) => {
            handle.set_priority(id(number), Priority(priority));
        }
        Act::Wake(number) => {
            handle.wake(id(number));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn turns_are_those_of_a_list_that_is_looked_through(
        seed in any::<u64>(),
        count in 1u32..25,
        budget in 0u64..30,
    ) {
        let mut chance = Chance::new(seed);
        let (mut model, mut world) = (Model::default(), World::default());
        let mut scheduler = Scheduler::<World>::new(0);
        for number in 0..count {
            let act = Act::Add(number, priority(&mut chance));
            model.act(act);
            do_it(act, seed, &mut world, &mut scheduler.handle());
        }
        for now in 1..100 {
            let act = act(&mut chance, model.others);
            model.act(act);
            do_it(act, seed, &mut world, &mut scheduler.handle());
            let budget = chance.below(budget + 1);
            model.tick(seed, budget);
            scheduler.tick(&mut world, now, &mut Resumes(budget));
            prop_assert_eq!(&model.log, &world.log, "in tick {}", now);
            let behind_count = model.all.values().filter(|entry| entry.is_in_line).count();
            prop_assert_eq!(behind_count, scheduler.stats().behind_count);
            model.log.clear();
            world.log.clear();
        }
        for (number, id) in (0..).zip(&world.ids) {
            let expected = model.all.get(&number).map(|entry| Priority(entry.priority));
            prop_assert_eq!(scheduler.handle().priority(*id), expected);
        }
    }
}
