//! Two projects with everything in them, a deleted one, and people in and outside.

use mbmcp::model::Ambient;
use tokio_postgres::Client;
use uuid::Uuid;

use super::attempt::Caller;
use crate::harness::{Database, Login};

/// A project and its people.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    pub project: Uuid,
    pub owner: Uuid,
    pub editor: Uuid,
    pub viewer: Uuid,
    /// A word that stands in this project's texts alone.
    pub word: &'static str,
}

/// The database and who is in it.
pub struct World {
    pub database: Database,
    /// The owner, whom row-level security does not bind, to look behind the walls.
    pub owner: Client,
    /// The login of servers.
    pub login: Client,
    pub ours: Side,
    pub theirs: Side,
    /// A project of our owner's that was deleted.
    pub deleted: Uuid,
    /// A user without any membership.
    pub stranger: Uuid,
}

pub fn fresh() -> Uuid {
    Ambient::default().uuid().unwrap()
}

impl World {
    pub async fn new() -> Self {
        let database = Database::new().await;
        let owner = database.connect(Login::Owner).await;
        let login = database.connect(Login::Server).await;
        let (ours, theirs) = (side(&owner, "zebrafish").await, side(&owner, "wolverine").await);
        let (deleted, stranger) = (fresh(), user(&owner).await);
        project(&owner, deleted).await;
        member(&owner, deleted, (ours.owner, "owner"), 3).await;
        content(&owner, deleted, ours.owner, "quicksand").await;
        let delete = format!("update projects set deleted_at = now() where id = '{deleted}'");
        owner.batch_execute(&delete).await.unwrap();
        Self { database, owner, login, ours, theirs, deleted, stranger }
    }

    /// Our members by rank: viewer 1, editor 2, owner 3.
    pub fn insiders(&self) -> [(i32, Caller<'_>); 3] {
        let Side { project, owner, editor, viewer, .. } = self.ours;
        let caller = |name, user| Caller::tenant(&self.login, name, Some(project), Some(user));
        [(1, caller("viewer", viewer)), (2, caller("editor", editor)), (3, caller("owner", owner))]
    }

    pub fn our_owner(&self) -> Caller<'_> {
        let Side { project, owner, .. } = self.ours;
        Caller::tenant(&self.login, "owner", Some(project), Some(owner))
    }

    /// Everybody who must see nothing of the project that is set.
    pub fn outsiders(&self) -> Vec<Caller<'_>> {
        let Side { project, owner, editor, .. } = self.ours;
        let caller = |name, project, user| Caller::tenant(&self.login, name, project, user);
        vec![
            caller("stranger", Some(project), Some(self.stranger)),
            caller("our owner in their project", Some(self.theirs.project), Some(owner)),
            caller("our editor in their project", Some(self.theirs.project), Some(editor)),
            caller("our owner in the deleted project", Some(self.deleted), Some(owner)),
            caller("our owner in a project that never was", Some(fresh()), Some(owner)),
            caller("nobody in our project", Some(project), None),
            caller("our owner without a project", None, Some(owner)),
            caller("nobody", None, None),
        ]
    }

    /// A hash of all rows of their project, table by table.
    pub async fn their_rows(&self, tables: &[(String, String)]) -> Vec<(String, String)> {
        let mut hashes = Vec::new();
        for (table, tenant) in tables {
            let sql = format!(
                "select count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '') \
                 from public.{table} t where {tenant} = '{}'",
                self.theirs.project
            );
            hashes.push((table.clone(), self.owner.query_one(&sql, &[]).await.unwrap().get(0)));
        }
        hashes
    }
}

async fn side(owner: &Client, word: &'static str) -> Side {
    let side = Side {
        project: fresh(),
        owner: user(owner).await,
        editor: user(owner).await,
        viewer: user(owner).await,
        word,
    };
    project(owner, side.project).await;
    for (id, role) in [(side.owner, "owner"), (side.editor, "editor"), (side.viewer, "viewer")] {
        member(owner, side.project, (id, role), number(word)).await;
    }
    content(owner, side.project, side.owner, word).await;
    side
}

