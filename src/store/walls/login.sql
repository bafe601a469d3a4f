-- What is wrong with the login of this connection, one sentence each, and what
-- to do about it. `refusal: ` keeps the server from starting, `warning: ` not.
--
-- "May act as" is SET ROLE. From Postgres 16 on, who makes a role is its member
-- with ADMIN only and may not act as it: hence 'SET', which 15 does not know
-- (there, membership is the same thing), and 'USAGE' for what is inherited.

WITH
login AS (
  SELECT r.oid, r.rolname, r.rolsuper, r.rolbypassrls,
         CASE WHEN current_setting('server_version_num')::integer >= 160000
              THEN 'SET, USAGE' ELSE 'MEMBER' END AS any_of,
         CASE WHEN current_setting('server_version_num')::integer >= 160000
              THEN 'SET' ELSE 'MEMBER' END AS to_act
    FROM pg_catalog.pg_roles r
   WHERE r.rolname = session_user
),
needed AS (
  SELECT n.name, r.oid
    FROM unnest(ARRAY['app_user', 'app_platform', 'app_server']) AS n (name)
    LEFT JOIN pg_catalog.pg_roles r ON r.rolname = n.name
),
forbidden AS (
  SELECT r.rolname AS name, r.oid
    FROM pg_catalog.pg_roles r
   WHERE r.rolname IN ('app_auth', 'app_search', 'app_worker')
),
finding (line) AS (
  SELECT format('warning: the login %I is a superuser, so row-level security does not hold for it outside of '
                'a request; serve as a plain LOGIN role that is a member of app_user, app_platform and '
                'app_server only', l.rolname)
    FROM login l
   WHERE l.rolsuper

  UNION ALL
  SELECT format('warning: the login %I has BYPASSRLS, so row-level security does not hold for it outside of '
                'a request; serve as a plain LOGIN role that is a member of app_user, app_platform and '
                'app_server only', l.rolname)
    FROM login l
   WHERE l.rolbypassrls AND NOT l.rolsuper

  UNION ALL
  SELECT format('refusal: the login %I is a member of %I, which owns functions that look across projects; '
                'run: REVOKE %I FROM %I (or from the role in between)', l.rolname, f.name, f.name, l.rolname)
    FROM login l
   CROSS JOIN forbidden f
   WHERE NOT l.rolsuper
     AND pg_has_role(l.oid, f.oid, l.any_of)

  UNION ALL
  SELECT CASE
           WHEN n.oid IS NULL THEN
             format('refusal: the role %I does not exist; run: mbmcp migrate', n.name)
           ELSE
             format('refusal: the login %I may not act as %I; run: GRANT %I TO %I',
                    l.rolname, n.name, n.name, l.rolname)
         END
    FROM login l
   CROSS JOIN needed n
   WHERE n.oid IS NULL
      OR NOT pg_has_role(l.oid, n.oid, l.to_act)
)
SELECT line FROM finding ORDER BY line COLLATE "C";
