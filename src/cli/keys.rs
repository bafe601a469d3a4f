//! `mbmcp keys`: issues, lists, rotates and revokes API keys, with the database's own login.

use clap::Subcommand;
use serde_json::json;
use time::Duration;

use super::{Failure, output, policy, store};
use crate::access::key::ApiKey;
use crate::access::keys::KeyState;
use crate::access::keys::operator::{KeyRequest, Operator};
use crate::model::clock::rfc3339;
use crate::model::{Ambient, KeyId, Role, Scope, Scopes};
use crate::store::Platform;
use crate::store::pg::api_keys::Key;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Issue a key to a member of a project; it is shown once
    Create(Create),
    /// List the keys of a project
    List(List),
    /// Issue a key in place of another; it is shown once
    Rotate(Rotate),
    /// Revoke a key for good
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// The project's short name
    #[arg(long)]
    project: String,
    /// The user's e-mail address
    #[arg(long)]
    user: String,
    /// Make the project, the user and a membership of this role where they are missing
    #[arg(long)]
    role: Option<Role>,
    /// What the key may do: read, write (includes read), admin
    #[arg(long, value_delimiter = ',', default_value = "read,write")]
    scopes: Vec<Scope>,
    /// What people call it
    #[arg(long, default_value = "")]
    label: String,
    /// Make a test key: works alike, but is marked in logs and lists
    #[arg(long)]
    test: bool,
    /// Calls a minute; 60, if not given
    #[arg(long)]
    rate_limit: Option<i32>,
    /// Days until it expires; never, if not given
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=3650))]
    expires_in_days: Option<u16>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// The project's short name
    #[arg(long)]
    project: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Rotate {
    /// The project's short name
    #[arg(long)]
    project: String,
    /// Seconds that the old key lives on, at most 30 days and never past its own end
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=2_592_000))]
    grace_seconds: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The key's id, as `keys list` shows it
    id: uuid::Uuid,
}

#[derive(Debug, clap::Args)]
pub(super) struct Revoke {
    /// The project's short name
    #[arg(long)]
    project: String,
    /// The key's id, as `keys list` shows it
    id: uuid::Uuid,
}

/// Runs one of the commands.
pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(args) => create(args).await,
        Command::List(args) => list(&args).await,
        Command::Rotate(args) => rotate(&args).await,
        Command::Revoke(args) => revoke(&args).await,
    }
}

async fn create(args: Create) -> Result<(), Failure> {
    let ambient = Ambient::default();
    let request = KeyRequest {
        project: args.project,
        user: args.user,
        label: args.label,
        scopes: Scopes::new(args.scopes),
        test: args.test,
        rate_limit: args.rate_limit,
        lifetime: args.expires_in_days.map(|days| Duration::days(days.into())),
    };
    let (store, platform) = (store()?, Platform::of_operator());
    let operator = Operator { store: &store, ambient: &ambient, policy: policy()? };
    let (id, key) = operator.create(&platform, &request, args.role).await?;
    show(id, &key, args.json);
    Ok(())
}

async fn rotate(args: &Rotate) -> Result<(), Failure> {
    let (store, ambient) = (store()?, Ambient::default());
    let operator = Operator { store: &store, ambient: &ambient, policy: policy()? };
    let (platform, grace) = (Platform::of_operator(), Duration::seconds(args.grace_seconds.into()));
    let rotated = operator.rotate(&platform, &args.project, KeyId(args.id), grace);
    let (id, key) = rotated.await?;
    show(id, &key, args.json);
    Ok(())
}

/// Prints the only copy of a key.
fn show(id: KeyId, key: &ApiKey, as_json: bool) {
    if as_json {
        output::data(&json!({ "id": id, "key": key.reveal() }).to_string());
    } else {
        output::data(key.reveal());
        output::talk("keep it: it is not stored and cannot be shown again");
    }
}

async fn list(args: &List) -> Result<(), Failure> {
    let (store, ambient) = (store()?, Ambient::default());
    let operator = Operator { store: &store, ambient: &ambient, policy: policy()? };
    for key in operator.list(&Platform::of_operator(), &args.project).await? {
        output::data(&if args.json { as_json(&key) } else { as_line(&key) });
    }
    Ok(())
}

async fn revoke(args: &Revoke) -> Result<(), Failure> {
    let (store, ambient) = (store()?, Ambient::default());
    let operator = Operator { store: &store, ambient: &ambient, policy: policy()? };
    operator.revoke(&Platform::of_operator(), &args.project, KeyId(args.id)).await?;
    output::talk("revoked");
    Ok(())
}

fn state(key: &Key) -> &'static str {
    KeyState::of(key, Ambient::default().clock.now()).name()
}

fn as_line(key: &Key) -> String {
    let Key { id, email, hint, scopes, label, .. } = key;
    format!("{id}  {:<7}  {hint}  {email}  {}  {label}", state(key), scopes.names().join(","))
}

fn as_json(key: &Key) -> String {
    json!({
        "id": key.id,
        "state": state(key),
        "hint": key.hint,
        "user": key.email,
        "scopes": key.scopes.names(),
        "label": key.label,
        "createdAt": rfc3339(key.created_at),
        "expiresAt": key.expires_at.map(rfc3339),
        "revokedAt": key.revoked_at.map(rfc3339),
    })
    .to_string()
}
