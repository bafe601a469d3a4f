-- The login of the server: a member of the three roles that serve, and of nothing else.
-- Run it after the migrations, as their owner:
--
--   SERVER_DB_PASSWORD=… psql "$DATABASE_MIGRATION_URL" -f deploy/sql/server-login.sql
--
-- Twice is harmless; it also changes the password.

\set ON_ERROR_STOP on
\set password ''
\getenv password SERVER_DB_PASSWORD
SELECT length(:'password') >= 12 AS long_enough \gset
\if :long_enough
\else
  \warn 'SERVER_DB_PASSWORD is not set or shorter than 12 characters; make one with: openssl rand -hex 24'
  DO $$ BEGIN RAISE EXCEPTION 'no login was made'; END $$;
\endif

SET client_min_messages = warning;
BEGIN;

DO $$
BEGIN
  CREATE ROLE mbmcp_server LOGIN NOINHERIT;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;  -- it is there already
END
$$;

ALTER ROLE mbmcp_server LOGIN NOINHERIT PASSWORD :'password';
GRANT app_user, app_platform, app_server TO mbmcp_server;

COMMIT;
