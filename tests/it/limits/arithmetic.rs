//! The script in Redis counts as the arithmetic of the process does.

use std::time::Duration;

use mbmcp::access::limits::window::Window;
use mbmcp::model::quota::SLOTS;
use mbmcp::model::{Count, Quota};

use super::{connect, prefix};
use crate::harness::redis_url;

const SCRIPT: &str = include_str!("../../../src/store/kv/rate_limit.lua");
/// When the test begins, as Redis's clock would say.
const EPOCH: u64 = 1_800_000_000;

/// Numbers that look like chance and are always the same.
fn numbers() -> impl FnMut(u64) -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    }
}

#[tokio::test]
async fn calls_at_any_time_are_counted_alike_in_both() {
    // The time is the test's.
    let told = "{ ARGV[6], ARGV[7] }";
    let script = SCRIPT.replace("redis.call('TIME')", told);
    assert!(script.contains(told));
    let script = redis::Script::new(&script);
    let (mut redis, mut next) = (connect(&redis_url()).await, numbers());
    for round in 0..20 {
        let name = format!("{}:{round}", prefix());
        let quota = Quota {
            limit: u32::try_from(1 + next(40)).unwrap(),
            window: Duration::from_secs([3, 60][usize::try_from(next(2)).unwrap()]),
        };
        let pause = [10_000, 400_000, 20_000_000][usize::try_from(next(3)).unwrap()];
        let (mut window, mut now) = (Window::default(), Duration::from_secs(EPOCH));
        for step in 0..200 {
            now += Duration::from_micros(next(pause));
            let cost = u32::try_from(next(4)).unwrap();
            let there: (u8, u32, u64, u64) = script
                .key(&name)
                .arg(u64::try_from(quota.slot().as_micros()).unwrap())
                .arg(&[SLOTS, quota.limit, cost])
                .arg(&[0, now.as_secs(), now.subsec_micros().into()])
                .invoke_async(&mut redis)
                .await
                .unwrap();
            let here = window.take(quota, cost, now);
            assert_eq!(there, in_millis(here), "{round}, {step}: {quota:?}, {cost}");
            if here.taken && next(10) == 0 {
                let _given: (u8, u32, u64, u64) = script
                    .key(&name)
                    .arg(u64::try_from(quota.slot().as_micros()).unwrap())
                    .arg(&[SLOTS.into(), quota.limit.into(), -i64::from(cost)])
                    .arg(&[0, now.as_secs(), now.subsec_micros().into()])
                    .invoke_async(&mut redis)
                    .await
                    .unwrap();
                window.give_back(cost);
            }
        }
        let ttl: i64 = redis::cmd("PTTL").arg(&name).query_async(&mut redis).await.unwrap();
        let longest = i64::try_from((quota.window + quota.slot()).as_millis()).unwrap();
        assert!(ttl > 0 && ttl <= longest, "{ttl}");
    }
}

/// As the script says it: a part of a millisecond counts whole.
fn in_millis(count: Count) -> (u8, u32, u64, u64) {
    let whole = |time: Duration| u64::try_from(time.as_micros().div_ceil(1000)).unwrap();
    (count.taken.into(), count.used, whole(count.reset), whole(count.wait))
}

#[tokio::test]
async fn a_clock_that_is_set_back_neither_stops_nor_frees_anyone_for_long() {
    let script = redis::Script::new(&SCRIPT.replace("redis.call('TIME')", "{ ARGV[6], 0 }"));
    let (mut redis, name) = (connect(&redis_url()).await, prefix());
    let mut take = async |seconds: u64| -> (u8, u32) {
        let answer: (u8, u32, u64, u64) = script
            .key(&name)
            .arg(&[1_000_000, SLOTS.into(), 2, 1, 0, EPOCH + seconds])
            .invoke_async(&mut redis)
            .await
            .unwrap();
        (answer.0, answer.1)
    };
    assert_eq!(take(1000).await, (1, 1));
    assert_eq!(take(990).await, (1, 2), "what is counted stays");
    assert_eq!(take(990).await, (0, 2));
    assert_eq!(take(10).await, (1, 1), "what lies in a far future does not");
    assert_eq!(take(11).await, (1, 2));
}
