//! Search: words, phrases, typos, exact text, filters, pages.

use serde_json::{Value, json};

use crate::harness::{Client, Database, Server};

async fn bank(database: &Database) -> (Server, Client) {
    let server = Server::on(database).await;
    let client = server.session(&database.editor("a").await).await;
    let guide = "Preface about nothing\n\n# Deployment\n\nintro\n\n## Kubernetes\n\n\
                 Rolling upgrades drain each replica\nbefore the next one starts.\n";
    client.write("guides/deploy.md", guide).await;
    client.write("guides/cache.md", "# Caching\nThe retrieval cache expires after 300 s.\n").await;
    client.write("notes.md", "The Retrieval layer is slow. replica? Yes, a replica.\n").await;
    (server, client)
}

fn places(found: &Value) -> Vec<(String, String, i64)> {
    let of = |hit: &Value, name: &str| hit[name].as_str().unwrap().to_owned();
    let results = found["results"].as_array().unwrap().iter();
    results
        .map(|hit| (of(hit, "filename"), of(hit, "heading"), hit["line"].as_i64().unwrap()))
        .collect()
}

async fn search(client: &Client, arguments: Value) -> Value {
    client.ok("search_memory_bank", arguments).await
}

fn place(filename: &str, heading: &str, line: i64) -> (String, String, i64) {
    (filename.to_owned(), heading.to_owned(), line)
}

#[tokio::test]
async fn a_phrase_is_found_with_its_heading_and_line() {
    let database = Database::new().await;
    let (_server, client) = bank(&database).await;
    let found = search(&client, json!({ "query": "\"before the next one\"" })).await;
    let expected = place("guides/deploy.md", "Deployment > Kubernetes", 10);
    assert_eq!(places(&found), [expected]);
    assert_eq!(found["results"][0]["snippet"], "before the next one starts.");
    // Another form of the words.
    let found = search(&client, json!({ "query": "upgrade draining" })).await;
    assert_eq!(places(&found), [place("guides/deploy.md", "Deployment > Kubernetes", 9)]);
    let found = search(&client, json!({ "query": "retrieval -cache" })).await;
    assert_eq!(places(&found), [place("notes.md", "", 1)]);
}

#[tokio::test]
async fn a_misspelt_word_is_corrected_and_the_correction_is_said() {
    let database = Database::new().await;
    let (_server, client) = bank(&database).await;
    for (wrong, right) in [("retreival", "retrieval"), ("Kuberntes", "kubernetes")] {
        let found = search(&client, json!({ "query": wrong })).await;
        assert_eq!(found["correctedQuery"], right);
        assert!(!places(&found).is_empty(), "{wrong}");
    }
    let found = search(&client, json!({ "query": "zzzzqqqq" })).await;
    assert_eq!((places(&found).len(), found.get("correctedQuery")), (0, None));
}

#[tokio::test]
async fn exact_text_is_found_with_and_without_regard_to_case() {
    let database = Database::new().await;
    let (_server, client) = bank(&database).await;
    let literal = async |query: &str, case: bool| {
        let arguments = json!({ "query": query, "mode": "literal", "caseSensitive": case });
        places(&search(&client, arguments).await).len()
    };
    assert_eq!(literal("retrieval", false).await, 2);
    assert_eq!(literal("retrieval", true).await, 1);
    assert_eq!(literal("300 s.", true).await, 1);
    assert_eq!(literal("replica? Yes", true).await, 1, "not a pattern");
    assert_eq!(literal("%", false).await, 0);
}

#[tokio::test]
async fn filters_narrow_and_pages_add_up() {
    let database = Database::new().await;
    let (_server, client) = bank(&database).await;
    let count = async |mut arguments: Value| {
        arguments["query"] = json!("replica OR retrieval");
        places(&search(&client, arguments).await).len()
    };
    assert_eq!(count(json!({})).await, 3);
    assert_eq!(count(json!({ "pathPrefix": "guides/" })).await, 2);
    assert_eq!(count(json!({ "files": ["notes.md"] })).await, 1);
    assert_eq!(count(json!({ "updatedSince": "2020-01-01T00:00:00Z" })).await, 3);
    assert_eq!(count(json!({ "updatedSince": "2999-01-01T00:00:00Z" })).await, 0);

    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut arguments = json!({ "query": "replica OR retrieval", "maxResults": 1 });
        if !cursor.is_null() {
            arguments["cursor"] = cursor;
        }
        let page = search(&client, arguments).await;
        seen.extend(places(&page));
        match page.get("nextCursor") {
            Some(next) => cursor = next.clone(),
            None => break,
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3);
    let foreign = json!({ "query": "other", "cursor": "eA.eA" });
    let sentence = client.refused("search_memory_bank", foreign).await;
    assert!(sentence.contains("cursor"), "{sentence}");
    let no_time = json!({ "query": "x", "updatedSince": "yesterday" });
    assert!(client.refused("search_memory_bank", no_time).await.contains("updatedSince"));
}

#[tokio::test]
async fn what_was_rewritten_is_found_anew_and_no_longer_as_it_was() {
    let database = Database::new().await;
    let (_server, client) = bank(&database).await;
    client.write("notes.md", "Now about giraffes.\n").await;
    assert_eq!(places(&search(&client, json!({ "query": "giraffe" })).await).len(), 1);
    let old = search(&client, json!({ "query": "slow" })).await;
    assert!(places(&old).iter().all(|(filename, ..)| filename != "notes.md"));
}

#[tokio::test]
async fn code_paths_addresses_and_scripts_without_spaces_are_found() {
    let database = Database::new().await;
    let (_server, client) = bank(&database).await;
    let text = "A `Vec<Widget>` in src/store/tenant.rs\n<!-- the flamingo protocol -->\n\
                https://example.test/deep/quokka?x=1\n認証トークンを検証する\nto be or not to be\n\
                ${PORT:-staging} and list[-1]\n";
    client.write("code.md", text).await;
    for (query, line) in [
        ("widget", 1),
        ("Vec<Widget>", 1),
        ("tenant", 1),
        ("tenant.rs", 1),
        ("src/store/tenant.rs", 1),
        ("flamingo", 2),
        ("quokka", 3),
        ("認証", 4),
        ("\"to be or not to be\"", 5),
        ("${PORT:-staging}", 6),
        ("list[-1]", 6),
    ] {
        let found = search(&client, json!({ "query": query })).await;
        assert_eq!(places(&found), [place("code.md", "", line)], "{query}");
    }
}

#[tokio::test]
async fn prefixes_are_read_as_names_are() {
    let database = Database::new().await;
    let (_server, client) = bank(&database).await;
    client.write("caf\u{e9}/menu.md", "croissant").await;
    let found =
        search(&client, json!({ "query": "croissant", "pathPrefix": "cafe\u{301}/" })).await;
    assert_eq!(places(&found).len(), 1);
    let listed = client.ok("list_memory_bank_files", json!({ "prefix": "cafe\u{301}/" })).await;
    assert_eq!(listed["files"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_exact_phrase_comes_first_also_when_its_words_are_common() {
    let database = Database::new().await;
    let (_server, client) = bank(&database).await;
    for n in 0..30 {
        let text = format!("# Note {n}\nGenerated, generated and generated again.\n");
        client.write(&format!("noise/{n}.md"), &text).await;
    }
    client.write("exact.md", "Padding, and more padding.\nIt can be generated from this.\n").await;
    for query in ["\"can be generated from\"", "can be generated from"] {
        let found = search(&client, json!({ "query": query, "maxResults": 3 })).await;
        assert_eq!(places(&found)[0], place("exact.md", "", 2), "{query}");
    }
}
