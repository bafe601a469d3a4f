//! The life of a membership.

use futures_util::future::{join, join_all};
use mbmcp::model::{Role, Scope};
use serde_json::{Value, json};

use super::{Office, fresh, patch_if, wrong_field};
use crate::harness::{Client, Database, Login, RestClient, eventually};

const MEMBERS: &str = "/projects/a/members";

fn path(member: &Value) -> String {
    format!("{MEMBERS}/{}", member["userId"].as_str().unwrap())
}

#[tokio::test]
async fn a_member_is_added_listed_shown_changed_and_removed() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    for admin in [&office.owner, &office.platform] {
        let email = format!("{}@example.test", fresh());
        let added = admin.post(MEMBERS, &json!({ "email": email, "role": "viewer" })).await;
        assert_eq!(added.status, 201, "{}", added.text);
        let ann = added.json();
        let location = added.headers["location"].to_str().unwrap();
        assert!(location.ends_with(&format!("/members/{}", ann["userId"].as_str().unwrap())));
        assert_eq!((&ann["email"], &ann["role"]), (&json!(email), &json!("viewer")));
        let twice = admin.post(MEMBERS, &json!({ "email": email, "role": "owner" })).await;
        assert_eq!((twice.status, &twice.json()["type"]), (409, &json!("/problems/conflict")));

        let shown = admin.get(&path(&ann)).await;
        assert_eq!(shown.json(), ann);
        assert!(admin.get(MEMBERS).await.text.contains(&email));
        let etag = shown.headers["etag"].to_str().unwrap();
        let changed = patch_if(admin, &path(&ann), etag, &json!({ "role": "editor" })).await;
        assert_eq!((changed.status, &changed.json()["role"]), (200, &json!("editor")));
        let late = patch_if(admin, &path(&ann), etag, &json!({ "role": "owner" })).await;
        assert_eq!(late.status, 412, "{}", late.text);
        assert_eq!(admin.get(&path(&ann)).await.json(), changed.json());

        assert_eq!(admin.delete(&path(&ann)).await.status, 204);
        for gone in [
            admin.get(&path(&ann)).await,
            admin.delete(&path(&ann)).await,
            admin.patch(&path(&ann), &json!({ "role": "viewer" })).await,
            admin.get(&format!("{MEMBERS}/nonsense")).await,
        ] {
            assert_eq!(gone.status, 404, "{}", gone.text);
        }
        // The person is still there, and comes back as the same.
        let back = admin.post(MEMBERS, &json!({ "email": email, "role": "owner" })).await.json();
        assert_eq!(back["userId"], ann["userId"]);
        assert_eq!(admin.delete(&path(&back)).await.status, 204);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_member_is_said() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let member = office.member(Role::Viewer).await;
    for admin in [&office.owner, &office.platform] {
        for (body, field) in [
            (json!({ "role": "viewer" }), ""),
            (json!({ "role": "viewer", "email": "x@y.test", "userId": member }), ""),
            (json!({ "role": "king", "email": "x@y.test" }), "/role"),
            (json!({ "role": "viewer", "email": "nobody" }), "/email"),
            (json!({ "role": "viewer", "email": "a\0b@y.test" }), ""),
            (json!({ "role": "viewer", "userId": fresh() }), "/userId"),
        ] {
            let refused = admin.post(MEMBERS, &body).await;
            assert_eq!(wrong_field(&refused), (422, field.to_owned()), "{body}: {}", refused.text);
        }
        for body in
            [json!({}), json!({ "role": "king" }), json!({ "role": "owner", "userId": member })]
        {
            let refused = admin.patch(&format!("{MEMBERS}/{member}"), &body).await;
            assert_eq!(refused.status, 422, "{body}: {}", refused.text);
        }
    }
    let listed = office.owner.get(&format!("{MEMBERS}?limit=1")).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let rest = format!("{MEMBERS}?cursor={}", listed["nextCursor"].as_str().unwrap());
    let rest = office.owner.get(&rest).await.json();
    assert_eq!((&rest["items"][0]["userId"], rest.get("nextCursor")), (&json!(member), None));
}

