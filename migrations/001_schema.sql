-- 001_schema: roles, schemas, extensions, tables, indexes, and the few
-- functions that every policy leans on.
--
-- How this schema keeps tenants apart, in five sentences:
--   * Every request runs as app_user, with the project and the user of its key
--     in two settings that live as long as its transaction.
--   * Every table has row-level security, ENABLEd and FORCEd where it is
--     created, and nobody has a grant on it until 002_policies gives one.
--   * Every unique index of a tenant table leads with project_id, and every
--     foreign key between tenant tables is composite: both kinds of check look
--     past row-level security, and would else reveal or reach foreign rows.
--   * A limit is a CHECK with a speaking name: the server maps it to a sentence.
--   * Ids are UUIDv7 made by the server, so no id has a default.
--
-- Who may run this: a superuser, a plain CREATEROLE owner of the database, or
-- Supabase's `postgres`. Postgres 15 or later.

BEGIN;

-- ---------------------------------------------------------------------------
-- Roles. They belong to the cluster, so another database may have made them.
-- ---------------------------------------------------------------------------
--   app_user      every tenant statement
--   app_platform  administration across tenants, never a tenant's content
--   app_auth      owns the functions that read keys and memberships
--   app_search    owns the search functions
--   app_worker    owns the functions and triggers that write across tenants
--   app_server    may call what the server needs outside a tenant
DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY[
    'app_user', 'app_platform', 'app_auth', 'app_search', 'app_worker', 'app_server'
  ] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', role_name);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;  -- a migration of another database was a moment faster
    END;

    -- From 16 on, only who made a role may grant it on (and below we must).
    IF current_setting('server_version_num')::int >= 160000
       AND NOT pg_has_role(current_user, role_name, 'MEMBER WITH ADMIN OPTION') THEN
      RAISE EXCEPTION 'the role % exists already, and % may not grant it', role_name, current_user
        USING ERRCODE = 'insufficient_privilege',
              HINT = format(
                'Migrate as the role that made it, or let that role (or a superuser) run: '
                'GRANT app_user, app_platform, app_auth, app_search, app_worker, app_server '
                'TO %I WITH ADMIN TRUE, INHERIT FALSE, SET FALSE', current_user);
    END IF;
  END LOOP;
END
$$;

-- ---------------------------------------------------------------------------
-- Schemas and extensions.
-- ---------------------------------------------------------------------------
CREATE SCHEMA app;
CREATE SCHEMA IF NOT EXISTS extensions;

CREATE EXTENSION IF NOT EXISTS pg_trgm   WITH SCHEMA extensions;
CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA extensions;

DO $$
DECLARE
  misplaced text;
BEGIN
  SELECT e.extname INTO misplaced
    FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
   WHERE e.extname IN ('pg_trgm', 'btree_gin') AND n.nspname <> 'extensions'
   LIMIT 1;
  IF misplaced IS NOT NULL THEN
    RAISE EXCEPTION 'the extension % is installed outside of the schema "extensions"', misplaced
      USING HINT = format('ALTER EXTENSION %I SET SCHEMA extensions, then migrate again', misplaced);
  END IF;
END
$$;

GRANT USAGE ON SCHEMA app, public
   TO app_user, app_platform, app_auth, app_search, app_worker, app_server;
GRANT USAGE ON SCHEMA extensions TO app_user, app_search;

-- Nobody creates in public, and nobody has temporary tables: types and
-- functions planted in pg_temp are how definer functions get subverted.
DO $$
BEGIN
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE WARNING 'could not revoke CREATE on schema public from PUBLIC: not its owner';
END
$$;

DO $$
BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

-- The global form: IN SCHEMA cannot take away what PUBLIC has by default.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- ---------------------------------------------------------------------------
-- Tools of the migrations themselves. Only the owner may call them.
-- ---------------------------------------------------------------------------

-- Takes every right on a relation from everybody. Supabase's default
-- privileges hand all of them to anon, authenticated and service_role.
CREATE PROCEDURE app.close_table(target regclass)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  stranger name;
BEGIN
  EXECUTE format('REVOKE ALL ON TABLE %s FROM PUBLIC', target);
  FOR stranger IN
    SELECT rolname FROM pg_catalog.pg_roles
     WHERE rolname IN ('anon', 'authenticated', 'service_role')
  LOOP
    EXECUTE format('REVOKE ALL ON TABLE %s FROM %I', target, stranger);
  END LOOP;
END
$$;

-- The same for a function or procedure.
CREATE PROCEDURE app.close_function(target regprocedure)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  stranger name;
BEGIN
  EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', target);
  FOR stranger IN
    SELECT rolname FROM pg_catalog.pg_roles
     WHERE rolname IN ('anon', 'authenticated', 'service_role')
  LOOP
    EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %I', target, stranger);
  END LOOP;
END
$$;

-- Gives a function to the role that it shall run as. Giving away needs
-- membership in the new owner, and the new owner needs CREATE on the schema:
-- both only for this moment. Close and grant first: afterwards the migrating
-- owner has no say any more (a REVOKE would only be a warning).
-- A concurrent migration of another database in the same cluster waits in the
-- GRANT until this transaction ends, and may then find the catalogue changed
-- under its feet: hence the second and third try.
-- What the migrating owner shall still call needs a grant of the new owner:
-- that of an owner goes over with the function.
CREATE PROCEDURE app.hand_over(target regprocedure, new_owner name, still_call boolean DEFAULT false)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  means    text    := CASE WHEN current_setting('server_version_num')::int >= 160000
                           THEN 'SET' ELSE 'MEMBER' END;
  borrowed boolean := NOT pg_has_role(current_user, new_owner, means);
  migrator name    := current_user;
  acting   text    := current_setting('role');
