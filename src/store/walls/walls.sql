-- Every wall between tenants, one line each. The server reads them at start and
-- compares them, as a set, with walls.txt: a line too many or too few is a hole
-- or a stranger, and it refuses to serve.
--
-- The lines are the same on every Postgres from 15 on and for every kind of
-- owner: the owner of schema app is printed as `owner`, and its own rights are
-- not listed. What belongs to an extension is left out.
-- To renew walls.txt: psql -XAtq -f walls.sql on a freshly migrated database.

WITH
-- Names are printed in full whatever search_path the login has. Local: gone
-- with this statement's transaction, or with the server's.
naming AS MATERIALIZED (
  SELECT pg_catalog.set_config('search_path', 'pg_catalog', true) AS set
),
us AS (
  SELECT n.nspowner AS owner
    FROM naming, pg_catalog.pg_namespace n
   WHERE n.nspname = 'app'
),
-- Whom a right or policy can name; oid 0 is PUBLIC.
who AS (
  SELECT 0::oid AS oid, 'PUBLIC' AS name
   UNION ALL
  SELECT r.oid, CASE WHEN r.oid = us.owner THEN 'owner' ELSE r.rolname::text END
    FROM pg_catalog.pg_roles r, us
),
ours AS (
  SELECT r.*
    FROM pg_catalog.pg_roles r
   WHERE r.rolname IN ('app_user', 'app_platform', 'app_auth', 'app_search', 'app_worker', 'app_server')
),
-- What holds rows, or shows them, in our schemas.
relation AS (
  SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind, c.relowner,
         c.relrowsecurity, c.relforcerowsecurity, c.relacl
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname IN ('public', 'app')
     AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
     AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_depend d
            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
),
-- All of app's functions, and those of public that run as somebody else.
routine AS (
  SELECT p.oid, p.proowner, p.prosecdef, p.proconfig, p.proacl, p.prosrc
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
   WHERE (n.nspname = 'app' OR n.nspname = 'public' AND p.prosecdef)
     AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_depend d
            WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
),
wall (line) AS (
  -- Tables: row-level security on, and on for their owner too.
  SELECT format('%s %s: owner %s, row security %s, %s',
           CASE r.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
             WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'sequence' END,
           r.name, who.name,
           CASE WHEN r.relrowsecurity THEN 'enabled' ELSE 'DISABLED' END,
           CASE WHEN r.relforcerowsecurity THEN 'forced' ELSE 'NOT FORCED' END)
    FROM naming, relation r
    JOIN who ON who.oid = r.relowner

  UNION ALL
  -- Policies.
  SELECT format('policy %s on %s: %s, %s, to %s%s%s',
           p.polname, r.name,
           CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
           CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update'
             WHEN 'd' THEN 'delete' ELSE 'all' END,
           (SELECT string_agg(who.name, ', ' ORDER BY who.name COLLATE "C")
              FROM who WHERE who.oid = ANY (p.polroles)),
           ', using ' || regexp_replace(pg_get_expr(p.polqual, p.polrelid), '\s+', ' ', 'g'),
           ', check ' || regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '\s+', ' ', 'g'))
    FROM naming, pg_catalog.pg_policy p
    JOIN relation r ON r.oid = p.polrelid

  UNION ALL
  -- Rights on whole tables.
  SELECT format('grant on %s: %s to %s%s', r.name,
           string_agg(lower(a.privilege_type), ', ' ORDER BY a.privilege_type COLLATE "C"), who.name,
           CASE WHEN a.is_grantable THEN ' with grant option' END)
    FROM naming, relation r
   CROSS JOIN LATERAL aclexplode(r.relacl) a
    JOIN who ON who.oid = a.grantee
   WHERE a.grantee <> r.relowner
   GROUP BY r.name, who.name, a.is_grantable

  UNION ALL
  -- Rights on single columns.
  SELECT format('grant on %s: %s (%s) to %s%s', r.name, lower(a.privilege_type),
           string_agg(c.attname, ', ' ORDER BY c.attname COLLATE "C"), who.name,
           CASE WHEN a.is_grantable THEN ' with grant option' END)
    FROM naming, relation r
    JOIN pg_catalog.pg_attribute c ON c.attrelid = r.oid AND NOT c.attisdropped
   CROSS JOIN LATERAL aclexplode(c.attacl) a
    JOIN who ON who.oid = a.grantee
   WHERE a.grantee <> r.relowner
   GROUP BY r.name, a.privilege_type, who.name, a.is_grantable

  UNION ALL
  -- Functions: as whom they run, with which settings, who may call them, and (as a hash) what
  -- they do.
  SELECT format('function %s: security %s, owner %s, %s, execute %s, body %s',
           f.oid::regprocedure,
           CASE WHEN f.prosecdef THEN 'definer' ELSE 'invoker' END, who.name,
           coalesce((SELECT string_agg(c, '; ' ORDER BY c COLLATE "C") FROM unnest(f.proconfig) c),
                    'no settings'),
           coalesce((SELECT string_agg(w.name, ', ' ORDER BY w.name COLLATE "C")
                       FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
                       JOIN who w ON w.oid = a.grantee
                      WHERE a.grantee <> f.proowner),
                    'nobody else'),
           left(md5(regexp_replace(coalesce(pg_get_function_sqlbody(f.oid), f.prosrc),
                                   '\s+', ' ', 'g')), 12))
    FROM naming, routine f
    JOIN who ON who.oid = f.proowner

  UNION ALL
  -- Unique indexes and exclusion constraints: whether their check stays within one project.
  SELECT format('unique index %s on %s (%s): %s',
           i.relname, r.name, keys.columns,
           CASE WHEN keys.first = 'project_id' THEN 'leads with project_id'
             ELSE 'across projects' END)
    FROM naming, pg_catalog.pg_index x
    JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
    JOIN relation r ON r.oid = x.indrelid
   CROSS JOIN LATERAL (
           SELECT string_agg(pg_get_indexdef(x.indexrelid, k, true), ', ' ORDER BY k) AS columns,
                  min(pg_get_indexdef(x.indexrelid, k, true)) FILTER (WHERE k = 1)    AS first
             FROM generate_series(1, x.indnkeyatts) k
         ) keys
   WHERE x.indisunique OR x.indisexclusion

  UNION ALL
  -- Foreign keys: whether they can reach into another project.
  SELECT format('foreign key %s on %s: %s', f.conname, r.name,
           regexp_replace(pg_get_constraintdef(f.oid), '^FOREIGN KEY ', ''))
    FROM naming, pg_catalog.pg_constraint f
    JOIN relation r ON r.oid = f.conrelid
   WHERE f.contype = 'f'

  UNION ALL
  -- Triggers of our own, and rules.
  SELECT format('trigger %s on %s: %s, %s', t.tgname, r.name, t.tgfoid::regprocedure,
           CASE t.tgenabled WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'on replicas only'
             WHEN 'A' THEN 'always' ELSE 'enabled' END)
    FROM naming, pg_catalog.pg_trigger t
    JOIN relation r ON r.oid = t.tgrelid
   WHERE NOT t.tgisinternal

  UNION ALL
  SELECT format('rule %s on %s', w.rulename, r.name)
    FROM naming, pg_catalog.pg_rewrite w
    JOIN relation r ON r.oid = w.ev_class
   WHERE r.relkind IN ('r', 'p')

  UNION ALL
  -- Our roles: what they can be and do by themselves.
  SELECT format('role %s: %s, %s, %s, %s, %s, member of %s', o.rolname,
           CASE WHEN o.rolcanlogin   THEN 'LOGIN'      ELSE 'no login'      END,
           CASE WHEN o.rolsuper      THEN 'SUPERUSER'  ELSE 'no superuser'  END,
           CASE WHEN o.rolbypassrls  THEN 'BYPASSRLS'  ELSE 'no bypassrls'  END,
           CASE WHEN o.rolcreaterole THEN 'CREATEROLE' ELSE 'no createrole' END,
           CASE WHEN o.rolcreatedb   THEN 'CREATEDB'   ELSE 'no createdb'   END,
           coalesce((SELECT string_agg(DISTINCT who.name, ', ')
                       FROM pg_catalog.pg_auth_members m
                       JOIN who ON who.oid = m.roleid
                      WHERE m.member = o.oid),
                    'nothing'))
    FROM naming, ours o

  UNION ALL
  -- Rights of our roles and of PUBLIC on the schemas.
  SELECT format('grant on schema %s: %s to %s', n.nspname,
           string_agg(DISTINCT lower(a.privilege_type), ', '), who.name)
    FROM naming, pg_catalog.pg_namespace n
   CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
    JOIN who ON who.oid = a.grantee
   WHERE n.nspname IN ('public', 'app', 'extensions')
     AND (a.grantee IN (SELECT oid FROM ours)
          -- That PUBLIC may look into public and extensions differs by provider, and is harmless.
          OR a.grantee = 0 AND (a.privilege_type = 'CREATE' OR n.nspname = 'app'))
   GROUP BY n.nspname, who.name

  UNION ALL
  -- Rights of our roles on anything outside of our schemas, and on what is yet to be made.
  SELECT format('grant on %s to %s', pg_describe_object(d.classid, d.objid, d.objsubid), o.rolname)
    FROM naming, pg_catalog.pg_shdepend d
    JOIN ours o ON o.oid = d.refobjid
   CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
   WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass
     AND d.deptype = 'a'
     AND d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
     AND CASE i.type WHEN 'schema' THEN i.name NOT IN ('public', 'app', 'extensions')
           WHEN 'default acl' THEN true
           ELSE i.schema IS DISTINCT FROM 'public' AND i.schema IS DISTINCT FROM 'app' END

  UNION ALL
  -- What must not be: requests with something of their own in the database …
  SELECT format('%s owns %s', o.rolname, pg_describe_object(d.classid, d.objid, d.objsubid))
    FROM naming, pg_catalog.pg_shdepend d
    JOIN ours o ON o.oid = d.refobjid
   WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass
     AND d.deptype = 'o'
     AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
     AND o.rolname IN ('app_user', 'app_platform', 'app_server')

  UNION ALL
  -- … or with a place to plant something.
  SELECT format('%s may %s in the database', o.rolname, p.what)
    FROM naming, ours o
   CROSS JOIN (VALUES ('TEMPORARY', 'make temporary tables'), ('CREATE', 'create schemas')) p (privilege, what)
   WHERE has_database_privilege(o.oid, current_database(), p.privilege)
)
SELECT line FROM wall ORDER BY line COLLATE "C";
