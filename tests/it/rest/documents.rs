//! What a project remembers, by REST: read, written, deleted, and never blindly.

use futures_util::future::join_all;
use mbmcp::memory::{DeleteError, Draft, Precondition, WriteError, delete, write};
use mbmcp::model::{Ambient, Author, DocumentPath, Etag, Role, Scope};
use mbmcp::store::StoreError;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Database, Login, Reply, RestClient, Server};

const DOCUMENTS: &str = "/projects/a/documents";
const CREATE: (&str, &str) = ("if-none-match", "*");

/// A server, and an editor of the project `a` there.
async fn open(database: &Database) -> (Server, RestClient) {
    let server = Server::with(database, &[("ADMIN_TOKEN", ADMIN_TOKEN)]).await;
    let editor = RestClient::new(&server, &database.editor("a").await.key);
    (server, editor)
}

/// Where the document `name` is; its slashes are escaped too.
fn at(name: &str) -> String {
    format!("{DOCUMENTS}/{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

async fn send(
    client: &RestClient,
    method: Method,
    path: &str,
    condition: (&str, &str),
    body: Option<Value>,
) -> Reply {
    let (name, value) = condition;
    let request = client.request(method, path).header(name, value);
    Reply::of(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

async fn put(client: &RestClient, path: &str, text: &str, condition: (&str, &str)) -> Reply {
    send(client, Method::PUT, path, condition, Some(json!({ "content": text }))).await
}

fn etag(reply: &Reply) -> String {
    reply.headers["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_document_is_created_read_replaced_and_deleted() {
    let database = Database::new().await;
    let (server, editor) = open(&database).await;
    let path = format!("{DOCUMENTS}/guides/deploy.md");
    let made = put(&editor, &path, "# Zanzibar\n", CREATE).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let first = etag(&made);
    let document = made.json();
    assert_eq!(first, format!("\"{}\"", document["etag"].as_str().unwrap()));
    assert_eq!(
        (&document["path"], &document["version"], &document["sizeBytes"]),
        (&json!("guides/deploy.md"), &json!(1), &json!(11))
    );
    assert!(document["updatedBy"].is_string() && document.get("content").is_none());

    let read = editor.get(&at("guides/deploy.md")).await;
    assert_eq!((read.status, etag(&read)), (200, first.clone()));
    let mut whole = document.clone();
    whole["content"] = json!("# Zanzibar\n");
    assert_eq!(read.json(), whole);
    assert_eq!(editor.get(DOCUMENTS).await.json(), json!({ "items": [document] }));

    let replaced = put(&editor, &path, "# Zanzibar again\n", ("if-match", &first)).await;
    assert_eq!((replaced.status, &replaced.json()["version"]), (200, &json!(2)));
    let second = etag(&replaced);
    assert_eq!(put(&editor, &path, "late", ("if-match", &first)).await.status, 412);
    let late = send(&editor, Method::DELETE, &path, ("if-match", &first), None).await;
    assert_eq!((late.status, &late.json()["type"]), (412, &json!("/problems/changed")));

    let deleted = send(&editor, Method::DELETE, &path, ("if-match", &second), None).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(editor.get(&path).await.status, 404);
    let again = send(&editor, Method::DELETE, &path, ("if-match", &second), None).await;
    assert_eq!(again.status, 404);
    assert_eq!(editor.get(DOCUMENTS).await.json(), json!({ "items": [] }));
    let tools = server.session(&database.editor("a").await).await;
    let found = tools.ok("search_memory_bank", json!({ "query": "zanzibar" })).await;
    assert_eq!(found["results"], json!([]), "{found}");

    // Another document of the same name has another tag.
    let anew = put(&editor, &path, "anew", CREATE).await;
    assert_eq!((anew.status, &anew.json()["version"]), (201, &json!(1)));
    assert_ne!(etag(&anew), first);
    assert_eq!(put(&editor, &path, "late", ("if-match", &first)).await.status, 412);
}

#[tokio::test]
async fn a_deleted_document_leaves_its_revisions_and_who_deleted_it() {
    let database = Database::new().await;
    let (server, editor) = open(&database).await;
    let made = put(&editor, &at("a.md"), "one", CREATE).await;
    let other = database.key("a", Role::Owner, &[Scope::Write]).await;
    let owner = RestClient::new(&server, &other.key);
    let gone = send(&owner, Method::DELETE, &at("a.md"), ("if-match", &etag(&made)), None).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    let superuser = database.connect(Login::Superuser).await;
    let sql = "select version, path, content, deleted, created_by, key_id \
               from document_revisions order by version";
    let rows = superuser.query(sql, &[]).await.unwrap();
    let kept: Vec<(i32, &str, &str, bool)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    assert_eq!(kept, [(1, "a.md", "one", false), (2, "a.md", "", true)]);
    let signed: (uuid::Uuid, uuid::Uuid) = (rows[1].get(4), rows[1].get(5));
    assert_eq!(signed, (other.tenant.user().0, other.id.0));
    let left = "select (select count(*) from documents) + (select count(*) from document_sections)";
    assert_eq!(superuser.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn every_text_comes_back_byte_for_byte() {
    use proptest::strategy::{Strategy as _, ValueTree as _};
    use proptest::test_runner::TestRunner;

    let database = Database::new().await;
    let (_server, editor) = open(&database).await;
    let mut texts: Vec<String> = [
        "",
        "\n",
        "\r\n\r\n",
        "no newline at the end",
        "$& $1 $` \\0 \\u0041 %s {{x}}",
        "e\u{301} \u{e9} \u{212b} \u{c5}",
        "\u{feff}with a mark",
        "\u{200f}\u{202e}\u{200b}\u{2028}\u{85}",
        "👩‍👩‍👧‍👦 \u{10ffff}\u{fffd}\u{fffe}\u{e000}",
        "\u{1}\u{7}\u{1b}\u{7f}",
        "</script> \" ' <![CDATA[",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut runner = TestRunner::deterministic();
    let any = proptest::collection::vec(proptest::char::any(), 0..300);
    for _ in 0..40 {
        let drawn = any.new_tree(&mut runner).unwrap().current();
        texts.push(drawn.into_iter().filter(|drawn| *drawn != '\0').collect());
    }
    // Its own name is drawn, too.
    for (n, text) in texts.iter().enumerate() {
        let drawn = text.chars().filter(|drawn| !drawn.is_control() && *drawn != '\\').take(20);
        let name = format!("{n}/{}x", drawn.collect::<String>().replace('/', "_"));
        let written = put(&editor, &at(&name), text, CREATE).await;
        assert_eq!(written.status, 201, "{name:?}: {}", written.text);
        assert_eq!(written.json()["sizeBytes"], text.len());
        let read = editor.get(&at(&name)).await.json();
        assert_eq!(read["content"].as_str().unwrap().as_bytes(), text.as_bytes(), "{text:?}");
    }
}

#[tokio::test]
async fn nothing_is_written_blindly() {
    let database = Database::new().await;
    let (_server, editor) = open(&database).await;
    let path = at("a.md");
    let body = json!({ "content": "x" });
    for method in [Method::PUT, Method::DELETE] {
        let request = editor.request(method, &path).json(&body);
        let reply = Reply::of(request).await;
        assert_eq!(reply.status, 428, "{}", reply.text);
        assert!(reply.json()["detail"].as_str().unwrap().contains("`If-Match`"));
    }
    let tag = etag(&put(&editor, &path, "one", CREATE).await);
    let bare = tag.trim_matches('"').to_owned();
    for (condition, status) in [
        (CREATE, 412),
        (("if-none-match", tag.as_str()), 428),
        (("if-match", bare.as_str()), 412),
        (("if-match", &format!("W/{tag}")), 412),
        (("if-match", "\"1-000000000000\""), 412),
        (("if-match", ""), 412),
    ] {
        let reply = put(&editor, &path, "two", condition).await;
        assert_eq!(reply.status, status, "{condition:?}: {}", reply.text);
    }
    let both = editor.request(Method::PUT, &path).header("if-match", &tag);
    let both = both.header("if-none-match", "*").json(&body);
    assert_eq!(Reply::of(both).await.status, 400);
    let missing = put(&editor, &at("none.md"), "x", ("if-match", "*")).await;
    assert_eq!((missing.status, editor.get(&at("none.md")).await.status), (412, 404));
    assert_eq!(editor.get(&path).await.json()["content"], "one");

    let among = format!("\"0-none\", {tag}");
    assert_eq!(put(&editor, &path, "two", ("if-match", &among)).await.status, 200);
    assert_eq!(put(&editor, &path, "three", ("if-match", "*")).await.status, 200);
    let now = etag(&editor.get(&path).await);
    for (known, status) in [
        (now.clone(), 304),
        (format!("\"x\", W/{now}"), 304),
        ("*".to_owned(), 304),
        (tag, 200),
        (now.trim_matches('"').to_owned(), 200),
    ] {
        let reply = send(&editor, Method::GET, &path, ("if-none-match", &known), None).await;
        assert_eq!((reply.status, etag(&reply)), (status, now.clone()), "{known}");
        assert_eq!(reply.text.is_empty(), status == 304);
    }
}

#[tokio::test]
async fn of_twenty_with_one_tag_exactly_one_wins() {
    let database = Database::new().await;
    let (_server, editor) = open(&database).await;
    let path = at("a.md");
    let statuses = async |method: Method, condition: (&str, &str)| {
        let sent = (0..20).map(|n| {
            let body = (method == Method::PUT).then(|| json!({ "content": format!("writer {n}") }));
            send(&editor, method.clone(), &path, condition, body)
        });
        let mut statuses: Vec<u16> =
            join_all(sent).await.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        statuses
    };
    let one = |won: u16| [vec![won], vec![412; 19]].concat();
    assert_eq!(statuses(Method::PUT, CREATE).await, one(201));
    let first = etag(&editor.get(&path).await);
    assert_eq!(statuses(Method::PUT, ("if-match", &first)).await, one(200));
    assert_eq!(editor.get(&path).await.json()["version"], 2);
    let second = etag(&editor.get(&path).await);
    let deleted = statuses(Method::DELETE, ("if-match", &second)).await;
    assert_eq!(deleted, [vec![204], vec![404; 19]].concat());
}

#[tokio::test]
async fn limits_are_named() {
    let database = Database::new().await;
    let (_server, editor) = open(&database).await;
    let largest = "é".repeat(256 * 1024);
    assert_eq!(put(&editor, &at("large.md"), &largest, CREATE).await.status, 201);
    let read = editor.get(&at("large.md")).await.json();
    assert!(read["content"] == json!(largest) && read["sizeBytes"] == 512 * 1024);
    for (text, field) in [
        (format!("{largest}x"), "/content"),
        ("x".repeat(512 * 1024 + 1), "/content"),
        // Refused in any body, wherever it stands.
        ("a\0b".to_owned(), ""),
    ] {
        let reply = put(&editor, &at("larger.md"), &text, CREATE).await;
        assert_eq!((reply.status, &reply.json()["errors"][0]["field"]), (422, &json!(field)));
    }
    let huge = put(&editor, &at("huge.md"), &"x".repeat(1 << 20), CREATE).await;
    assert_eq!(huge.status, 413, "{}", huge.text);

    let deep = "1/2/3/4/5/6/7/8/9";
    let long = "x".repeat(256);
    for name in
        ["../x", "a/../../x", "a//b", "/etc/passwd", "a/", "a\0", "a\nb", "a\\b", deep, &long]
    {
        let path = at(name);
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let body = (method == Method::PUT).then(|| json!({ "content": "x" }));
            let reply = send(&editor, method, &path, ("if-match", "*"), body).await;
            assert_eq!((reply.status, &reply.json()["errors"][0]["field"]), (422, &json!("path")));
        }
    }
    assert_eq!(editor.get(&format!("{DOCUMENTS}/%FF")).await.status, 404);
    let long = format!("?prefix={}", "x".repeat(2049));
    for (query, field) in [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?cursor=x", "cursor"),
        ("?prefix=%00", "prefix"),
        (&long, "prefix"),
    ] {
        let reply = editor.get(&format!("{DOCUMENTS}{query}")).await;
        assert_eq!((reply.status, &reply.json()["errors"][0]["field"]), (422, &json!(field)));
    }
    let wrong = json!({ "content": 1, "colour": "red" });
    let reply = send(&editor, Method::PUT, &at("a.md"), CREATE, Some(wrong)).await;
    assert_eq!((reply.status, reply.json()["errors"].as_array().unwrap().len()), (422, 2));
}

#[tokio::test]
async fn a_list_has_pages_by_name_that_belong_to_the_project() {
    let database = Database::new().await;
    let (server, editor) = open(&database).await;
    for name in ["b/2", "a", "b/1", "B", "b/é", "b/10"] {
        put(&editor, &at(name), "x", CREATE).await;
    }
    let mut seen = Vec::new();
    let mut next = format!("{DOCUMENTS}?prefix=b/&limit=3");
    let cursor = loop {
        let page = editor.get(&next).await;
        seen.extend(
            page.json()["items"].as_array().unwrap().iter().map(|item| item["path"].clone()),
        );
        let Some(link) = page.headers.get("link") else { break next };
        let url = link.to_str().unwrap().split_once('>').unwrap().0.trim_start_matches('<');
        next = url.trim_start_matches("/api/v1").to_owned();
        assert!(next.contains(page.json()["nextCursor"].as_str().unwrap()));
    };
    assert_eq!(seen, ["b/1", "b/10", "b/2", "b/é"]);
    assert_eq!(editor.get(&cursor.replace("prefix=b/", "prefix=b")).await.status, 422);
    let other = RestClient::new(&server, &database.editor("b").await.key);
    assert_eq!(other.get(&cursor.replace("/a/", "/b/")).await.status, 422);
}

#[tokio::test]
async fn who_may_not_write_is_refused_by_the_code_and_by_the_database() {
    let database = Database::new().await;
    let (server, editor) = open(&database).await;
    let made = put(&editor, &at("a.md"), "kept", CREATE).await;
    let tag = etag(&made);
    for (role, scope) in [(Role::Viewer, Scope::Write), (Role::Owner, Scope::Read)] {
        let key = database.key("a", role, &[Scope::Read]).await;
        database.force_scopes(&key, &[scope]).await;
        let client = RestClient::new(&server, &key.key);
        assert_eq!(client.get(&at("a.md")).await.json()["content"], "kept");
        assert_eq!(put(&client, &at("a.md"), "x", ("if-match", &tag)).await.status, 403);
        assert_eq!(put(&client, &at("b.md"), "x", CREATE).await.status, 403);
        let gone = send(&client, Method::DELETE, &at("a.md"), ("if-match", &tag), None).await;
        assert_eq!(gone.status, 403);
    }
    let platform = RestClient::new(&server, ADMIN_TOKEN);
    let refused = platform.get(&at("a.md")).await;
    assert_eq!(refused.status, 403);
    assert!(refused.json()["detail"].as_str().unwrap().contains("operator"), "{}", refused.text);

    // Without the check of the code: the rules with the viewer's own tenant.
    let viewer = database.key("a", Role::Viewer, &[Scope::Read]).await;
    let (tenant, ambient) = (&viewer.tenant, Ambient::default());
    let author = Author { user: tenant.user(), key: Some(viewer.id), client: None };
    let seen = Etag::from_client(&tag);
    for (name, precondition) in [
        ("a.md", Precondition::None),
        ("a.md", Precondition::Unchanged(seen.clone())),
        ("b.md", Precondition::Absent),
    ] {
        let path = DocumentPath::parse(name).unwrap();
        let draft = Draft { path, content: "x".to_owned(), precondition: precondition.clone() };
        let block = async |tx: &_| write(tx, tenant, &ambient, &author, &[draft]).await;
        let refused = database.store().write(tenant, block).await.unwrap_err();
        // A row that one may not change cannot be locked either: to the rule it is not there.
        let expected = match precondition {
            Precondition::Unchanged(_) => matches!(refused, WriteError::Missing(_)),
            _ => matches!(refused, WriteError::Store(StoreError::Forbidden { .. })),
        };
        assert!(expected, "{precondition:?}: {refused}");
    }
    let path = DocumentPath::parse("a.md").unwrap();
    let block = async |tx: &_| delete(tx, tenant, &author, &path, &seen).await;
    let refused = database.store().write(tenant, block).await.unwrap_err();
    assert!(matches!(refused, DeleteError::Missing(_)), "{refused}");
    let kept = editor.get(&at("a.md")).await;
    assert_eq!((etag(&kept), &kept.json()["content"]), (tag, &json!("kept")));
    assert_eq!(editor.get(&at("b.md")).await.status, 404);

    // The role is that of now.
    let superuser = database.connect(Login::Superuser).await;
    superuser.batch_execute("update memberships set role = 'viewer'").await.unwrap();
    assert_eq!(put(&editor, &at("c.md"), "x", CREATE).await.status, 403);
    assert_eq!(editor.get(&at("a.md")).await.status, 200);
    superuser.batch_execute("delete from memberships").await.unwrap();
    assert_eq!(editor.get(&at("a.md")).await.status, 401);
}

#[tokio::test]
async fn tools_and_the_api_see_the_same_documents() {
    let database = Database::new().await;
    let (server, editor) = open(&database).await;
    let tools = server.session(&database.editor("a").await).await;
    let written = tools.write("notes/é.md", "by a tool").await;
    let read = editor.get(&at("notes/e\u{301}.md")).await;
    assert_eq!(etag(&read), format!("\"{}\"", written["etag"].as_str().unwrap()));
    assert_eq!(
        (&read.json()["content"], &read.json()["updatedClient"]),
        (&json!("by a tool"), &json!("it"))
    );
    let put = put(&editor, &at("notes/é.md"), "by REST", ("if-match", &etag(&read))).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let name = json!({ "filename": "notes/é.md" });
    let read = tools.ok("read_memory_bank_file", name).await;
    assert_eq!((&read["content"], &read["etag"]), (&json!("by REST"), &put.json()["etag"]));
    let stale = json!({ "filename": "notes/é.md", "content": "x", "ifMatchEtag": written["etag"] });
    tools.refused("write_memory_bank_file", stale).await;
    let files = tools.ok("list_memory_bank_files", json!({})).await["files"].clone();
    let items = editor.get(DOCUMENTS).await.json()["items"].clone();
    for (file, item) in files.as_array().unwrap().iter().zip(items.as_array().unwrap()) {
        assert_eq!((&file["filename"], &file["etag"]), (&item["path"], &item["etag"]));
    }
    assert_eq!((files.as_array().unwrap().len(), items.as_array().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn changes_are_written_down_without_texts() {
    let database = Database::new().await;
    let (server, _) = open(&database).await;
    let key = database.editor("a").await;
    let editor = RestClient::new(&server, &key.key);
    let first = put(&editor, &at("a.md"), "confidential", CREATE).await;
    let second = put(&editor, &at("a.md"), "confidential too", ("if-match", &etag(&first))).await;
    // What is refused changes nothing.
    put(&editor, &at("a.md"), "confidential", CREATE).await;
    send(&editor, Method::DELETE, &at("a.md"), ("if-match", &etag(&second)), None).await;
    let superuser = database.connect(Login::Superuser).await;
    let sql = "select to_jsonb(a) from audit_log a where target_kind = 'document' order by at, id";
    let rows: Vec<Value> =
        superuser.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    // The operator reads them too, and shall see no name.
    let shown = |reply: &Reply| json!({ "etag": reply.json()["etag"] });
    let (one, two) = (shown(&first), shown(&second));
    let told: Vec<_> =
        rows.iter().map(|row| json!([row["action"], row["before"], row["after"]])).collect();
    assert_eq!(
        told,
        [
            json!(["document.write", null, one]),
            json!(["document.write", one, two]),
            json!(["document.delete", two, null]),
        ]
    );
    for row in &rows {
        assert_eq!((&row["actor_kind"], &row["key_id"]), (&json!("key"), &json!(key.id)));
        assert!(row["ip"].is_string() && row["target_id"] == rows[0]["target_id"]);
    }
    assert!(!json!(rows).to_string().contains("confidential"));
}