BEGIN
  IF borrowed THEN
    FOR attempt IN 1 .. 20 LOOP
      BEGIN
        EXECUTE format('GRANT %I TO CURRENT_USER', new_owner);
        EXIT;
      EXCEPTION WHEN unique_violation OR internal_error THEN
        IF attempt = 20 THEN
          RAISE;
        END IF;
        PERFORM pg_sleep(0.05);
      END;
    END LOOP;
  END IF;

  EXECUTE format('GRANT CREATE ON SCHEMA app TO %I', new_owner);
  EXECUTE format('ALTER ROUTINE %s OWNER TO %I', target, new_owner);
  EXECUTE format('REVOKE CREATE ON SCHEMA app FROM %I', new_owner);

  IF still_call THEN
    PERFORM set_config('role', new_owner, true);
    EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', target, migrator);
    PERFORM set_config('role', acting, true);
  END IF;

  IF borrowed THEN
    EXECUTE format('REVOKE %I FROM CURRENT_USER', new_owner);
  END IF;
END
$$;

CALL app.close_function('app.close_table(regclass)');
CALL app.close_function('app.close_function(regprocedure)');
CALL app.close_function('app.hand_over(regprocedure, name, boolean)');

-- The owner may act as the three roles of a server, so that one login can both
-- migrate and serve (`mbmcp dev`). It never may act as the owners of functions.
DO $$
DECLARE
  role_name text;
  modern    boolean := current_setting('server_version_num')::int >= 160000;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['app_user', 'app_platform', 'app_server'] LOOP
    FOR attempt IN 1 .. 20 LOOP
      BEGIN
        IF NOT pg_has_role(current_user, role_name, CASE WHEN modern THEN 'SET' ELSE 'MEMBER' END) THEN
          EXECUTE format('GRANT %I TO CURRENT_USER', role_name)
               || CASE WHEN modern THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END;
        END IF;
        EXIT;
      EXCEPTION WHEN unique_violation OR internal_error THEN
        IF attempt = 20 THEN
          RAISE;
        END IF;
        PERFORM pg_sleep(0.05);
      END;
    END LOOP;
  END LOOP;
END
$$;

-- ---------------------------------------------------------------------------
-- Context: whose statement this is. After a transaction the settings are '',
-- not absent, hence nullif.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.current_user_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.current_user_id', true), '')::uuid;

CREATE FUNCTION app.current_project_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.current_project_id', true), '')::uuid;

CALL app.close_function('app.current_user_id()');
CALL app.close_function('app.current_project_id()');
GRANT EXECUTE ON FUNCTION app.current_user_id(), app.current_project_id()
   TO app_user, app_auth, app_search, app_worker;

