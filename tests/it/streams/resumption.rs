//! A client whose connection broke goes on where it was.

use serde_json::json;

use crate::harness::{Database, Login, Server};

const WRITE: &str = "write_memory_bank_file";

#[tokio::test]
async fn the_answer_of_a_change_is_stored_with_it_and_read_again_anywhere() {
    let database = Database::new().await;
    let (one, two) = (Server::on(&database).await, Server::on(&database).await);
    let client = one.session(&database.editor("a").await).await;
    let arguments = json!({ "filename": "plan.md", "content": "text" });
    let mut stream = client.stream(7, WRITE, arguments).await;
    let priming = stream.event().await.unwrap();
    assert_eq!(priming.data.as_deref(), Some(""));
    assert!(priming.retry.is_some());
    let beginning = priming.id.unwrap();
    let answers = stream.rest().await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!((&answers[0]["id"], &answers[0]["result"]["isError"]), (&json!(7), &json!(false)));

    for server in [&one, &two] {
        let again = client.at(&server.url).listen(Some(&beginning)).await.rest().await;
        assert_eq!(again, answers);
    }
    let owner = database.connect(Login::Owner).await;
    let rows = "select count(*), count(closed_at), (select count(*) from mcp_events) from streams";
    let rows = owner.query_one(rows, &[]).await.unwrap();
    assert_eq!((rows.get::<_, i64>(0), rows.get::<_, i64>(1), rows.get::<_, i64>(2)), (1, 1, 1));
}

#[tokio::test]
async fn what_names_nothing_of_the_session_is_answered_alike() {
    let database = Database::new().await;
    let server = Server::on(&database).await;
    let client = server.session(&database.editor("a").await).await;
    let arguments = json!({ "filename": "plan.md", "content": "text" });
    let mut stream = client.stream(1, WRITE, arguments).await;
    stream.rest().await;
    let last = stream.last_id.unwrap();
    let (id, _) = last.split_once('.').unwrap();
    let other = server.session(&database.editor("a").await).await;
    let foreign = server.session(&database.editor("b").await).await;
    let mut seen = Vec::new();
    for (client, after) in [
        (&client, format!("{id}.9")),
        (&client, format!("{id}.-1")),
        (&client, format!("{id}.00")),
        (&client, "0196f000-0000-7000-8000-000000000000.0".to_owned()),
        (&client, "nonsense".to_owned()),
        (&client, String::new()),
        // Nothing is left of it.
        (&client, last.clone()),
        (&other, format!("{id}.0")),
        (&foreign, format!("{id}.0")),
    ] {
        let answer = client.listening(Some(&after)).send().await.unwrap();
        seen.push((after, answer.status().as_u16(), answer.text().await.unwrap()));
    }
    for (after, status, text) in &seen {
        assert_eq!((*status, text), (400, &seen[0].2), "{after}");
    }
}
