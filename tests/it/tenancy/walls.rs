//! The proof at start, part one: what the migrations made and somebody changed. Each object of
//! the catalogue in turn.

use super::plants::{RESTORE, Site};
use crate::harness::{Database, Login};

async fn refused_everywhere(generator: &str, at_least: usize) {
    refused_when(Login::Owner, generator, at_least).await;
}

/// Definer functions belong to their roles, which no owner may act as.
async fn refused_on_functions(generator: &str, at_least: usize) {
    refused_when(Login::Superuser, generator, at_least).await;
}

async fn refused_when(planting: Login, generator: &str, at_least: usize) {
    let database = Database::new().await;
    let site = Site::planted_by(planting, &database).await;
    let plants = site.plants(generator).await;
    site.refuses(&plants, at_least, &[RESTORE, "restore it from"]).await;
}

#[tokio::test]
async fn an_untouched_database_is_served() {
    let database = Database::new().await;
    assert_eq!(Site::of(&database).await.refusal().await, None);
}

#[tokio::test]
async fn a_database_without_one_of_its_policies_is_refused() {
    let generator = "
        select format('drop policy %I on %I.%I', policyname, schemaname, tablename),
               format('create policy %I on %I.%I as %s for %s to %s %s %s',
                      policyname, schemaname, tablename, permissive, cmd,
                      array_to_string(roles, ', '), 'using (' || qual || ')',
                      'with check (' || with_check || ')'),
               format('policy %s on %s.%s', policyname, schemaname, tablename)
          from pg_policies";
    refused_everywhere(generator, 100).await;
}

#[tokio::test]
async fn a_database_with_a_loosened_policy_is_refused() {
    let generator = "
        select format('alter policy %I on %I.%I using (true)', policyname, schemaname, tablename),
               format('alter policy %I on %I.%I using (%s)', policyname, schemaname, tablename, qual),
               format('not ours: policy %s on %s.%s', policyname, schemaname, tablename)
          from pg_policies
         where permissive = 'RESTRICTIVE' and qual is not null";
    refused_everywhere(generator, 30).await;
}

#[tokio::test]
async fn a_table_whose_row_security_is_not_enabled_or_not_forced_is_refused() {
    let generator = "
        select format('alter table %s %s', oid::regclass, how.off),
               format('alter table %s %s', oid::regclass, how.back),
               format('table public.%s: owner owner, row security %s', relname, how.says)
          from pg_class,
               (values ('no force row level security', 'force row level security', 'enabled, NOT FORCED'),
                       ('disable row level security', 'enable row level security', 'DISABLED'))
               as how (off, back, says)
         where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')";
    refused_everywhere(generator, 36).await;
}

#[tokio::test]
async fn a_stray_policy_on_any_table_is_refused() {
    let generator = "
        select string_agg(format('create policy %I on %s to %s using (true)',
                                 'stray_' || role, oid::regclass, role), ';'),
               string_agg(format('drop policy %I on %s', 'stray_' || role, oid::regclass), ';'),
               string_agg(format('not ours: policy stray_%s on public.%s: permissive, all, to %s',
                                 role, relname, replace(role, 'public', 'PUBLIC')), E'\n')
          from pg_class, unnest(array['public', 'app_user', 'mbmcp_test_server']) as role
         where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
         group by oid, relname";
    refused_everywhere(generator, 18).await;
}

