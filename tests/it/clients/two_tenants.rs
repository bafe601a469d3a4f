//! Two tenants at once, who use the same name and each other's words.

use serde_json::{Value, json};

use super::{Official, call, hits, read, search};
use crate::harness::{Database, Process, TestKey, redis_url};

#[tokio::test]
async fn two_tenants_at_once_keep_their_own_texts_by_the_typescript_client() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[("REDIS_URL", &redis_url())]).await;
    two_tenants_at_once(Official::TypeScript1, &database, &server).await;
}

#[tokio::test]
async fn two_tenants_at_once_keep_their_own_texts_by_the_python_client() {
    let database = Database::new().await;
    let server = Process::serve(&database, &[]).await;
    two_tenants_at_once(Official::Python, &database, &server).await;
}

async fn two_tenants_at_once(client: Official, database: &Database, server: &Process) {
    let (a, b) = (database.editor("a").await, database.editor("b").await);
    tokio::join!(
        one_tenant(client, server, &a, ("zebra crossing", "walrus lagoon")),
        one_tenant(client, server, &b, ("walrus lagoon", "zebra crossing")),
    );
}

/// Works with the bank in one session and goes on in a second.
async fn one_tenant(
    client: Official,
    server: &Process,
    key: &TestKey,
    (own, foreign): (&str, &str),
) {
    const NAME: &str = "notes/shared name.md";
    let heading = "Caf\u{e9} and cafe\u{301} \u{1f468}\u{200d}\u{1f4bb}";
    let text = format!("# Notes\r\n\r\n## {heading}\r\n\tabout the {own}, without an end of line");
    let write = |content: &str, etag: Option<&Value>| {
        let mut arguments = json!({ "filename": NAME, "content": content });
        if let Some(etag) = etag {
            arguments["ifMatchEtag"] = etag.clone();
        }
        call("write_memory_bank_file", &arguments)
    };
    let job = [
        call("initialize_memory_bank", &json!({})),
        write(&text, None),
        call("list_memory_bank_files", &json!({})),
        read(NAME),
        search(&format!("\"{own}\""), "words"),
        search(foreign, "words"),
        search(foreign, "literal"),
    ];
    let answers = client.ok(server, key, &job).await;
    let [initialized, written, listed, shown, found, foreign_words, foreign_text] =
        answers.try_into().unwrap();

    assert_eq!(initialized["created"].as_array().unwrap().len(), 5);
    assert_eq!((&written["version"], &written["created"]), (&json!(1), &json!(true)));
    let listed = listed["files"].as_array().unwrap();
    assert_eq!(listed.len(), 6);
    assert!(listed.iter().any(|file| file["filename"] == NAME && file["etag"] == written["etag"]));
    assert_eq!((&shown["content"], &shown["etag"]), (&json!(text), &written["etag"]));
    let [hit] = hits(&found) else { panic!("{found}") };
    let place = json!([NAME, format!("Notes > {heading}"), 4]);
    assert_eq!(json!([hit["filename"], hit["heading"], hit["line"]]), place);
    assert!(!foreign_words["results"].to_string().contains(foreign), "{foreign_words}");
    assert_eq!(foreign_text["results"], json!([]));

    let etag = Some(&written["etag"]);
    let job = [write("second", etag), write("third, too late", etag), read(NAME)];
    let answers = client.calls(server, key, &job).await;
    assert_ne!(answers[0]["isError"], true, "{}", answers[0]);
    assert_eq!(answers[1]["isError"], true, "{}", answers[1]);
    assert_eq!(answers[2]["structuredContent"]["content"], "second");
}
