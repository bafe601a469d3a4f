//! Replicas count together.

use std::time::Duration;

use super::{LIMIT, MINUTE, accepted, call, most_in, offer, prefix, replica};
use crate::harness::{Client, Database, Process, Server, redis_url};

/// Ten times `limit` in a minute, over three replicas, while another key keeps to its own: of the one at
/// most a twentieth more than the limit in any minute, and not much less than it in each; all of the other.
#[expect(clippy::print_stdout, reason = "the figures are part of what this test is for")]
async fn check(urls: [&str; 3], database: &Database, limit: u32, minute: Duration) {
    let most_allowed = limit as usize * 21 / 20;
    let clients = async |key: &str| urls.map(|url| Client::new(url, key));
    let rate = i32::try_from(limit).unwrap();
    let loud = clients(&database.limited("a", rate).await.key).await;
    let quiet = clients(&database.limited("a", rate).await.key).await;
    let (loud, quiet) = tokio::join!(
        offer(&loud, minute / (limit * 10), minute * 3),
        offer(&quiet, minute / (limit / 2), minute * 3),
    );
    let total = loud.len();
    let loud = accepted(&loud);
    let most = most_in(minute, &loud);
    println!("{} of {total} accepted, {most} in a minute at most", loud.len());
    assert!(most <= most_allowed, "{most} in a minute");
    assert!(loud.len() >= limit as usize * 3 * 19 / 20, "{} in all", loud.len());
    assert_eq!(accepted(&quiet).len(), quiet.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_hold_one_limit_and_two_keys_do_not_influence_each_other() {
    let (database, prefix) = (Database::new().await, prefix());
    let replicas = [
        replica(&database, &prefix, &[]).await,
        replica(&database, &prefix, &[]).await,
        replica(&database, &prefix, &[]).await,
    ];
    check([0, 1, 2].map(|n| &*replicas[n].url), &database, LIMIT, MINUTE).await;
}

/// With `TEST_REAL_MINUTES`, three of them in the real binary; else nothing is left to show.
#[tokio::test(flavor = "multi_thread")]
async fn three_processes_hold_it_for_as_long_as_is_wanted() {
    let (database, prefix) = (Database::new().await, prefix());
    let variables = [("REDIS_URL", &*redis_url()), ("REDIS_KEY_PREFIX", &*prefix)];
    let processes = [
        Process::serve(&database, &variables).await,
        Process::serve(&database, &variables).await,
        Process::serve(&database, &variables).await,
    ];
    let urls = processes.each_ref().map(Process::url);
    if crate::harness::real_minutes() {
        check(urls.each_ref().map(String::as_str), &database, 60, Duration::from_mins(1)).await;
    }
    // What one accepted the others know at once.
    let key = database.limited("a", 3).await.key;
    let mut statuses = Vec::new();
    for url in urls.iter().cycle().take(6) {
        statuses.push(call(&Client::new(url, &key)).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_holds_it_without_any_redis() {
    let database = Database::new().await;
    let server = Server::with_minute(&database, &[], MINUTE).await;
    check([&*server.url; 3], &database, LIMIT, MINUTE).await;
}