-- viewer 1 reads; editor 2 writes memory; owner 3 manages members and keys.
CREATE FUNCTION app.role_rank(role text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE role WHEN 'viewer' THEN 1 WHEN 'editor' THEN 2 WHEN 'owner' THEN 3 END;

CALL app.close_function('app.role_rank(text)');
GRANT EXECUTE ON FUNCTION app.role_rank(text) TO app_user, app_auth;

-- A language's text search configuration, NULL for one we do not know.
-- Languages are text in the tables, not regconfig: pg_upgrade refuses a
-- database with regconfig columns, and a cast from text is not immutable.
CREATE FUNCTION app.search_config(language text) RETURNS regconfig
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE language
  WHEN 'simple'     THEN 'pg_catalog.simple'::regconfig
  WHEN 'english'    THEN 'pg_catalog.english'::regconfig
  WHEN 'arabic'     THEN 'pg_catalog.arabic'::regconfig
  WHEN 'armenian'   THEN 'pg_catalog.armenian'::regconfig
  WHEN 'basque'     THEN 'pg_catalog.basque'::regconfig
  WHEN 'catalan'    THEN 'pg_catalog.catalan'::regconfig
  WHEN 'danish'     THEN 'pg_catalog.danish'::regconfig
  WHEN 'dutch'      THEN 'pg_catalog.dutch'::regconfig
  WHEN 'finnish'    THEN 'pg_catalog.finnish'::regconfig
  WHEN 'french'     THEN 'pg_catalog.french'::regconfig
  WHEN 'german'     THEN 'pg_catalog.german'::regconfig
  WHEN 'greek'      THEN 'pg_catalog.greek'::regconfig
  WHEN 'hindi'      THEN 'pg_catalog.hindi'::regconfig
  WHEN 'hungarian'  THEN 'pg_catalog.hungarian'::regconfig
  WHEN 'indonesian' THEN 'pg_catalog.indonesian'::regconfig
  WHEN 'irish'      THEN 'pg_catalog.irish'::regconfig
  WHEN 'italian'    THEN 'pg_catalog.italian'::regconfig
  WHEN 'lithuanian' THEN 'pg_catalog.lithuanian'::regconfig
  WHEN 'nepali'     THEN 'pg_catalog.nepali'::regconfig
  WHEN 'norwegian'  THEN 'pg_catalog.norwegian'::regconfig
  WHEN 'portuguese' THEN 'pg_catalog.portuguese'::regconfig
  WHEN 'romanian'   THEN 'pg_catalog.romanian'::regconfig
  WHEN 'russian'    THEN 'pg_catalog.russian'::regconfig
  WHEN 'serbian'    THEN 'pg_catalog.serbian'::regconfig
  WHEN 'spanish'    THEN 'pg_catalog.spanish'::regconfig
  WHEN 'swedish'    THEN 'pg_catalog.swedish'::regconfig
  WHEN 'tamil'      THEN 'pg_catalog.tamil'::regconfig
  WHEN 'turkish'    THEN 'pg_catalog.turkish'::regconfig
  WHEN 'yiddish'    THEN 'pg_catalog.yiddish'::regconfig
END;

-- Text as it is searched: what joins words in code, paths and addresses becomes a space, character
-- by character, so that places stay where they are. Without it the parser takes <Widget> for a
-- tag and src/store/tenant.rs for one word. Queries pass through it as well.
CREATE FUNCTION app.search_text(body text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN translate(body, '<>/\.:=@#&|`~^()[]{}*+,;_', '                         ');

-- A query of words, "phrases", OR and -not, for text as it is searched. A minus behind what joins
-- words, as in list[-1] or ${PORT:-80}, negates nothing.
CREATE FUNCTION app.search_query(language text, query text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN websearch_to_tsquery(
  app.search_config(language),
  app.search_text(regexp_replace(query, '([]<>/\\.:=@#&|`~^()[{}*+,;_])-+', '\1 ', 'g')));

-- app_user and app_platform need it as well: CHECK and generated columns are
-- evaluated as the role that writes.
CALL app.close_function('app.search_config(text)');
CALL app.close_function('app.search_text(text)');
CALL app.close_function('app.search_query(text, text)');
GRANT EXECUTE ON FUNCTION app.search_config(text) TO app_user, app_platform, app_search;
GRANT EXECUTE ON FUNCTION app.search_text(text) TO app_user, app_search;
GRANT EXECUTE ON FUNCTION app.search_query(text, text) TO app_user, app_search;

-- ---------------------------------------------------------------------------
-- schema_migrations: which of these files have run. Its policies stand here,
-- because the last line of this file already writes to it.
-- ---------------------------------------------------------------------------
CREATE TABLE public.schema_migrations (
  version     text         NOT NULL,
  applied_at  timestamptz  NOT NULL DEFAULT now(),
  checksum    text,        -- filled by `mbmcp migrate`, NULL after psql -f

  CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)
);
ALTER TABLE public.schema_migrations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.schema_migrations');

DO $$
BEGIN
  EXECUTE format(
    'CREATE POLICY owner_writes ON public.schema_migrations TO %I USING (true) WITH CHECK (true)',
    current_user);
END
$$;
CREATE POLICY server_reads ON public.schema_migrations FOR SELECT TO app_server USING (true);
GRANT SELECT ON public.schema_migrations TO app_server;

-- ---------------------------------------------------------------------------
-- users: people. They belong to no project, memberships tie them to some.
-- ---------------------------------------------------------------------------
CREATE TABLE public.users (
  id            uuid         NOT NULL,
  email         text         NOT NULL,
  display_name  text         NOT NULL DEFAULT '',
  created_at    timestamptz  NOT NULL DEFAULT now(),

  CONSTRAINT users_pkey                PRIMARY KEY (id),
  CONSTRAINT users_email_key           UNIQUE (email),
  CONSTRAINT users_email_form          CHECK (email ~ '^[^[:space:]@]+@[^[:space:]@]+$'),
  CONSTRAINT users_email_length        CHECK (octet_length(email) <= 320),
  CONSTRAINT users_display_name_length CHECK (octet_length(display_name) <= 200)
);
ALTER TABLE public.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.users');

-- ---------------------------------------------------------------------------
-- projects: the tenants. deleted_at closes one at once, has_role says no.
-- ---------------------------------------------------------------------------
CREATE TABLE public.projects (
  id               uuid         NOT NULL,
  slug             text         NOT NULL,
  name             text         NOT NULL,
  search_language  text         NOT NULL DEFAULT 'english',
  settings         jsonb        NOT NULL DEFAULT '{}',
  created_at       timestamptz  NOT NULL DEFAULT now(),
  deleted_at       timestamptz,

  CONSTRAINT projects_pkey                  PRIMARY KEY (id),
  CONSTRAINT projects_slug_key              UNIQUE (slug),
  CONSTRAINT projects_slug_form             CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  CONSTRAINT projects_name_length           CHECK (octet_length(name) BETWEEN 1 AND 200),
  CONSTRAINT projects_search_language_known CHECK (app.search_config(search_language) IS NOT NULL),
  CONSTRAINT projects_settings_object       CHECK (jsonb_typeof(settings) = 'object'),
  CONSTRAINT projects_settings_size         CHECK (octet_length(settings::text) <= 65536)
);
ALTER TABLE public.projects ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.projects');

-- ---------------------------------------------------------------------------
-- memberships: who is what in which project. Ending one ends the keys and
-- sessions that hang on it.
-- ---------------------------------------------------------------------------
CREATE TABLE public.memberships (
  project_id  uuid         NOT NULL,
  user_id     uuid         NOT NULL,
  role        text         NOT NULL,
  created_at  timestamptz  NOT NULL DEFAULT now(),

  CONSTRAINT memberships_pkey         PRIMARY KEY (project_id, user_id),
  CONSTRAINT memberships_project_fkey FOREIGN KEY (project_id) REFERENCES public.projects (id) ON DELETE CASCADE,
  CONSTRAINT memberships_user_fkey    FOREIGN KEY (user_id)    REFERENCES public.users (id),
  CONSTRAINT memberships_role_known   CHECK (role IN ('viewer', 'editor', 'owner'))
);
CREATE INDEX memberships_user_idx ON public.memberships (user_id);
ALTER TABLE public.memberships ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.memberships');

-- Does the current user hold at least this rank in the current project? Takes
-- no tenant argument, so nobody can ask about another. DEFINER, because a
-- policy on memberships that read memberships would recurse.
--
-- In PL/pgSQL, which keeps its plan for a session: every policy asks it, and a
-- body in SQL would be planned anew by each statement, at twice the cost of a
-- whole read.
CREATE FUNCTION app.has_role(min_rank integer) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM public.memberships m
      JOIN public.projects p ON p.id = m.project_id
     WHERE m.project_id = app.current_project_id()
       AND m.user_id = app.current_user_id()
       AND app.role_rank(m.role) >= min_rank
       AND p.deleted_at IS NULL
  );
END
$$;

GRANT SELECT (project_id, user_id, role) ON public.memberships TO app_auth;
GRANT SELECT (id, slug, deleted_at)      ON public.projects    TO app_auth;

CALL app.close_function('app.has_role(integer)');
GRANT EXECUTE ON FUNCTION app.has_role(integer) TO app_user, app_search, app_worker;
CALL app.hand_over('app.has_role(integer)', 'app_auth');

-- ---------------------------------------------------------------------------
-- api_keys: a key is one member's way into one project. Of the key itself only
-- its SHA-256 is stored, and first and last characters for people to recognise.
-- ---------------------------------------------------------------------------
CREATE TABLE public.api_keys (
  project_id        uuid         NOT NULL,
  id                uuid         NOT NULL,
  user_id           uuid         NOT NULL,
  key_hash          bytea        NOT NULL,
  key_prefix        text         NOT NULL,
  key_suffix        text         NOT NULL,
  label             text         NOT NULL DEFAULT '',
  environment       text         NOT NULL,
  scopes            text[]       NOT NULL,
  rate_limit        integer      NOT NULL DEFAULT 60,  -- calls a minute
  expires_at        timestamptz,
  revoked_at        timestamptz,
  created_at        timestamptz  NOT NULL DEFAULT now(),
  created_by        uuid,        -- NULL: the platform or the command line
  rotated_to        uuid,        -- the key that replaces this one
  last_used_at      timestamptz,
  last_used_client  text,

  CONSTRAINT api_keys_pkey                    PRIMARY KEY (project_id, id),
  CONSTRAINT api_keys_of_user_key             UNIQUE (project_id, id, user_id),
  CONSTRAINT api_keys_key_hash_key            UNIQUE (key_hash),
  CONSTRAINT api_keys_membership_fkey         FOREIGN KEY (project_id, user_id)
    REFERENCES public.memberships (project_id, user_id) ON DELETE CASCADE,
  CONSTRAINT api_keys_key_hash_length         CHECK (octet_length(key_hash) = 32),
  CONSTRAINT api_keys_key_prefix_length       CHECK (length(key_prefix) = 12),
  CONSTRAINT api_keys_key_suffix_length       CHECK (length(key_suffix) = 4),
  CONSTRAINT api_keys_label_length            CHECK (octet_length(label) <= 400),
  CONSTRAINT api_keys_environment_known       CHECK (environment IN ('live', 'test')),
  CONSTRAINT api_keys_scopes_known            CHECK (scopes <@ ARRAY['read', 'write', 'admin']),
  CONSTRAINT api_keys_scopes_count            CHECK (cardinality(scopes) BETWEEN 1 AND 3),
  CONSTRAINT api_keys_rate_limit_range        CHECK (rate_limit BETWEEN 1 AND 100000),
  CONSTRAINT api_keys_last_used_client_length CHECK (octet_length(last_used_client) <= 200)
);
CREATE INDEX api_keys_user_idx ON public.api_keys (project_id, user_id);
ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.api_keys');

-- ---------------------------------------------------------------------------
-- key_usage: calls per key and day.
-- ---------------------------------------------------------------------------
CREATE TABLE public.key_usage (
  project_id  uuid    NOT NULL,
  key_id      uuid    NOT NULL,
  day         date    NOT NULL,
  calls       bigint  NOT NULL DEFAULT 0,

  CONSTRAINT key_usage_pkey           PRIMARY KEY (project_id, key_id, day),
  CONSTRAINT key_usage_key_fkey       FOREIGN KEY (project_id, key_id)
    REFERENCES public.api_keys (project_id, id) ON DELETE CASCADE,
  CONSTRAINT key_usage_calls_positive CHECK (calls >= 0)
);
ALTER TABLE public.key_usage ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.key_usage');

-- ---------------------------------------------------------------------------
-- key_changes: which keys are no longer what they were, for replicas that
-- remember them. Outlives key and project, so no foreign key. Read as signals
-- are, by the writer's transaction.
-- ---------------------------------------------------------------------------
CREATE TABLE public.key_changes (
  project_id  uuid         NOT NULL,
  id          uuid         NOT NULL,
  xid         xid8         NOT NULL DEFAULT pg_current_xact_id(),
  key_id      uuid,        -- NULL: every key of the project
  changed_at  timestamptz  NOT NULL DEFAULT clock_timestamp(),

  CONSTRAINT key_changes_pkey PRIMARY KEY (project_id, id)
);
CREATE INDEX key_changes_xid_idx        ON public.key_changes (xid);
CREATE INDEX key_changes_changed_at_idx ON public.key_changes (changed_at);
ALTER TABLE public.key_changes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.key_changes');

-- ---------------------------------------------------------------------------
-- documents: the memory bank's files, always at their newest version.
-- created_by and updated_by are history and outlive a membership: checked by
-- policy, not by foreign key.
-- ---------------------------------------------------------------------------
CREATE TABLE public.documents (
  project_id      uuid         NOT NULL,
  id              uuid         NOT NULL,
  path            text         COLLATE "C" NOT NULL,  -- ordered by bytes, as the cursors are
  content         text         NOT NULL,
  size_bytes      integer      NOT NULL,
  content_sha256  bytea        NOT NULL,
  version         integer      NOT NULL DEFAULT 1,
  created_at      timestamptz  NOT NULL DEFAULT now(),
  created_by      uuid         NOT NULL,
  updated_at      timestamptz  NOT NULL DEFAULT now(),
  updated_by      uuid         NOT NULL,
  updated_client  text,

  CONSTRAINT documents_pkey                  PRIMARY KEY (project_id, id),
  -- Serves look-up by path, listing by prefix and keyset paging. Under a
  -- policy LIKE cannot use it (not leakproof): ask path >= $1 AND path < $2.
  CONSTRAINT documents_path_key              UNIQUE (project_id, path),
  CONSTRAINT documents_project_fkey          FOREIGN KEY (project_id)
    REFERENCES public.projects (id) ON DELETE CASCADE,
  CONSTRAINT documents_path_length           CHECK (octet_length(path) BETWEEN 1 AND 2048),
  CONSTRAINT documents_content_size          CHECK (octet_length(content) <= 524288),
  CONSTRAINT documents_size_is_of_content    CHECK (size_bytes = octet_length(content)),
  CONSTRAINT documents_content_sha256_length CHECK (octet_length(content_sha256) = 32),
  CONSTRAINT documents_version_positive      CHECK (version >= 1),
  CONSTRAINT documents_updated_client_length CHECK (octet_length(updated_client) <= 200)
);
CREATE INDEX documents_updated_at_idx ON public.documents (project_id, updated_at, id);
ALTER TABLE public.documents ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.documents');

-- ---------------------------------------------------------------------------
-- document_revisions: every version as it was written, the newest included.
-- Never updated. They outlive their document, so that a deletion can be undone:
-- the last one of a deleted document holds no text, but says who deleted it.
-- ---------------------------------------------------------------------------
CREATE TABLE public.document_revisions (
  project_id      uuid         NOT NULL,
  document_id     uuid         NOT NULL,
  version         integer      NOT NULL,
  path            text         COLLATE "C" NOT NULL,
  content         text         NOT NULL,
  size_bytes      integer      NOT NULL,
  content_sha256  bytea        NOT NULL,
  created_at      timestamptz  NOT NULL DEFAULT now(),
  created_by      uuid         NOT NULL,
  client_name     text,
  key_id          uuid,
  deleted         boolean      NOT NULL DEFAULT false,

  CONSTRAINT document_revisions_pkey                  PRIMARY KEY (project_id, document_id, version),
  CONSTRAINT document_revisions_project_fkey          FOREIGN KEY (project_id)
    REFERENCES public.projects (id) ON DELETE CASCADE,
  CONSTRAINT document_revisions_path_length           CHECK (octet_length(path) BETWEEN 1 AND 2048),
  CONSTRAINT document_revisions_content_size          CHECK (octet_length(content) <= 524288),
  CONSTRAINT document_revisions_size_is_of_content    CHECK (size_bytes = octet_length(content)),
  CONSTRAINT document_revisions_content_sha256_length CHECK (octet_length(content_sha256) = 32),
  CONSTRAINT document_revisions_version_positive      CHECK (version >= 1),
  CONSTRAINT document_revisions_client_name_length    CHECK (octet_length(client_name) <= 200),
  CONSTRAINT document_revisions_deleted_is_empty      CHECK (NOT deleted OR size_bytes = 0)
);
ALTER TABLE public.document_revisions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.document_revisions');

-- ---------------------------------------------------------------------------
-- document_sections: what search indexes. Sections, never whole documents: a
-- large text of distinct words does not fit a tsvector.
-- ---------------------------------------------------------------------------
CREATE TABLE public.document_sections (
  project_id    uuid      NOT NULL,
  document_id   uuid      NOT NULL,
  ordinal       integer   NOT NULL,
  heading_path  text      NOT NULL DEFAULT '',
  first_line    integer   NOT NULL,
  language      text      NOT NULL,
  body          text      NOT NULL,
  tsv           tsvector  NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector(app.search_config(language), app.search_text(heading_path)), 'A')
    || setweight(to_tsvector(app.search_config(language), app.search_text(body)), 'B')
  ) STORED,

  CONSTRAINT document_sections_pkey                PRIMARY KEY (project_id, document_id, ordinal),
  CONSTRAINT document_sections_document_fkey       FOREIGN KEY (project_id, document_id)
    REFERENCES public.documents (project_id, id) ON DELETE CASCADE,
  CONSTRAINT document_sections_ordinal_positive    CHECK (ordinal >= 0),
  CONSTRAINT document_sections_heading_path_length CHECK (octet_length(heading_path) <= 8192),
  CONSTRAINT document_sections_first_line_positive CHECK (first_line >= 1),
  CONSTRAINT document_sections_language_known      CHECK (app.search_config(language) IS NOT NULL),
  CONSTRAINT document_sections_body_size           CHECK (octet_length(body) <= 32768)
);
CREATE INDEX document_sections_tsv_idx ON public.document_sections
  USING gin (project_id extensions.uuid_ops, tsv);