#[tokio::test]
async fn an_owner_learns_of_a_stranger_what_he_typed() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let theirs = database.key("b", Role::Owner, &[Scope::Admin]).await;
    let stranger = theirs.tenant.user().to_string();
    let unseen = format!("{MEMBERS}/{stranger}");
    assert_eq!(office.owner.get(&unseen).await.status, 404);
    // By id neither who exists is added nor whether one exists is told.
    let by_id = async |id: &str| {
        office.owner.post(MEMBERS, &json!({ "userId": id, "role": "viewer" })).await
    };
    let (known, unknown) = (by_id(&stranger).await, by_id(&fresh()).await);
    assert_eq!((known.status, &known.text), (422, &unknown.text));
    assert_eq!(office.owner.get(&unseen).await.status, 404);

    let by_email = async |email: &str| {
        office.owner.post(MEMBERS, &json!({ "email": email, "role": "viewer" })).await
    };
    let (known, unknown) = (by_email(&theirs.user).await, by_email("new@b.test").await);
    assert_eq!((known.status, unknown.status), (201, 201));
    assert_eq!(known.json()["userId"], json!(stranger));
    let shape = |member: Value| {
        let fields = ["role", "displayName"].map(|field| member[field].clone());
        (member.as_object().unwrap().keys().cloned().collect::<Vec<_>>(), fields)
    };
    assert_eq!(shape(known.json()), shape(unknown.json()));
    // Nothing of the other project has changed.
    let their_office = RestClient::new(&office.server, &theirs.key);
    let members = their_office.get("/projects/b/members").await.json();
    assert_eq!(members["items"].as_array().unwrap().len(), 1);
    assert_eq!(members["items"][0]["role"], "owner");
}

#[tokio::test]
async fn one_person_is_made_however_many_add_it_at_once() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let mut owners = vec![("a".to_owned(), office.owner.clone())];
    for slug in ["b", "c", "d", "e"] {
        let key = database.key(slug, Role::Owner, &[Scope::Admin]).await;
        owners.push((slug.to_owned(), RestClient::new(&office.server, &key.key)));
    }
    let new = json!({ "email": "ann@example.test", "role": "editor" });
    let added = owners.iter().map(|(project, owner)| {
        let (path, new) = (format!("/projects/{project}/members"), &new);
        async move { owner.post(&path, new).await }
    });
    let added = join_all(added).await;
    for reply in &added {
        assert_eq!((reply.status, &reply.json()["userId"]), (201, &added[0].json()["userId"]));
    }
}

#[tokio::test]
async fn a_lowered_role_is_what_keys_do_no_more_than() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let key = database.editor("a").await;
    let client = office.server.session(&key).await;
    client.write("a.md", "text").await;
    let member = format!("{MEMBERS}/{}", key.tenant.user());
    assert_eq!(office.owner.patch(&member, &json!({ "role": "viewer" })).await.status, 200);
    client.ok("read_memory_bank_file", json!({ "filename": "a.md" })).await;
    let refused =
        client.call("write_memory_bank_file", json!({ "filename": "b.md", "content": "x" }));
    assert_eq!(refused.await.code(), -32602, "a viewer has no such tool");
    let kept = office.owner.get(&format!("/projects/a/keys/{}", key.id)).await.json();
    assert_eq!((&kept["scopes"], &kept["state"]), (&json!(["read", "write"]), &json!("active")));
    office.owner.patch(&member, &json!({ "role": "editor" })).await;
    client.write("b.md", "again").await;
}