#[tokio::test]
async fn a_stray_grant_on_any_table_is_refused() {
    let generator = "
        select string_agg(format('grant %s on %s to %s', g.what, t.name, g.who), ';'),
               string_agg(format('revoke %s on %s from %s', g.what, t.name, g.who), ';'),
               string_agg(format('not ours: grant on public.%s: %s', t.name, g.says), E'\n')
          from (select c.relname as name,
                       (select quote_ident(a.attname) from pg_attribute a
                         where a.attrelid = c.oid and a.attnum = 1) as first
                  from pg_class c
                 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')) t,
               lateral (values
                 ('select', 'public', 'select to PUBLIC'),
                 ('insert', 'mbmcp_test_server', 'insert to mbmcp_test_server'),
                 ('references', 'app_search', 'references to app_search'),
                 ('truncate', 'app_auth', 'truncate to app_auth'),
                 ('update (' || t.first || ')', 'app_search', 'update (' || t.first || ') to app_search'),
                 ('insert (' || t.first || ')', 'public', 'insert (' || t.first || ') to PUBLIC'))
               as g (what, who, says)
         group by t.name";
    refused_everywhere(generator, 18).await;
}

#[tokio::test]
async fn a_definer_function_that_runs_otherwise_is_refused() {
    let generator = "
        select format('alter function %s %s', f.name, how.change), f.undo || how.undo,
               format('function %s: security %s', f.name, how.says)
          from (select p.oid::regprocedure::text as name, pg_get_userbyid(p.proowner) as owner,
                       -- A role without a right to it, which would be lost on the way back.
                       (select r from unnest(array['app_worker', 'app_platform', 'app_search']) r
                         where not has_function_privilege(r, p.oid, 'execute') limit 1) as other,
                       (select string_agg(format('alter function %s set %s to %s', p.oid::regprocedure,
                                 split_part(c, '=', 1), split_part(c, '=', 2)), ';')
                          from unnest(p.proconfig) c) as undo
                  from pg_proc p
                 where p.pronamespace = 'app'::regnamespace and p.prosecdef) f,
               lateral (values
                 ('reset all', '', 'definer'),
                 ('set search_path to ''''', '', 'definer'),
                 ('set search_path to pg_temp, pg_catalog', '', 'definer'),
                 ('set row_security to off', format('; alter function %s reset row_security', f.name),
                  'definer'),
                 ('security invoker', format('; alter function %s security definer', f.name), 'invoker'),
                 ('owner to ' || f.other, format('; alter function %s owner to %I', f.name, f.owner),
                  'definer, owner ' || f.other)) as how (change, undo, says)";
    refused_on_functions(generator, 30).await;
}

#[tokio::test]
async fn a_function_with_another_body_is_refused() {
    let generator = "
        select f.opened, pg_get_functiondef(f.which::regprocedure), 'function ' || f.which || ':'
          from (values
            ('app.has_role(integer)',
             'create or replace function app.has_role(min_rank integer) returns boolean
              language sql stable parallel safe security definer
              set search_path = pg_catalog, pg_temp return true'),
            ('app.member_ids()',
             'create or replace function app.member_ids() returns uuid[]
              language sql stable parallel safe security definer
              set search_path = pg_catalog, pg_temp
              begin atomic select array_agg(user_id) from public.memberships; end'),
            ('app.role_rank(text)',
             'create or replace function app.role_rank(role text) returns integer
              language sql immutable parallel safe return 3'),
            ('app.current_project_id()',
             'create or replace function app.current_project_id() returns uuid
              language sql stable parallel safe return current_setting(''app.other'')::uuid'))
          as f (which, opened)";
    refused_on_functions(generator, 4).await;
}

#[tokio::test]
async fn a_function_that_others_may_call_is_refused() {
    let generator = "
        select format('grant execute on routine %s to %s', f.name, who.role),
               format('revoke execute on routine %s from %s', f.name, who.role),
               format('not ours: function %s: security', f.name)
          from (select oid, oid::regprocedure::text as name from pg_proc
                 where pronamespace = 'app'::regnamespace) f,
               (values ('public'), ('app_user'), ('app_worker'), ('mbmcp_test_server')) as who (role)
         where who.role = 'public' or not has_function_privilege(who.role, f.oid, 'execute')";
    refused_on_functions(generator, 40).await;
}

#[tokio::test]
async fn a_unique_index_across_projects_is_refused() {
    let generator = "
        select format('create unique index planted on %s (%I)', c.oid::regclass, a.attname),
               'drop index planted',
               format('not ours: unique index planted on public.%s (%s): across projects',
                      c.relname, a.attname)
          from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attnum = 2
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')";
    refused_everywhere(generator, 18).await;
}

#[tokio::test]
async fn a_database_without_one_of_its_foreign_keys_is_refused() {
    let generator = "
        select format('alter table %s drop constraint %I', conrelid::regclass, conname),
               format('alter table %s add constraint %I %s', conrelid::regclass, conname,
                      pg_get_constraintdef(oid)),
               format('missing: foreign key %s on public.%s', conname, conrelid::regclass)
          from pg_constraint where contype = 'f'";
    refused_everywhere(generator, 15).await;
}