ALTER TABLE public.document_sections ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.document_sections');

-- ---------------------------------------------------------------------------
-- project_words: the words of a project's documents, for typos in a search.
-- ---------------------------------------------------------------------------
CREATE TABLE public.project_words (
  project_id  uuid  NOT NULL,
  word        text  COLLATE "C" NOT NULL,

  CONSTRAINT project_words_pkey         PRIMARY KEY (project_id, word),
  CONSTRAINT project_words_project_fkey FOREIGN KEY (project_id)
    REFERENCES public.projects (id) ON DELETE CASCADE,
  CONSTRAINT project_words_word_length  CHECK (length(word) BETWEEN 1 AND 64)
);
CREATE INDEX project_words_trgm_idx ON public.project_words
  USING gin (project_id extensions.uuid_ops, word extensions.gin_trgm_ops);
ALTER TABLE public.project_words ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.project_words');

-- ---------------------------------------------------------------------------
-- graph_entities: the nodes. Deleted ones stay a while; deletion_batch ties
-- together what one call deleted, so that it can be undone as a whole.
-- ---------------------------------------------------------------------------
CREATE TABLE public.graph_entities (
  project_id      uuid         NOT NULL,
  id              uuid         NOT NULL,
  name            text         NOT NULL,
  entity_type     text         NOT NULL,
  attributes      jsonb        NOT NULL DEFAULT '{}',
  created_at      timestamptz  NOT NULL DEFAULT now(),
  created_by      uuid         NOT NULL,
  updated_at      timestamptz  NOT NULL DEFAULT now(),
  updated_by      uuid         NOT NULL,
  deleted_at      timestamptz,
  deletion_batch  uuid,

  CONSTRAINT graph_entities_pkey                 PRIMARY KEY (project_id, id),
  CONSTRAINT graph_entities_project_fkey         FOREIGN KEY (project_id)
    REFERENCES public.projects (id) ON DELETE CASCADE,
  CONSTRAINT graph_entities_name_length          CHECK (octet_length(name) BETWEEN 1 AND 512),
  CONSTRAINT graph_entities_entity_type_length   CHECK (octet_length(entity_type) BETWEEN 1 AND 128),
  CONSTRAINT graph_entities_attributes_object    CHECK (jsonb_typeof(attributes) = 'object'),
  CONSTRAINT graph_entities_attributes_size      CHECK (octet_length(attributes::text) <= 65536),
  CONSTRAINT graph_entities_batch_is_of_deletion CHECK (deletion_batch IS NULL OR deleted_at IS NOT NULL)
);
CREATE UNIQUE INDEX graph_entities_name_key ON public.graph_entities (project_id, name)
  WHERE deleted_at IS NULL;