#[tokio::test]
async fn who_is_removed_has_no_keys_and_no_sessions() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let key = database.editor("a").await;
    let client = office.server.session(&key).await;
    client.write("a.md", "zanzibar").await;
    let user = key.tenant.user();
    assert_eq!(office.owner.delete(&format!("{MEMBERS}/{user}")).await.status, 204);
    // At once, although the process still knows the key.
    for client in [&client, &client.modern()] {
        let reply = client.call("read_memory_bank_file", json!({ "filename": "a.md" })).await;
        let refused = reply.status != 200 || reply.json()["result"]["isError"] != false;
        assert!(refused && !reply.text.contains("zanzibar"), "{}", reply.text);
    }
    let superuser = database.connect(Login::Superuser).await;
    for table in ["api_keys", "sessions", "memberships"] {
        let sql = format!("select count(*) from {table} where user_id = $1");
        let left: i64 = superuser.query_one(&sql, &[&user.0]).await.unwrap().get(0);
        assert_eq!(left, 0, "{table}");
    }
    eventually("the end of the key", async || {
        let again = Client::new(&office.server.url, &key.key).modern();
        (again.rpc("tools/list", json!({})).await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_project_keeps_its_last_owner() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let own = format!("{MEMBERS}/{}", office.key.tenant.user());
    for admin in [&office.owner, &office.platform] {
        for kept in [
            admin.delete(&own).await,
            admin.patch(&own, &json!({ "role": "editor" })).await,
            admin.patch(&own, &json!({ "role": "viewer" })).await,
        ] {
            assert_eq!((kept.status, &kept.json()["type"]), (409, &json!("/problems/conflict")));
        }
        assert_eq!(admin.patch(&own, &json!({ "role": "owner" })).await.status, 200);
    }
    // With another one he may lower himself, or leave.
    office.member(Role::Owner).await;
    let left = office.owner.delete(&own).await;
    assert_eq!(left.status, 204, "{}", left.text);
    assert_eq!(office.owner.get(MEMBERS).await.status, 401);
    let sql =
        "select count(*) from audit_log where action = 'member.remove' and actor_user_id = $1";
    let superuser = database.connect(Login::Superuser).await;
    let told = superuser.query_one(sql, &[&office.key.tenant.user().0]).await.unwrap();
    assert_eq!(told.get::<_, i64>(0), 1);
}

/// Two owners with `admin` keys of a new project.
async fn two_owners(office: &Office, round: usize) -> (String, [(String, RestClient); 2]) {
    let slug = format!("round-{round}");
    let new = json!({ "slug": slug, "name": "n", "owner": { "email": "one@example.test" } });
    let made = office.platform.post("/projects", &new).await.json();
    let members = format!("/projects/{slug}/members");
    let new = json!({ "email": "two@example.test", "role": "owner" });
    let two = office.platform.post(&members, &new).await.json()["userId"].clone();
    let one = office.platform.get(&members).await.json()["items"][0]["userId"].clone();
    let issue = json!({ "userId": two, "scopes": ["admin"] });
    let key = office.platform.post(&format!("/projects/{slug}/keys"), &issue).await.json();
    let client = |made: &Value| RestClient::new(&office.server, made["key"].as_str().unwrap());
    let member = |user: &Value| format!("{members}/{}", user.as_str().unwrap());
    (slug, [(member(&one), client(&made)), (member(&two), client(&key))])
}

#[tokio::test]
async fn of_two_owners_who_remove_each_other_one_stays() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let lower = json!({ "role": "viewer" });
    let mut raced = 0;
    for round in 0..24 {
        let (slug, [(one, by_one), (two, by_two)]) = two_owners(&office, round).await;
        // Warm, so that both arrive at once.
        join(by_one.get(&one), by_two.get(&two)).await;
        let (first, second) = match round % 4 {
            0 => join(by_one.delete(&two), by_two.delete(&one)).await,
            1 => join(by_one.patch(&two, &lower), by_two.patch(&one, &lower)).await,
            2 => join(by_one.delete(&one), by_two.patch(&two, &lower)).await,
            _ => join(office.platform.delete(&one), office.platform.patch(&two, &lower)).await,
        };
        let done = [&first, &second].iter().filter(|reply| reply.status < 300).count();
        assert_eq!(done, 1, "{round}: {} / {}", first.text, second.text);
        let refused = if first.status < 300 { &second } else { &first };
        assert!([401, 403, 404, 409].contains(&refused.status), "{round}: {}", refused.text);
        raced += usize::from(![401, 403].contains(&refused.status));
        let members = office.platform.get(&format!("/projects/{slug}/members")).await.json();
        let owners = members["items"].as_array().unwrap().iter().filter(|m| m["role"] == "owner");
        assert_eq!(owners.count(), 1, "{round}");
    }
    assert!(raced > 0, "control: they never met");
}

#[tokio::test]
async fn an_owner_gets_no_hold_on_another_project() {
    let database = Database::new().await;
    let office = Office::open(&database).await;
    let theirs = database.key("b", Role::Owner, &[Scope::Admin]).await;
    let (own, project) = (office.key.tenant.user(), theirs.tenant.project());
    let before = office.platform.get("/projects/b/members").await.json();
    for b in ["b".to_owned(), project.to_string()] {
        let members = format!("/projects/{b}/members");
        for body in [
            json!({ "email": office.key.user, "role": "owner" }),
            json!({ "userId": own, "role": "owner" }),
        ] {
            assert_eq!(office.owner.post(&members, &body).await.status, 404);
        }
        let attack = json!({ "role": "owner" });
        assert_eq!(office.owner.patch(&format!("{members}/{own}"), &attack).await.status, 404);
        let victim = format!("{members}/{}", theirs.tenant.user());
        assert_eq!(office.owner.patch(&victim, &json!({ "role": "viewer" })).await.status, 404);
        assert_eq!(office.owner.delete(&victim).await.status, 404);
        assert_eq!(office.owner.patch(&format!("/projects/{b}"), &json!({})).await.status, 404);
    }
    // A key stays what and where it is.
    let key = format!("/projects/a/keys/{}", office.key.id);
    for repoint in [
        json!({ "projectId": project }),
        json!({ "project": "b" }),
        json!({ "userId": theirs.tenant.user() }),
    ] {
        assert_eq!(office.owner.patch(&key, &repoint).await.status, 422);
    }
    // Nor does a membership in both carry a key over.
    let add = json!({ "email": office.key.user, "role": "owner" });
    let their_office = RestClient::new(&office.server, &theirs.key);
    assert_eq!(their_office.post("/projects/b/members", &add).await.status, 201);
    assert_eq!(office.owner.get("/projects/b/members").await.status, 404);
    let own_there = format!("/projects/b/members/{own}");
    assert_eq!(their_office.delete(&own_there).await.status, 204);
    assert_eq!(office.platform.get("/projects/b/members").await.json(), before);
    assert_eq!(office.owner.get(MEMBERS).await.status, 200);
}
