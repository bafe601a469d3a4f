//! `app.revoke_key`, for operators at a console.

use tokio_postgres::error::SqlState;

use crate::harness::{Database, Login};

const REVOKE: &str = "select app.revoke_key($1)";
const HINT: &str = "select key_prefix || '…' || key_suffix from api_keys where id = $1";

#[tokio::test]
async fn a_key_is_revoked_by_its_id_or_by_its_hint_and_that_is_written_down() {
    let database = Database::new().await;
    let superuser = database.connect(Login::Superuser).await;
    // As the owner of the database, who is no superuser everywhere, and as the platform.
    let owner = database.connect(Login::Owner).await;
    let platform = database.connect(Login::Server).await;
    platform.batch_execute("set role app_platform").await.unwrap();
    for (number, login) in [&owner, &platform].into_iter().enumerate() {
        for by_hint in [false, true] {
            let key = database.editor("a").await;
            let hint: String = superuser.query_one(HINT, &[&key.id.0]).await.unwrap().get(0);
            let name = if by_hint { hint } else { key.id.to_string().to_uppercase() };
            for _ in 0..2 {
                let row = login.query_one(REVOKE, &[&name]).await.unwrap();
                assert_eq!(row.get::<_, uuid::Uuid>(0), key.id.0);
            }
            let sql = "select actor_kind, client_name, before->>'revokedAt', \
                       (after->>'revokedAt')::timestamptz = k.revoked_at from audit_log a \
                       join api_keys k on k.id = $1 where a.action = 'key.revoke' and target_id = k.id::text";
            let written = superuser.query(sql, &[&key.id.0]).await.unwrap();
            assert_eq!(written.len(), 1, "once, by {number}");
            let (actor, client): (&str, &str) = (written[0].get(0), written[0].get(1));
            assert!(actor == "cli" && client.starts_with("SQL by "), "{actor} {client}");
            let (before, same): (Option<&str>, bool) = (written[0].get(2), written[0].get(3));
            assert!(before.is_none() && same);
        }
    }
}

#[tokio::test]
async fn what_names_no_key_or_several_revokes_none() {
    let database = Database::new().await;
    let superuser = database.connect(Login::Superuser).await;
    let [one, _] = [database.editor("a").await, database.editor("a").await];
    let alike = "update api_keys set key_prefix = 'mbmcp_live_x', key_suffix = 'same'";
    superuser.batch_execute(alike).await.unwrap();
    let refused = async |name: &str| {
        let error = superuser.query_one(REVOKE, &[&name]).await.unwrap_err();
        let error = error.as_db_error().unwrap();
        (error.code().clone(), error.message().to_owned(), error.hint().unwrap().to_owned())
    };
    let (code, message, hint) = refused("mbmcp_live_x…same").await;
    assert_eq!((code, &*message), (SqlState::TOO_MANY_ROWS, "2 keys look like that"));
    assert!(hint.contains("by its id"), "{hint}");
    let plaintext = one.key.clone();
    for unknown in ["", "mbmcp_live_x", &plaintext, "00000000-0000-0000-0000-000000000000"] {
        let (code, _, hint) = refused(unknown).await;
        assert!(code == SqlState::NO_DATA_FOUND && hint.contains("keys list"), "{unknown}");
    }
    let revoked = "select count(*) from api_keys where revoked_at is not null";
    assert_eq!(superuser.query_one(revoked, &[]).await.unwrap().get::<_, i64>(0), 0);
    let server = database.connect(Login::Server).await;
    for role in ["app_user", "app_server"] {
        server.batch_execute(&format!("set role {role}")).await.unwrap();
        let id = one.id.to_string();
        let error = server.query_one(REVOKE, &[&id]).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{role}");
    }
}
