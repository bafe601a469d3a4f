//! What the attacks are generated from: the tables as the catalogue has them, and the ranks that
//! each verb needs, which only people know.

use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use super::world::{Side, fresh};

/// The lowest rank that may select, insert, update and delete; 9 is nobody at all. A table that is
/// missing here fails the test that compares this with the catalogue.
const RANKS: [(&str, [i32; 4]); 21] = [
    ("api_keys", [1, 3, 3, 9]),
    ("audit_log", [3, 1, 9, 9]),
    ("client_requests", [1, 1, 1, 1]),
    ("document_revisions", [1, 2, 9, 2]),
    ("document_sections", [1, 2, 2, 2]),
    ("documents", [1, 2, 2, 2]),
    ("graph_entities", [1, 2, 2, 2]),
    ("graph_observations", [1, 2, 2, 2]),
    ("graph_relations", [1, 2, 2, 2]),
    ("idempotency_keys", [1, 1, 1, 1]),
    ("key_changes", [9, 9, 9, 9]),
    ("key_usage", [1, 9, 9, 9]),
    ("mcp_events", [1, 1, 9, 9]),
    ("memberships", [1, 9, 3, 3]),
    ("project_words", [1, 2, 9, 2]),
    ("projects", [1, 9, 3, 9]),
    ("schema_migrations", [9, 9, 9, 9]),
    ("sessions", [1, 1, 1, 9]),
    ("signals", [1, 1, 9, 9]),
    ("streams", [1, 1, 1, 1]),
    ("users", [1, 9, 9, 9]),
];

/// Columns in which a writer signs; but for a membership and a key, whose `user_id` is another's.
const SIGNATURES: [&str; 5] = ["created_by", "updated_by", "actor_user_id", "user_id", "principal"];

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub kind: String,
    /// `app_user` may set it in an UPDATE.
    pub updatable: bool,
    selectable: bool,
    /// It is in a unique index, in no foreign key, and neither tenant nor signature: a copy of a
    /// row needs another value here.
    pub key: bool,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// The lowest rank for select, insert, update, delete.
    pub ranks: [i32; 4],
}

/// A row as JSON, without generated columns.
pub type Row = serde_json::Map<String, Value>;

const COLUMNS: &str = "
    select c.relname, a.attname, format_type(a.atttypid, null),
           has_column_privilege('app_user', c.oid, a.attnum, 'update'),
           has_column_privilege('app_user', c.oid, a.attnum, 'select'),
           exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey))
           and not exists (select from pg_constraint f
                            where f.conrelid = c.oid and f.contype = 'f' and a.attnum = any (f.conkey))
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
     order by c.relname, a.attnum";

/// Every table of the schema.
pub async fn tables(owner: &Client) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for row in owner.query(COLUMNS, &[]).await.unwrap() {
        let (table, name): (String, String) = (row.get(0), row.get(1));
        if tables.last().is_none_or(|last| last.name != table) {
            let planned = RANKS.iter().find(|(name, _)| *name == table);
            let (_, ranks) = planned.unwrap_or_else(|| {
                panic!("`{table}` is in no attack plan: add it to RANKS and world.rs")
            });
            tables.push(Table { name: table, columns: Vec::new(), ranks: *ranks });
        }
        let other = name != "project_id" && !SIGNATURES.contains(&name.as_str());
        let key = row.get::<_, bool>(5) && other;
        let column =
            Column { name, kind: row.get(2), updatable: row.get(3), selectable: row.get(4), key };
        tables.last_mut().unwrap().columns.push(column);
    }
    assert_eq!(tables.len(), RANKS.len(), "a table of the attack plan is gone");
    tables
}

impl Table {
    pub fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|c| c.name == column)
    }

    /// The column that says whose row it is; `None` where rows are nobody's.
    pub fn tenant(&self) -> Option<&'static str> {
        match self.name.as_str() {
            "projects" => Some("id"),
            "users" | "schema_migrations" => None,
            _ => Some("project_id"),
        }
    }

    /// The columns in which a writer signs a row of it.
    pub fn signatures(&self) -> impl Iterator<Item = &'static str> {
        let of_others = ["memberships", "api_keys"].contains(&self.name.as_str());
        let signs = move |name: &&str| !(of_others && *name == "user_id");
        SIGNATURES.into_iter().filter(signs).filter(|name| self.has(name))
    }

    /// `row` as `user` would sign it.
    pub fn signed(&self, mut row: Row, user: Uuid) -> Row {
        for name in self.signatures() {
            row.insert(name.to_owned(), signature(name, user));
        }
        row
    }

    /// What may be selected, or `*`.
    pub fn selection(&self) -> String {
        let names: Vec<&str> =
            self.columns.iter().filter(|c| c.selectable).map(|c| c.name.as_str()).collect();
        if names.is_empty() { "*".to_owned() } else { names.join(", ") }
    }

    /// A row of `side`, preferably `user`'s own; `None` where there is none.
    pub async fn row(&self, owner: &Client, side: &Side, user: Uuid) -> Option<Row> {
        let condition = match (self.tenant(), self.name.as_str()) {
            (Some(tenant), _) => format!("{tenant} = '{}'", side.project),
            (None, "users") => format!("id = '{user}'"),
            (None, _) => "true".to_owned(),
        };
        let sql = format!(
            "select to_jsonb(t) from public.{} t where {condition} \
             order by (to_jsonb(t)::text like '%{user}%') desc limit 1",
            self.name
        );
        let row = owner.query_opt(&sql, &[]).await.unwrap()?;
        let Value::Object(mut row) = row.get(0) else { panic!("a row is an object") };
        row.retain(|name, _| self.has(name));
        Some(row)
    }

    /// `row` with other keys, so that it could stand beside the one it was copied from.
    pub fn freshened(&self, mut row: Row) -> Row {
        for column in self.columns.iter().filter(|column| column.key) {
            row.insert(column.name.clone(), fresh_value(&column.kind));
        }
        row
    }

    /// INSERT of `row`.
    pub fn insert(&self, row: &Row) -> String {
        let names: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        let (table, names) = (&self.name, names.join(", "));
        let json = Value::Object(row.clone()).to_string().replace('\'', "''");
        format!(
            "insert into public.{table} ({names}) select {names} \
             from jsonb_populate_record(null::public.{table}, '{json}')"
        )
    }
}

/// What `user` writes into the signature column `name`.
pub fn signature(name: &str, user: Uuid) -> Value {
    if name == "principal" { format!("user:{user}").into() } else { user.to_string().into() }
}

/// A value of this type that is nowhere yet.
pub fn fresh_value(kind: &str) -> Value {
    let id = fresh();
    match kind {
        "uuid" => id.to_string().into(),
        "text" => format!("fresh-and-unheard-of-{id}").into(),
        "bytea" => format!("\\x{0}{0}", id.simple()).into(),
        "integer" | "bigint" | "xid8" => 900.into(),
        "date" => "2001-01-01".into(),
        other => panic!("no fresh value for a key of type {other}: add one"),
    }
}