async fn user(owner: &Client) -> Uuid {
    let id = fresh();
    let sql = format!("insert into users (id, email) values ('{id}', '{id}@example.test')");
    owner.batch_execute(&sql).await.unwrap();
    id
}

async fn project(owner: &Client, id: Uuid) {
    let sql = format!("insert into projects (id, slug, name) values ('{id}', 'p{id}', 'P')");
    owner.batch_execute(&sql).await.unwrap();
}

/// A number of its own for each project, so that no two rows happen to be alike.
fn number(word: &str) -> u8 {
    word.as_bytes()[0]
}

/// A membership and everything that hangs on it.
async fn member(owner: &Client, p: Uuid, (u, role): (Uuid, &str), n: u8) {
    let (key, stream) = (fresh(), fresh());
    let session = format!("session-of-{u}-{}", &p.to_string()[24..]);
    let sql = format!(
        "insert into memberships values ('{p}', '{u}', '{role}');
         insert into api_keys (project_id, id, user_id, key_hash, key_prefix, key_suffix, environment, scopes)
           values ('{p}', '{key}', '{u}', sha256('{key}'), 'mbmcp_live_a', 'abcd', 'live', '{{read}}');
         insert into key_usage values ('{p}', '{key}', current_date, 5);
         insert into sessions (project_id, id, user_id, key_id, protocol_version, expires_at)
           values ('{p}', '{session}', '{u}', '{key}', '2025-11-25', now() + interval '1 day');
         insert into streams (project_id, id, user_id, session_id, kind)
           values ('{p}', '{stream}', '{u}', '{session}', 'post');
         insert into mcp_events (project_id, stream_id, user_id, seq, payload)
           values ('{p}', '{stream}', '{u}', {n}, '{{}}');
         insert into client_requests (project_id, id, user_id, session_id)
           values ('{p}', gen_random_uuid(), '{u}', '{session}');
         insert into signals (project_id, id, user_id, kind, target)
           values ('{p}', gen_random_uuid(), '{u}', 'session_changed', '{session}');
         insert into idempotency_keys (project_id, principal, route, key, body_sha256, expires_at)
           values ('{p}', 'user:{u}', 'r', 'k-{u}', sha256('x'), now() + interval '1 day');
         insert into audit_log (project_id, id, actor_kind, actor_user_id, action, target_kind, target_id)
           values ('{p}', gen_random_uuid(), 'key', '{u}', 'a', 'b', 'c')"
    );
    owner.batch_execute(&sql).await.unwrap();
}

/// One of everything that a project remembers.
async fn content(owner: &Client, p: Uuid, u: Uuid, word: &str) {
    let (document, from, to, n) = (fresh(), fresh(), fresh(), number(word));
    let sql = format!(
        "insert into documents (project_id, id, path, content, size_bytes, content_sha256, created_by, updated_by)
           values ('{p}', '{document}', 'a/{word}.md', '{word}', octet_length('{word}'), sha256('{word}'), '{u}', '{u}');
         insert into document_revisions (project_id, document_id, version, path, content, size_bytes, content_sha256, created_by)
           values ('{p}', '{document}', {n}, 'a/{word}.md', '{word}', octet_length('{word}'), sha256('{word}'), '{u}');
         insert into document_sections (project_id, document_id, ordinal, heading_path, first_line, language, body)
           values ('{p}', '{document}', {n}, 'Heading', 1, 'english', '{word} shared');
         insert into project_words values ('{p}', '{word}'), ('{p}', 'shared');
         insert into graph_entities (project_id, id, name, entity_type, created_by, updated_by)
           values ('{p}', '{from}', '{word}', 't', '{u}', '{u}'), ('{p}', '{to}', '{word} too', 't', '{u}', '{u}');
         insert into graph_observations (project_id, id, entity_id, body, created_by)
           values ('{p}', gen_random_uuid(), '{from}', '{word}', '{u}');
         insert into graph_relations (project_id, id, from_id, to_id, relation_type, created_by)
           values ('{p}', gen_random_uuid(), '{from}', '{to}', 'r-{word}', '{u}');
         insert into key_changes (project_id, id) values ('{p}', gen_random_uuid())"
    );
    owner.batch_execute(&sql).await.unwrap();
}
