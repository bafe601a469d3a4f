//! The proof at start, part four: roles with more rights than theirs. In a cluster of its own:
//! roles are shared by all its databases, and other tests lean on them.

use super::plants::{Plant, RESTORE, Site};
use mbmcp::store::migrate::SERVER_LOGIN;

use crate::harness::{Database, PrivateCluster};

/// Each of our roles with each attribute, and as a member of something.
const ROLES: &str = "
    select format('alter role %I %s', r.rolname, a.set), format('alter role %I no%s', r.rolname, a.set),
           format('not ours: role %s: ', r.rolname)
      from pg_roles r,
           (values ('login'), ('superuser'), ('bypassrls'), ('createrole'), ('createdb')) as a (set)
     where r.rolname like 'app\\_%'
     union all
    select format('grant %I to %I', g.granted, r.rolname), format('revoke %I from %I', g.granted, r.rolname),
           format('not ours: role %s: no login, no superuser, no bypassrls, no createrole, no createdb, '
                  'member of %s', r.rolname, g.granted)
      from pg_roles r,
           (values ('pg_read_all_data'), ('app_auth'), ('app_search'), ('app_worker')) as g (granted)
     where r.rolname like 'app\\_%' and r.rolname <> g.granted";

fn login_plants() -> Vec<Plant> {
    let mut plants = Vec::new();
    for role in ["app_auth", "app_search", "app_worker"] {
        plants.push(Plant::new(
            &format!("grant {role} to {SERVER_LOGIN}"),
            &format!("revoke {role} from {SERVER_LOGIN}"),
            &format!("run: REVOKE {role} FROM {SERVER_LOGIN}"),
        ));
        plants.push(Plant::new(
            &format!(
                "create role between; grant {role} to between; grant between to {SERVER_LOGIN}"
            ),
            "drop role between",
            &format!("run: REVOKE {role} FROM {SERVER_LOGIN} (or from the role in between)"),
        ));
    }
    for role in ["app_user", "app_platform"] {
        plants.push(Plant::new(
            &format!("revoke {role} from {SERVER_LOGIN}"),
            &format!("grant {role} to {SERVER_LOGIN}"),
            &format!("run: GRANT {role} TO {SERVER_LOGIN}"),
        ));
    }
    plants
}

#[tokio::test]
async fn roles_with_more_rights_than_theirs_are_refused() {
    let cluster = PrivateCluster::migrated().await;
    let url = cluster.url(SERVER_LOGIN);
    let database = Database::new().await;
    let site = Site::elsewhere(cluster.connect().await, &database, &url);
    assert_eq!(site.refusal().await, None, "control");

    let roles = site.plants(ROLES).await;
    site.refuses(&roles, 50, &[RESTORE]).await;
    let logins = login_plants();
    site.refuses(&logins, 8, &["; run: "]).await;
    login_without_app_server(&site).await;

    // Only warned about: every transaction sets its role, which ends what a superuser may.
    for powerful in ["superuser", "bypassrls"] {
        site.owner.batch_execute(&format!("alter role {SERVER_LOGIN} {powerful}")).await.unwrap();
        assert_eq!(site.refusal().await, None, "{powerful}");
    }
    drop(site);
    cluster.stop().await;
}

/// The one role without which not even the migrations can be read.
async fn login_without_app_server(site: &Site<'_>) {
    let plant = Plant::new(
        &format!("revoke app_server from {SERVER_LOGIN}"),
        &format!("grant app_server to {SERVER_LOGIN}"),
        "app_server",
    );
    site.refuses(&[plant], 1, &["GRANT app_server TO"]).await;
}
