//! Replicas count together.

use std::time::Duration;

use super::{MINUTE, accepted, call, most_in, offer, prefix, replica};
use crate::harness::{Client, Database, Process, Server, redis_url};

/// Ten times 60 in a minute, over three replicas, while another key keeps to its limit: at most 63 of
/// the one in any minute and 57 for each that passed, and all of the other.
async fn check(urls: [&str; 3], database: &Database, minute: Duration) {
    let clients = async |key: &str| urls.map(|url| Client::new(url, key));
    let loud = clients(&database.limited("a", 60).await.key).await;
    let quiet = clients(&database.limited("a", 60).await.key).await;
    let (loud, quiet) = tokio::join!(
        offer(&loud, minute / 600, minute * 3),
        offer(&quiet, minute / 45, minute * 3),
    );
    let total = loud.len();
    let loud = accepted(&loud);
    let most = most_in(minute, &loud);
    eprintln!("{} of {total} accepted, {most} in a minute at most", loud.len());
    assert!(most <= 63, "{most} in a minute");
    assert!(loud.len() >= 171, "{} in all", loud.len());
    assert!(loud.len() <= 4 * 63, "{} in all", loud.len());
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
    check([0, 1, 2].map(|n| &*replicas[n].url), &database, MINUTE).await;
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
        check(urls.each_ref().map(String::as_str), &database, Duration::from_mins(1)).await;
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
    check([&*server.url; 3], &database, MINUTE).await;
}