CREATE INDEX graph_entities_type_idx ON public.graph_entities (project_id, entity_type, id);
ALTER TABLE public.graph_entities ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.graph_entities');

-- ---------------------------------------------------------------------------
-- graph_observations: what is known about an entity, and when it held.
-- ---------------------------------------------------------------------------
CREATE TABLE public.graph_observations (
  project_id      uuid         NOT NULL,
  id              uuid         NOT NULL,
  entity_id       uuid         NOT NULL,
  body            text         NOT NULL,
  source          text         NOT NULL DEFAULT 'manual',
  valid_from      timestamptz,
  valid_to        timestamptz,
  created_at      timestamptz  NOT NULL DEFAULT now(),
  created_by      uuid         NOT NULL,
  deleted_at      timestamptz,
  deletion_batch  uuid,

  CONSTRAINT graph_observations_pkey                 PRIMARY KEY (project_id, id),
  CONSTRAINT graph_observations_entity_fkey          FOREIGN KEY (project_id, entity_id)
    REFERENCES public.graph_entities (project_id, id) ON DELETE CASCADE,
  CONSTRAINT graph_observations_body_size            CHECK (octet_length(body) BETWEEN 1 AND 32768),
  CONSTRAINT graph_observations_source_known         CHECK (source IN ('manual', 'tool', 'import', 'agent')),
  CONSTRAINT graph_observations_validity_order       CHECK (valid_to >= valid_from),
  CONSTRAINT graph_observations_batch_is_of_deletion CHECK (deletion_batch IS NULL OR deleted_at IS NOT NULL)
);
CREATE INDEX graph_observations_entity_idx ON public.graph_observations (project_id, entity_id, id);
ALTER TABLE public.graph_observations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.graph_observations');

