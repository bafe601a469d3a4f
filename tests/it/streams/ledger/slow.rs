//! Clients that do not read what they are sent.

use futures_util::{StreamExt as _, stream};
use mbmcp::mcp::streams::Stream;

use super::books::Books;
use super::reading::Reading;
use super::task::{Task, counting_server};
use crate::harness::{Client, Database, Events, Server, eventually};

/// What other clients call meanwhile, and how far each counts.
const CALLS: u64 = 100;
const COUNTED: u32 = 20;
/// The connections to the database, of which the slow ones' calls take all but one.
const CONNECTIONS: (&str, &str) = ("DB_MAX_CONNECTIONS", "4");

/// A call that says more than the network holds of it, and writes.
fn loud(id: u64, to: u32, padding: usize) -> Task {
    let document = Some(format!("loud-{id}.md"));
    Task { id, to, pause_ms: 1, burst: 100, padding, document }
}

/// Calls that say nearly as many messages as a call may, too many, and too many bytes.
fn loud_calls() -> [Task; 3] {
    let (messages, bytes) = Stream::LIMITS;
    let messages = u32::try_from(messages).unwrap();
    let of_half_a_kilobyte = bytes / 1024 * 2;
    assert!(u32::try_from(of_half_a_kilobyte).unwrap() > messages);
    [
        loud(1001, messages - 1, 500),
        loud(1002, messages + 50, 500),
        loud(1003, messages / 10, bytes / 800),
    ]
}

/// So many calls at once, with all that they say.
async fn calls(client: &Client, ids: std::ops::Range<u64>, at_once: usize) {
    let all = stream::iter(ids).map(async |id| {
        let task = Task { pause_ms: 0, ..Task::new(id, COUNTED) };
        let mut reading = Reading::new(task);
        let connection = Events::of(reading.task.call(client).await);
        reading.read(connection, usize::MAX).await;
        assert!(reading.succeeded(), "{reading:?}");
    });
    all.buffer_unordered(at_once).collect::<()>().await;
}

async fn all_closed(books: &Books) {
    eventually("the end of the calls", async || {
        let open = books.count("select count(*) from streams where closed_at is null").await;
        (open == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_cut_off_slows_nobody_and_reads_it_all_later() {
    let database = Database::new().await;
    let books = Books::of(&database).await;
    let (server, other): (Server, Server) =
        (counting_server(&database, &[CONNECTIONS]).await, counting_server(&database, &[]).await);
    let key = database.editor("a").await;
    let (slow, quick) = (server.session(&key).await, server.session(&key).await);
    let mut unread = Vec::new();
    for task in loud_calls() {
        let connection = Events::of(task.call(&slow).await);
        unread.push((Reading::new(task), connection));
    }
    // While the loud calls run, and when they have ended, which wait for no client.
    calls(&quick, 0..CALLS / 2, 1).await;
    all_closed(&books).await;
    calls(&quick, CALLS / 2..CALLS, 4).await;

    let elsewhere = slow.at(&other.url);
    let mut read = Vec::new();
    for (mut reading, connection) in unread {
        reading.read(connection, usize::MAX).await;
        assert_eq!(reading.answer, None, "it was not cut off");
        reading.finish(&[&elsewhere]).await;
        read.push(reading);
    }
    let [fits, too_many, too_much] = &read[..] else { panic!("three calls") };
    assert!(fits.succeeded());
    let (messages, bytes) = Stream::LIMITS;
    assert_eq!(i64::from(too_many.seq), messages + 1);
    assert!((too_much.seq as usize - 1) * too_much.task.padding < bytes);
    for refused in [too_many, too_much] {
        let sentence = refused.answer.as_ref().unwrap()["error"]["message"].to_string();
        assert!(sentence.contains("it was undone"), "{sentence}");
    }
    let written = "select count(*) from documents where path like 'loud%'";
    assert_eq!(books.count(written).await, 1);
    let written = "select count(*) from documents where path = 'loud-1001.md'";
    assert_eq!(books.count(written).await, 1);
}
