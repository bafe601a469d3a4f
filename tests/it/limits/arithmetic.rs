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

/// `first`, `last`, `sum`, and a window's slots with the one that it cuts.
const MOST_FIELDS: usize = 3 + SLOTS as usize + 1;

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
            // What was taken a while ago, or more than that.
            let given_back = if next(6) == 0 { next(9) } else { 0 };
            let there: (u8, u32, u64, u64) = script
                .key(&name)
                .arg(u64::try_from(quota.slot().as_micros()).unwrap())
                .arg(&[SLOTS, quota.limit, cost])
                .arg(-given_back.cast_signed())
                .arg(&[now.as_secs(), now.subsec_micros().into()])
                .invoke_async(&mut redis)
                .await
                .unwrap();
            window.take(quota, 0, now);
            window.refund(u32::try_from(given_back).unwrap());
            let here = window.take(quota, cost, now);
            let case = format!("{round}, {step}: {quota:?}, {cost}, {given_back}");
            assert_eq!(there, in_millis(here), "{case}");
            let fields: usize =
                redis::cmd("HLEN").arg(&name).query_async(&mut redis).await.unwrap();
            assert!(fields <= MOST_FIELDS, "{case}: {fields}");
            if here.used > 0 {
                let ttl: i64 = redis::cmd("PTTL").arg(&name).query_async(&mut redis).await.unwrap();
                let longest = i64::try_from((quota.window + quota.slot()).as_millis()).unwrap();
                assert!(ttl > 0 && ttl <= longest, "{case}: {ttl}");
            }
        }
    }
}

#[tokio::test]
async fn of_what_was_given_back_nothing_is_left() {
    let script = redis::Script::new(&SCRIPT.replace("redis.call('TIME')", "{ ARGV[6], 0 }"));
    let (mut redis, name) = (connect(&redis_url()).await, prefix());
    let mut count = async |seconds: u64, cost: i64, owed: i64| -> (u32, usize) {
        let answer: (u8, u32, u64, u64) = script
            .key(&name)
            .arg(&[1_000_000, SLOTS.into(), 9, cost, owed])
            .arg(EPOCH + seconds)
            .invoke_async(&mut redis)
            .await
            .unwrap();
        let fields = redis::cmd("HLEN").arg(&name).query_async(&mut redis).await.unwrap();
        (answer.1, fields)
    };
    // Each of two is given back when the other one has been.
    assert_eq!(count(100, 1, 0).await, (1, 4));
    assert_eq!(count(101, 1, 0).await, (2, 5));
    assert_eq!(count(101, 0, -1).await, (1, 4));
    assert_eq!(count(101, 0, -1).await, (0, 0));
    assert_eq!(count(101, 0, -1).await, (0, 0));
    // What was let through elsewhere, and what is given back of that.
    assert_eq!(count(102, 3, 2).await, (5, 4));
    assert_eq!(count(103, 2, -4).await, (3, 5));
    assert_eq!(count(163, 0, -9).await, (0, 0));
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