-- ---------------------------------------------------------------------------
-- graph_relations: the edges, at most one of a type in each direction.
-- ---------------------------------------------------------------------------
CREATE TABLE public.graph_relations (
  project_id      uuid         NOT NULL,
  id              uuid         NOT NULL,
  from_id         uuid         NOT NULL,
  to_id           uuid         NOT NULL,
  relation_type   text         NOT NULL,
  created_at      timestamptz  NOT NULL DEFAULT now(),
  created_by      uuid         NOT NULL,
  deleted_at      timestamptz,
  deletion_batch  uuid,

  CONSTRAINT graph_relations_pkey                 PRIMARY KEY (project_id, id),
  CONSTRAINT graph_relations_from_fkey            FOREIGN KEY (project_id, from_id)
    REFERENCES public.graph_entities (project_id, id) ON DELETE CASCADE,
  CONSTRAINT graph_relations_to_fkey              FOREIGN KEY (project_id, to_id)
    REFERENCES public.graph_entities (project_id, id) ON DELETE CASCADE,
  CONSTRAINT graph_relations_relation_type_length CHECK (octet_length(relation_type) BETWEEN 1 AND 128),
  CONSTRAINT graph_relations_batch_is_of_deletion CHECK (deletion_batch IS NULL OR deleted_at IS NOT NULL)
);
CREATE UNIQUE INDEX graph_relations_edge_key
  ON public.graph_relations (project_id, from_id, relation_type, to_id)
  WHERE deleted_at IS NULL;
-- Neighbours in both directions, and the cascades of deleted ones as well.
CREATE INDEX graph_relations_from_idx ON public.graph_relations (project_id, from_id);
CREATE INDEX graph_relations_to_idx   ON public.graph_relations (project_id, to_id);
ALTER TABLE public.graph_relations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.graph_relations');

