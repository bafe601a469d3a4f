-- What a new project of Supabase is, as far as plain Postgres can be that. scripts/with-services
-- --supabase runs this on template1 of a new cluster, as its superuser supabase_admin: each database
-- that postgres makes there is then like a project's own.
--
-- Roles, schemas, default privileges and settings are those of Supabase's image. What cannot be
-- emulated stands in supabase/setup/README.md.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

-- The owner's login, who is no superuser; and whom Supabase's own API serves as.
CREATE ROLE postgres LOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS;
CREATE ROLE anon;
CREATE ROLE authenticated;
CREATE ROLE service_role BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT;
GRANT anon, authenticated, service_role TO authenticator;
GRANT anon, authenticated, service_role, authenticator TO postgres WITH ADMIN OPTION;
GRANT pg_monitor, pg_read_all_data, pg_signal_backend TO postgres WITH ADMIN OPTION;
ALTER ROLE postgres SET search_path = "\$user", public, extensions; -- with the backslash, as there
ALTER ROLE supabase_admin SET search_path = "$user", public, auth, extensions;
ALTER SYSTEM SET statement_timeout = '2min'; -- for everybody
SELECT pg_reload_conf();

CREATE SCHEMA extensions AUTHORIZATION postgres;
CREATE SCHEMA auth;
CREATE SCHEMA storage;
CREATE SCHEMA realtime;
GRANT USAGE ON SCHEMA public, extensions, auth, storage, realtime
   TO postgres, anon, authenticated, service_role;
CREATE EXTENSION "uuid-ossp" WITH SCHEMA extensions;
CREATE EXTENSION pgcrypto WITH SCHEMA extensions;

CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE
RETURN nullif(current_setting('request.jwt.claim.sub', true), '')::uuid;

-- Whatever is made in public is open to the API.
ALTER DEFAULT PRIVILEGES FOR ROLE postgres, supabase_admin IN SCHEMA public
  GRANT ALL ON TABLES TO postgres, anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres, supabase_admin IN SCHEMA public
  GRANT ALL ON SEQUENCES TO postgres, anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres, supabase_admin IN SCHEMA public
  GRANT ALL ON FUNCTIONS TO postgres, anon, authenticated, service_role;

-- The API is told of each change of the schema.
CREATE FUNCTION extensions.pgrst_watch() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  NOTIFY pgrst, 'reload schema';
END
$$;
CREATE EVENT TRIGGER pgrst_ddl_watch ON ddl_command_end EXECUTE FUNCTION extensions.pgrst_watch();
CREATE EVENT TRIGGER pgrst_drop_watch ON sql_drop EXECUTE FUNCTION extensions.pgrst_watch();

-- initdb made the project's database before all this.
DROP DATABASE postgres;
CREATE DATABASE postgres OWNER postgres;
