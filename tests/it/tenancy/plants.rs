//! Defects planted one at a time, each of which the server must refuse to serve on.

use std::fmt::Write as _;

use mbmcp::config::{DatabaseConfig, Variables};
use mbmcp::store::{Store, migrate, walls};
use tokio_postgres::Client;

use crate::harness::{Database, Login, Server};

/// Where defects are planted, and how the server is started there.
pub struct Site<'a> {
    /// As who plants: who owns the objects, or may do anything.
    pub owner: Client,
    database: &'a Database,
    store: Store,
    variables: Vec<(&'a str, &'a str)>,
}

/// A defect.
#[derive(Debug)]
pub struct Plant {
    /// The SQL that plants it.
    pub sql: String,
    /// The SQL that takes it away again.
    pub undo: String,
    /// What the refusal must say, by which it names the object; several are lines.
    pub names: String,
}

impl Plant {
    pub fn new(sql: &str, undo: &str, names: &str) -> Self {
        Self { sql: sql.into(), undo: undo.into(), names: names.into() }
    }
}

impl<'a> Site<'a> {
    pub async fn of(database: &'a Database) -> Self {
        Self::planted_by(Login::Owner, database).await
    }

    /// A site for what an owner alone may not do.
    pub async fn planted_by(login: Login, database: &'a Database) -> Self {
        let (owner, store) = (database.connect(login).await, database.store().clone());
        Self { owner, database, store, variables: Vec::new() }
    }

    /// A site outside of the shared cluster.
    pub fn elsewhere(owner: Client, database: &'a Database, url: &'a str) -> Self {
        let variables = vec![("DATABASE_URL", url)];
        let config = DatabaseConfig::read_alone(Variables::of(variables.clone())).unwrap();
        Self { owner, database, store: Store::new(&config).unwrap(), variables }
    }

    /// The plants that `generator` makes from the catalogue: columns plant, undo, names.
    pub async fn plants(&self, generator: &str) -> Vec<Plant> {
        let rows = self.owner.query(generator, &[]).await.unwrap();
        rows.iter().map(|row| Plant::new(row.get(0), row.get(1), row.get(2))).collect()
    }

    /// The sentence with which the server refuses; `None` when it starts.
    pub async fn refusal(&self) -> Option<String> {
        Server::started(self.database, &self.variables).await.err().map(|error| error.to_string())
    }

    /// The same without building a server each time: what `app::build` asks first.
    async fn quick_refusal(&self) -> Option<String> {
        let schema = migrate::check(&self.store).await.err().map(|error| error.to_string());
        let walls = async || walls::prove(&self.store).await.err().map(|error| error.to_string());
        if schema.is_some() { schema } else { walls().await }
    }

    /// Plants each defect and takes it away again: each is refused by its name, with one of
    /// `remedies`, and afterwards the server starts. The first goes by the front door.
    #[expect(clippy::print_stdout, reason = "the figures are part of what these tests are for")]
    pub async fn refuses(&self, plants: &[Plant], at_least: usize, remedies: &[&str]) {
        assert!(plants.len() >= at_least, "only {} plants were generated", plants.len());
        println!("{} plants", plants.len());
        let mut wrong = String::new();
        for (at, plant) in plants.iter().enumerate() {
            self.run(&plant.sql).await;
            let refusal = if at == 0 { self.refusal().await } else { self.quick_refusal().await };
            self.run(&plant.undo).await;
            let says = |sentence: &str| {
                let helps = remedies.iter().any(|remedy| sentence.contains(remedy));
                plant.names.lines().all(|name| sentence.contains(name)) && helps
            };
            if !refusal.as_deref().is_some_and(says) {
                let _ =
                    writeln!(wrong, "{}\n  wanted: {}\n  got: {refusal:?}", plant.sql, plant.names);
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
        assert_eq!(self.refusal().await, None, "control: all is undone");
    }

    async fn run(&self, sql: &str) {
        self.owner.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

/// The remedy of [`mbmcp::store::walls::WallsError::Breached`].
pub const RESTORE: &str = "restore what is missing from `migrations/` and remove what was added";