-- ---------------------------------------------------------------------------
-- sessions: MCP sessions of the legacy era. The row is the session: any
-- replica serves it, and when its time is over it is a 404 everywhere. One that
-- is ended is over since ever, so for transactions that began before as well;
-- its row goes later, since what hangs on it may be much.
-- ---------------------------------------------------------------------------
CREATE TABLE public.sessions (
  project_id        uuid         NOT NULL,
  id                text         COLLATE "C" NOT NULL,
  user_id           uuid         NOT NULL,
  key_id            uuid,        -- NULL once the key is gone
  protocol_version  text         NOT NULL,
  client_name       text         NOT NULL DEFAULT '',
  client_version    text         NOT NULL DEFAULT '',
  capabilities      jsonb        NOT NULL DEFAULT '{}',
  log_level         text,        -- NULL: the client has not asked for log lines
  toolsets          text[],      -- NULL: all of them
  subscriptions     text[]       NOT NULL DEFAULT '{}',  -- the URIs of resources
  created_at        timestamptz  NOT NULL DEFAULT now(),
  last_seen_at      timestamptz  NOT NULL DEFAULT now(),
  expires_at        timestamptz  NOT NULL,  -- '-infinity': it was ended

  CONSTRAINT sessions_pkey                  PRIMARY KEY (project_id, id),
  CONSTRAINT sessions_of_user_key           UNIQUE (project_id, id, user_id),
  CONSTRAINT sessions_membership_fkey       FOREIGN KEY (project_id, user_id)
    REFERENCES public.memberships (project_id, user_id) ON DELETE CASCADE,
  -- user_id is part of it: nobody opens a session in the name of another's key.
  CONSTRAINT sessions_key_fkey              FOREIGN KEY (project_id, key_id, user_id)
    REFERENCES public.api_keys (project_id, id, user_id) ON DELETE SET NULL (key_id),
  CONSTRAINT sessions_id_form               CHECK (id ~ '^[!-~]{43,128}$'),
  CONSTRAINT sessions_protocol_version_form CHECK (protocol_version ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'),
  CONSTRAINT sessions_client_name_length    CHECK (octet_length(client_name) <= 200),
  CONSTRAINT sessions_client_version_length CHECK (octet_length(client_version) <= 200),
  CONSTRAINT sessions_capabilities_object   CHECK (jsonb_typeof(capabilities) = 'object'),
  CONSTRAINT sessions_capabilities_size     CHECK (octet_length(capabilities::text) <= 65536),
  CONSTRAINT sessions_log_level_known       CHECK (log_level IN (
    'debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency')),
  CONSTRAINT sessions_toolsets_count        CHECK (cardinality(toolsets) <= 64),
  CONSTRAINT sessions_subscriptions_count   CHECK (cardinality(subscriptions) <= 256)
);
CREATE INDEX sessions_user_idx       ON public.sessions (project_id, user_id);
-- All that counting the sessions of a key asks for, its policy included: a thousand are counted by it alone.
CREATE INDEX sessions_key_idx        ON public.sessions (project_id, key_id, user_id, expires_at);
CREATE INDEX sessions_expires_at_idx ON public.sessions (expires_at);
ALTER TABLE public.sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.sessions');

-- What stands for a session where people see it: its id opens it, this does not.
CREATE FUNCTION app.session_handle(id text) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN encode(substring(sha256(convert_to(id, 'UTF8')) FOR 16), 'hex')::uuid;

CALL app.close_function('app.session_handle(text)');
GRANT EXECUTE ON FUNCTION app.session_handle(text) TO app_platform, app_worker;

-- ---------------------------------------------------------------------------
-- streams: one per POST answered by SSE, and one per GET. The lease says which
-- replica writes; when it has run out, the writer is dead. Who closes a stream,
-- or writes on it, holds its row: nothing is stored on a closed one.
-- ---------------------------------------------------------------------------
CREATE TABLE public.streams (
  project_id   uuid         NOT NULL,
  id           uuid         NOT NULL,
  user_id      uuid         NOT NULL,
  session_id   text         COLLATE "C" NOT NULL,
  request_id   text,        -- the call's JSON-RPC id, as JSON; NULL for a GET
  kind         text         NOT NULL,
  next_seq     bigint       NOT NULL DEFAULT 1,  -- once closed: one more than the last event's
  lease_owner  uuid,        -- the replica's process
  lease_until  timestamptz,
  created_at   timestamptz  NOT NULL DEFAULT now(),
  closed_at    timestamptz,

  CONSTRAINT streams_pkey              PRIMARY KEY (project_id, id),
  CONSTRAINT streams_of_user_key       UNIQUE (project_id, id, user_id),
  CONSTRAINT streams_session_fkey      FOREIGN KEY (project_id, session_id, user_id)
    REFERENCES public.sessions (project_id, id, user_id) ON DELETE CASCADE,
  CONSTRAINT streams_request_id_length CHECK (octet_length(request_id) <= 1024),
  CONSTRAINT streams_kind_known        CHECK (kind IN ('post', 'get')),
  CONSTRAINT streams_next_seq_positive CHECK (next_seq >= 0),
  CONSTRAINT streams_lease_complete    CHECK ((lease_owner IS NULL) = (lease_until IS NULL))
);
CREATE INDEX streams_session_idx    ON public.streams (project_id, session_id);
CREATE INDEX streams_created_at_idx ON public.streams (created_at);
-- Which stream answers a call, and which GET is the newest.
CREATE INDEX streams_open_idx       ON public.streams (project_id, session_id, request_id)
  WHERE closed_at IS NULL;
ALTER TABLE public.streams ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.streams');

-- ---------------------------------------------------------------------------
-- mcp_events: what was sent on a stream, for a client that comes back. The
-- foreign key over project, stream and user makes mixed rows impossible.
-- ---------------------------------------------------------------------------
CREATE TABLE public.mcp_events (
  project_id  uuid         NOT NULL,
  stream_id   uuid         NOT NULL,
  user_id     uuid         NOT NULL,
  seq         bigint       NOT NULL,
  created_at  timestamptz  NOT NULL DEFAULT now(),
  payload     jsonb        NOT NULL,

  CONSTRAINT mcp_events_pkey         PRIMARY KEY (project_id, stream_id, seq),
  CONSTRAINT mcp_events_stream_fkey  FOREIGN KEY (project_id, stream_id, user_id)
    REFERENCES public.streams (project_id, id, user_id) ON DELETE CASCADE,
  CONSTRAINT mcp_events_seq_positive CHECK (seq >= 0),
  CONSTRAINT mcp_events_payload_size CHECK (pg_column_size(payload) <= 16777216)
);
CREATE INDEX mcp_events_created_at_idx ON public.mcp_events (created_at);
ALTER TABLE public.mcp_events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.mcp_events');

-- ---------------------------------------------------------------------------
-- client_requests: what the server asked a client. Any replica takes the
-- answer; the one that waits finds it here.
-- ---------------------------------------------------------------------------
CREATE TABLE public.client_requests (
  project_id   uuid         NOT NULL,
  id           uuid         NOT NULL,
  user_id      uuid         NOT NULL,
  session_id   text         COLLATE "C" NOT NULL,
  created_at   timestamptz  NOT NULL DEFAULT now(),
  answer       jsonb,
  answered_at  timestamptz,

  CONSTRAINT client_requests_pkey            PRIMARY KEY (project_id, id),
  CONSTRAINT client_requests_session_fkey    FOREIGN KEY (project_id, session_id, user_id)
    REFERENCES public.sessions (project_id, id, user_id) ON DELETE CASCADE,
  CONSTRAINT client_requests_answer_complete CHECK ((answer IS NULL) = (answered_at IS NULL)),
  CONSTRAINT client_requests_answer_size     CHECK (octet_length(answer::text) <= 1048576)
);
CREATE INDEX client_requests_session_idx    ON public.client_requests (project_id, session_id);
CREATE INDEX client_requests_created_at_idx ON public.client_requests (created_at);
ALTER TABLE public.client_requests ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.client_requests');

-- ---------------------------------------------------------------------------
-- signals: what happened, for whoever listens on any replica. Rows are made
-- while what they are about is deleted, so no foreign key.
--
-- Transactions commit in another order than they write. So a reader keeps the
-- snapshot of its last look, and the next one takes what that did not see yet,
-- by the writer's transaction: each row once, and none is passed over.
-- ---------------------------------------------------------------------------
CREATE TABLE public.signals (
  project_id  uuid         NOT NULL,
  id          uuid         NOT NULL,
  xid         xid8         NOT NULL DEFAULT pg_current_xact_id(),
  created_at  timestamptz  NOT NULL DEFAULT clock_timestamp(),
  user_id     uuid,        -- whose session, or who did it; NULL: SQL by hand
  kind        text         NOT NULL,
  target      text         NOT NULL,  -- a path, a session, a request

  CONSTRAINT signals_pkey          PRIMARY KEY (project_id, id),
  CONSTRAINT signals_kind_known    CHECK (kind IN (
    'resource_created', 'resource_updated', 'resource_deleted', 'tools_changed', 'prompts_changed',
    'session_changed', 'session_ended', 'call_cancelled', 'request_answered')),
  CONSTRAINT signals_target_length CHECK (octet_length(target) <= 2048)
);
CREATE INDEX signals_xid_idx                ON public.signals (xid);
CREATE INDEX signals_created_at_idx         ON public.signals (created_at);
CREATE INDEX signals_project_created_at_idx ON public.signals (project_id, created_at);
ALTER TABLE public.signals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.signals');

-- ---------------------------------------------------------------------------
-- audit_log: who changed what. No foreign key at all: it outlives everything.
-- What belongs to no project (a user made by the platform) has the nil uuid.
-- ---------------------------------------------------------------------------
CREATE TABLE public.audit_log (
  project_id     uuid         NOT NULL,
  id             uuid         NOT NULL,
  at             timestamptz  NOT NULL DEFAULT now(),
  actor_kind     text         NOT NULL,
  actor_user_id  uuid,
  key_id         uuid,
  client_name    text,
  ip             inet,
  action         text         NOT NULL,
  target_kind    text         NOT NULL,
  target_id      text         NOT NULL,
  before         jsonb,
  after          jsonb,

  CONSTRAINT audit_log_pkey               PRIMARY KEY (project_id, id),
  CONSTRAINT audit_log_actor_kind_known   CHECK (actor_kind IN ('key', 'platform', 'cli')),
  CONSTRAINT audit_log_client_name_length CHECK (octet_length(client_name) <= 200),
  CONSTRAINT audit_log_action_length      CHECK (octet_length(action) BETWEEN 1 AND 100),
  CONSTRAINT audit_log_target_kind_length CHECK (octet_length(target_kind) BETWEEN 1 AND 100),
  CONSTRAINT audit_log_target_id_length   CHECK (octet_length(target_id) <= 2048),
  CONSTRAINT audit_log_before_size        CHECK (octet_length(before::text) <= 1048576),
  CONSTRAINT audit_log_after_size         CHECK (octet_length(after::text) <= 1048576)
);
CREATE INDEX audit_log_at_idx ON public.audit_log (project_id, at, id);
ALTER TABLE public.audit_log ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.audit_log');

-- ---------------------------------------------------------------------------
-- idempotency_keys: answers to writes that a client may repeat. A row without
-- status is a call still running. The platform's rows have the nil uuid.
-- ---------------------------------------------------------------------------
CREATE TABLE public.idempotency_keys (
  project_id    uuid         NOT NULL,
  principal     text         NOT NULL,  -- 'user:' and the user's id, or 'platform'
  route         text         NOT NULL,
  key           text         NOT NULL,
  body_sha256   bytea        NOT NULL,
  status        integer,
  response      jsonb,
  created_at    timestamptz  NOT NULL DEFAULT now(),
  completed_at  timestamptz,
  expires_at    timestamptz  NOT NULL,

  CONSTRAINT idempotency_keys_pkey               PRIMARY KEY (project_id, principal, route, key),
  CONSTRAINT idempotency_keys_principal_length   CHECK (octet_length(principal) BETWEEN 1 AND 100),
  CONSTRAINT idempotency_keys_route_length       CHECK (octet_length(route) BETWEEN 1 AND 200),
  CONSTRAINT idempotency_keys_key_length         CHECK (octet_length(key) BETWEEN 1 AND 255),
  CONSTRAINT idempotency_keys_body_sha256_length CHECK (octet_length(body_sha256) = 32),
  CONSTRAINT idempotency_keys_status_range       CHECK (status BETWEEN 100 AND 599),
  CONSTRAINT idempotency_keys_status_when_done   CHECK ((status IS NULL) = (completed_at IS NULL))
);
CREATE INDEX idempotency_keys_expires_at_idx ON public.idempotency_keys (expires_at);
ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CALL app.close_table('public.idempotency_keys');

INSERT INTO public.schema_migrations (version) VALUES ('001_schema');

COMMIT;
