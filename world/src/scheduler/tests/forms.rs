//! The form that is an `async fn`.

use std::{
    future::{pending, poll_fn},
    task::Poll,
};

use super::*;

type Added = Result<UthreadId, Error>;

fn add_async<F: Future<Output = ()> + Send + 'static>(
    yard: &mut Yard,
    uthread: impl FnOnce(Context<Log>) -> F,
) -> Added {
    let mut handle = yard.scheduler.handle();
    handle.add_async("async", Priority(5), uthread)
}

#[test]
fn it_goes_on_where_it_has_yielded() {
    let mut yard = Yard::new();
    let id = add_async(&mut yard, async |context| {
        for number in 1..4 {
            context.with(|log, handle| {
                assert_eq!(handle.running(), Some(context.id()));
                log.push(number);
            });
            context.yields(Priority(number as u16)).await;
        }
        context.sleeps(3).await;
        context.with(|log, handle| log.push(handle.now() as u32));
    });
    let ran: Vec<Log> = (0..8).map(|_| yard.tick(100)).collect();
    let expected: [&[u32]; 8] = [&[1], &[2], &[3], &[], &[], &[], &[7], &[]];
    assert_eq!(ran, expected);
    assert_eq!(yard.reasons(), [Reason::Finished]);
    assert_eq!(yard.scheduler.handle().priority(id.unwrap()), None);
}

#[test]
fn it_has_the_whole_scheduler() {
    let mut yard = Yard::new();
    let victim = yard.add(9, 9);
    let added = add_async(&mut yard, async move |context| {
        context.with(|_, handle| {
            assert!(handle.remove(victim));
            let child = async |context: Context<Log>| {
                context.with(|log, handle| {
                    log.push(2);
                    handle.remove(context.id());
                });
                context.yields(Priority(1)).await;
                context.with(|log, _| log.push(3));
            };
            handle.add_async("child", Priority(1), child).unwrap();
        });
    });
    added.unwrap();
    let ran: Vec<Log> = (0..4).map(|_| yard.tick(100)).collect();
    let expected: [&[u32]; 4] = [&[], &[2], &[], &[]];
    assert_eq!(ran, expected);
}

#[test]
fn who_awaits_anything_else_is_removed() {
    let mut yard = Yard::new();
    add_async(&mut yard, async |_| pending().await).unwrap();
    yard.tick(100);
    assert_eq!(yard.reasons(), [Reason::AwaitsAnother]);
}

#[test]
fn of_pauses_that_are_awaited_together_the_soonest_counts() {
    let mut yard = Yard::new();
    let added = add_async(&mut yard, async |context| {
        let mut pauses = [
            Box::pin(context.sleeps_until(50)),
            Box::pin(context.sleeps_until(3)),
            Box::pin(context.sleeps_until(9)),
        ];
        poll_fn(|task| {
            let ready = pauses.each_mut().map(|pause| pause.as_mut().poll(task));
            match ready.iter().all(Poll::is_ready) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        context.with(|log, handle| log.push(handle.now() as u32));
    });
    added.unwrap();
    let ran: Log = (0..9).flat_map(|_| yard.tick(100)).collect();
    assert_eq!(ran, [3]);
}

#[test]
fn the_world_is_not_used_within_its_use_nor_between_turns() {
    let mut yard = Yard::new();
    let added = add_async(&mut yard, async |context| {
        context.with(|_, _| context.with(|log, _| log.push(1)));
    });
    added.unwrap();
    let mut kept = None;
    let added = add_async(&mut yard, |context| {
        kept = Some(context);
        async {}
    });
    added.unwrap();
    assert_eq!(yard.tick(100), [0; 0]);
    let reasons = yard.reasons();
    assert!(
        matches!(&reasons[..], [Reason::Panicked(_), Reason::Finished]),
        "{reasons:?}"
    );
    let outside = std::panic::AssertUnwindSafe(|| kept.unwrap().now());
    assert!(std::panic::catch_unwind(outside).is_err());
    yard.add(1, 1);
    assert_eq!(yard.tick(100), [1]);
}
