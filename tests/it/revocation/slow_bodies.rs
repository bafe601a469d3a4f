//! A request whose key was good when it began, and is not when all of it is there.

use std::convert::Infallible;

use futures_util::stream;
use reqwest::Body;
use serde_json::json;
use tokio::sync::oneshot;

use super::DEADLINE;
use super::fleet::{Fleet, Way};
use crate::harness::{Login, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_the_rest_after_the_revocation_is_refused_and_changes_nothing() {
    let fleet = Fleet::start().await;
    let key = fleet.key().await;
    let client = fleet.client(&fleet.servers[0], &key).modern();
    let arguments = json!({ "filename": "late.md", "content": "x" });
    let call = json!({ "name": "write_memory_bank_file", "arguments": arguments });
    let mut request = client.rpc_request("tools/call", call).build().unwrap();
    let whole = request.body().unwrap().as_bytes().unwrap().to_vec();
    let (beginning, rest) = whole.split_at(whole.len() / 2);
    let (beginning, rest) = (beginning.to_vec(), rest.to_vec());
    let (go, going) = oneshot::channel();
    let parts = stream::once(async { Ok::<_, Infallible>(beginning) });
    let parts = futures_util::StreamExt::chain(
        parts,
        stream::once(async move {
            going.await.unwrap();
            Ok(rest)
        }),
    );
    *request.body_mut() = Some(Body::wrap_stream(parts));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let sending = tokio::spawn(async move { http.execute(request).await.unwrap() });

    let mut redis = fleet.redis.connect().await;
    eventually("that its key is let in", async || fleet.entry(&mut redis, &key).await).await;
    fleet.revoke(Way::Sql, key.id).await;
    tokio::time::sleep(DEADLINE).await;
    go.send(()).unwrap();
    let response = sending.await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(response.headers().contains_key("www-authenticate"));
    let superuser = fleet.database.connect(Login::Superuser).await;
    let written = superuser.query("select from documents", &[]).await.unwrap();
    assert!(written.is_empty());
}
