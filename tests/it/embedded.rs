//! The embedded Postgres on a real server: it starts, keeps its data, is shared, and goes away.

use std::path::{Path, PathBuf};

use mbmcp::embedded::{Cluster, EmbeddedError, Options, reset};
use tokio_postgres::{Client, NoTls};

/// A data directory that does not exist yet, below a temporary one that removes itself. The parent
/// is passable: as root, Postgres runs as somebody else.
struct Scratch {
    parent: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(0o711))
            .tempdir()
            .expect("a temporary directory");
        Self { parent }
    }

    fn options(&self) -> Options {
        self.options_in("data")
    }

    fn options_in(&self, name: &str) -> Options {
        Options { data_dir: self.parent.path().join(name), pg_bin: None }
    }
}

fn postmaster_pid(options: &Options) -> PathBuf {
    options.data_dir.join("pg/data/postmaster.pid")
}

async fn connect(cluster: &Cluster) -> Client {
    let url = cluster.connection_url(mbmcp::embedded::SUPERUSER, "postgres");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

async fn count(cluster: &Cluster) -> i64 {
    let row = connect(cluster).await.query_one("SELECT count(*) FROM kept", &[]).await;
    row.expect("the table is there").get(0)
}

async fn start(options: &Options) -> Cluster {
    Cluster::start(options).await.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn data_stay_between_runs_and_the_last_one_out_stops_the_server() {
    let scratch = Scratch::new();
    let options = scratch.options();

    let cluster = start(&options).await;
    let table = "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)";
    connect(&cluster).await.batch_execute(table).await.expect("a table");
    cluster.stop().await.expect("stopped");
    assert!(!postmaster_pid(&options).exists());

    let first = start(&options).await;
    assert_eq!(count(&first).await, 1);
    let second = start(&options).await;
    assert_eq!(first.connection_url("u", "x"), second.connection_url("u", "x"));
    first.stop().await.expect("stopped");
    assert_eq!(count(&second).await, 1);
    second.stop().await.expect("stopped");
    assert!(!postmaster_pid(&options).exists());
}

#[tokio::test]
async fn starts_at_the_same_moment_share_one_server() {
    let scratch = Scratch::new();
    let options = scratch.options();
    let (a, b, c) = tokio::join!(start(&options), start(&options), start(&options));
    for cluster in [&a, &b, &c] {
        let encoding = connect(cluster).await.query_one("SHOW server_encoding", &[]).await;
        assert_eq!(encoding.expect("an answer").get::<_, String>(0), "UTF8");
    }
    let (a, b, c) = tokio::join!(a.stop(), b.stop(), c.stop());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert!(!postmaster_pid(&options).exists());
}

#[tokio::test]
async fn a_cluster_that_is_dropped_asks_its_server_to_stop() {
    let scratch = Scratch::new();
    let options = scratch.options();
    drop(start(&options).await);
    for _ in 0..500 {
        if !postmaster_pid(&options).exists() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("Postgres still runs ten seconds after its cluster was dropped");
}

#[tokio::test]
async fn a_long_data_directory_gets_a_short_socket() {
    let scratch = Scratch::new();
    let options = scratch.options_in(&"long".repeat(40));
    let cluster = start(&options).await;
    let socket_dir = cluster.socket_dir().to_path_buf();
    assert!(!socket_dir.starts_with(&options.data_dir));
    connect(&cluster).await;
    cluster.stop().await.expect("stopped");
    assert!(!socket_dir.exists());
}

#[tokio::test]
async fn reset_forgets_the_data_but_never_while_they_are_used() {
    let scratch = Scratch::new();
    let options = scratch.options();
    let cluster = start(&options).await;
    let refused = reset(&options).await.expect_err("it is in use");
    assert!(matches!(refused, EmbeddedError::InUse { .. }), "{refused}");
    cluster.stop().await.expect("stopped");

    std::fs::write(options.data_dir.join("dev-key"), "ours").expect("a file of ours");
    reset(&options).await.expect("reset");
    assert!(!options.data_dir.join("pg").exists());
    assert!(options.data_dir.join("dev-key").exists());
    start(&options).await.stop().await.expect("it starts afresh");
}

#[tokio::test]
async fn a_directory_without_the_programs_is_refused_with_what_to_do() {
    let scratch = Scratch::new();
    let pg_bin = Some(scratch.parent.path().to_path_buf());
    let options = Options { pg_bin, ..scratch.options() };
    let refused = Cluster::start(&options).await.expect_err("nothing is there").to_string();
    assert!(refused.contains("holds no initdb"), "{refused}");
    assert!(refused.contains("pg_config --bindir"), "{refused}");
}

#[test]
fn a_machine_without_postgres_is_told_what_to_install() {
    let sentence = EmbeddedError::NoBinaries { searched: "/usr/bin".into() }.to_string();
    for word in
        ["apt-get install postgresql", "brew install postgresql", "--pg-bin", "DATABASE_URL"]
    {
        assert!(sentence.contains(word), "{sentence}");
    }
}

#[tokio::test]
async fn a_directory_with_other_files_is_left_alone() {
    let scratch = Scratch::new();
    let options = scratch.options();
    std::fs::create_dir(&options.data_dir).expect("a directory");
    let diary: &Path = &options.data_dir.join("diary.txt");
    std::fs::write(diary, "mine").expect("a file");
    for outcome in [Cluster::start(&options).await.map(|_| ()), reset(&options).await] {
        let refused = outcome.expect_err("it is not ours");
        assert!(matches!(refused, EmbeddedError::ForeignDirectory { .. }), "{refused}");
    }
    let entries = std::fs::read_dir(&options.data_dir).expect("a listing").count();
    assert_eq!(entries, 1);
}
