-- 003_functions: the doors in the walls.
--
-- Each of these runs as another role than its caller, so each has the same
-- shape: SECURITY DEFINER with a pinned search_path (pg_temp last), tables and
-- extension operators qualified, no dynamic SQL. The order is always
-- create, close, grant, hand over (see app.hand_over in 001_schema).
--
-- What app_user may call begins with app.has_role(…), takes the tenant from the
-- settings and caps its limits: without the membership check a stranger who
-- only sets the project would read its answers.

BEGIN;

-- ---------------------------------------------------------------------------
-- authenticate_key: from the hash of a key to who calls. The only way to a key
-- by its hash, and only for app_server: it looks across tenants. One row for a
-- key that is in force in a project that exists, none for anything else.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.authenticate_key(hash bytea)
RETURNS TABLE (
  key_id        uuid,
  project_id    uuid,
  user_id       uuid,
  role          text,
  scopes        text[],
  expires_at    timestamptz,
  rate_limit    integer,
  environment   text,
  label         text,
  project_slug  text
)
LANGUAGE sql STABLE ROWS 1 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT k.id, k.project_id, k.user_id, m.role, k.scopes, k.expires_at,
         k.rate_limit, k.environment, k.label, p.slug
    FROM public.api_keys k
    JOIN public.memberships m ON m.project_id = k.project_id AND m.user_id = k.user_id
    JOIN public.projects p    ON p.id = k.project_id
   WHERE k.key_hash = authenticate_key.hash
     AND k.revoked_at IS NULL
     AND (k.expires_at IS NULL OR k.expires_at > now())
     AND p.deleted_at IS NULL;
END;

CALL app.close_function('app.authenticate_key(bytea)');
GRANT EXECUTE ON FUNCTION app.authenticate_key(bytea) TO app_server;
CALL app.hand_over('app.authenticate_key(bytea)', 'app_auth');

-- ---------------------------------------------------------------------------
-- search_sections: full-text search of the current project, websearch syntax.
-- Gives places, never text: the caller reads them under its own policies.
-- Sections with the exact phrase come first.
--
-- DEFINER, because @@ is not leakproof: under a policy it may not see a row
-- before the policy has, which rules out the GIN index. As app_search the
-- index over (project_id, tsv) serves. Filters touch documents only if there
-- are any. At most 200 rows, at most 10,000 skipped.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.search_sections(
  query          text,
  path_prefix    text,         -- NULL: any path
  paths          text[],       -- NULL: any path; the first 1,000 count
  updated_since  timestamptz,  -- NULL: any age
  max_rows       integer,
  skip_rows      integer
)
RETURNS TABLE (document_id uuid, ordinal integer, rank real)
LANGUAGE sql STABLE ROWS 50 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT s.document_id, s.ordinal,
         (ts_rank(s.tsv, asked.words, 1)
           + CASE WHEN asked.phrase IS NOT NULL AND strpos(lower(s.body), asked.phrase) > 0
                  THEN 1 ELSE 0 END)::real AS rank
    FROM (
           SELECT p.id AS project_id,
                  app.search_query(p.search_language,
                                   left(search_sections.query, 2000)) AS words,
                  -- What stands in quotes, or several words and code as they stand: common words are not
                  -- indexed, so that only the text itself tells an exact match from a near one.
                  lower(coalesce(substring(search_sections.query FROM '"([^"]{3,})"'),
                                 CASE WHEN btrim(search_sections.query) ~ '[^[:alnum:]]'
                                      THEN btrim(search_sections.query) END)) AS phrase
             FROM public.projects p
            WHERE p.id = app.current_project_id()
         ) asked
    JOIN public.document_sections s
      ON s.project_id = asked.project_id AND s.tsv @@ asked.words
   WHERE (SELECT app.has_role(1))
     AND (
       (path_prefix IS NULL AND paths IS NULL AND updated_since IS NULL)
       OR EXISTS (
         SELECT FROM public.documents d
          WHERE d.project_id = s.project_id
            AND d.project_id = app.current_project_id()  -- for the planner, should it hash
            AND d.id = s.document_id
            AND (path_prefix IS NULL OR starts_with(d.path, path_prefix))
            AND (paths IS NULL OR d.path = ANY (paths[1:1000]))
            AND (updated_since IS NULL OR d.updated_at >= updated_since)
       )
     )
   ORDER BY 3 DESC, s.document_id, s.ordinal
   LIMIT least(greatest(max_rows, 0), 200)
  OFFSET least(greatest(skip_rows, 0), 10000);
END;

CALL app.close_function('app.search_sections(text, text, text[], timestamptz, integer, integer)');
GRANT EXECUTE ON FUNCTION app.search_sections(text, text, text[], timestamptz, integer, integer)
   TO app_user;
CALL app.hand_over('app.search_sections(text, text, text[], timestamptz, integer, integer)', 'app_search');

-- ---------------------------------------------------------------------------
-- nearest_words: for each misspelt word the most similar words of the current
-- project, most similar first, at most 8. At most 16 words of at most 64 characters.
--
-- The threshold is lower than pg_trgm's 0.3, because one transposition in a
-- short word breaks most of its trigrams; a word of quite another length is
-- none the less not meant.
-- ---------------------------------------------------------------------------
-- Naming the setting needs its module loaded, or else a superuser.
DO $$
BEGIN
  PERFORM extensions.show_limit();
END
$$;

CREATE FUNCTION app.nearest_words(words text[])
RETURNS TABLE (word text, nearest text)
LANGUAGE sql STABLE ROWS 128 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET pg_trgm.similarity_threshold = '0.25'
BEGIN ATOMIC
  SELECT asked.word, found.word
    FROM unnest(words[1:16]) WITH ORDINALITY AS asked (word, position)
   CROSS JOIN LATERAL (
           SELECT w.word, extensions.similarity(w.word, lower(asked.word)) AS similarity
             FROM public.project_words w
            WHERE w.project_id = app.current_project_id()
              AND w.word OPERATOR(extensions.%) lower(asked.word)
              AND abs(length(w.word) - length(asked.word)) <= 1 + length(asked.word) / 4
            ORDER BY similarity DESC,
                     abs(length(w.word) - length(asked.word)),
                     w.word
            LIMIT 8
         ) found
   WHERE (SELECT app.has_role(1))
     AND length(asked.word) <= 64
   ORDER BY asked.position, found.similarity DESC, found.word;
END;

CALL app.close_function('app.nearest_words(text[])');
GRANT EXECUTE ON FUNCTION app.nearest_words(text[]) TO app_user;
CALL app.hand_over('app.nearest_words(text[])', 'app_search');

-- ---------------------------------------------------------------------------
-- add_member_by_email: makes whoever has this address a member of the current
-- project, for its owners. Who does not exist yet is made, under fresh_id; the
-- answer is alike, so that an owner learns nothing of an address but what he
-- typed until its person is a member, whom he sees as he sees all members.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.add_member_by_email(address text, member_role text, fresh_id uuid)
RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  member uuid;
BEGIN
  IF NOT app.has_role(3) THEN
    RAISE EXCEPTION 'only an owner adds members' USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- Waits for another transaction that is making the same person, whom the next statement then sees.
  INSERT INTO public.users (id, email) VALUES (fresh_id, address) ON CONFLICT DO NOTHING;
  SELECT u.id INTO member FROM public.users u WHERE u.email = address;
  IF member IS NULL THEN
    RAISE EXCEPTION 'the user was deleted at this moment' USING ERRCODE = 'serialization_failure';
  END IF;
  INSERT INTO public.memberships (project_id, user_id, role)
  VALUES (app.current_project_id(), member, member_role);
  RETURN member;
END
$$;

CALL app.close_function('app.add_member_by_email(text, text, uuid)');
GRANT EXECUTE ON FUNCTION app.add_member_by_email(text, text, uuid) TO app_user;
CALL app.hand_over('app.add_member_by_email(text, text, uuid)', 'app_worker');

-- ---------------------------------------------------------------------------
-- touch_keys: when keys were last used and how often on which day, as a server
-- has counted it: one call for all keys of half a minute. Time only moves
-- forward, and never past the database's own. A key that is not of the project
-- named with it is none. Only for app_server: it looks across tenants.
--
-- Days first, in their order: replicas that count the same keys wait for each
-- other there, and not in a circle.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.touch_keys(
  project_ids  uuid[],
  key_ids      uuid[],
  days         date[],
  calls        bigint[],
  used_at      timestamptz[],
  clients      text[]
)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  INSERT INTO public.key_usage AS kept (project_id, key_id, day, calls)
  SELECT used.project_id, used.key_id, used.day, sum(used.calls)
    FROM unnest(project_ids, key_ids, days, touch_keys.calls)
           AS used (project_id, key_id, day, calls)
    JOIN public.api_keys k ON k.project_id = used.project_id AND k.id = used.key_id
   WHERE used.calls > 0
   GROUP BY 1, 2, 3
   ORDER BY 1, 2, 3
  ON CONFLICT (project_id, key_id, day) DO UPDATE SET calls = kept.calls + excluded.calls;

  UPDATE public.api_keys k
     SET last_used_at     = used.at,
         last_used_client = coalesce(used.client, k.last_used_client)
    FROM (
           SELECT DISTINCT ON (1, 2)
                  u.project_id, u.key_id, least(u.at, now()) AS at, left(u.client, 50) AS client
             FROM unnest(project_ids, key_ids, touch_keys.used_at, clients)
                    AS u (project_id, key_id, at, client)
            ORDER BY 1, 2, u.at DESC
         ) used
   WHERE k.project_id = used.project_id
     AND k.id = used.key_id
     AND (k.last_used_at IS NULL OR k.last_used_at < used.at);
END;

CALL app.close_function('app.touch_keys(uuid[], uuid[], date[], bigint[], timestamptz[], text[])');
GRANT EXECUTE ON FUNCTION app.touch_keys(uuid[], uuid[], date[], bigint[], timestamptz[], text[])
   TO app_server;
CALL app.hand_over('app.touch_keys(uuid[], uuid[], date[], bigint[], timestamptz[], text[])', 'app_worker');

-- ---------------------------------------------------------------------------
-- end_key: revokes a key for good and writes that down. One that is revoked
-- stays as it is. Nobody calls it but the two below, which find the key.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.end_key(
  of_project  uuid,
  of_key      uuid,
  entry       uuid,
  actor       text,  -- 'key': the key itself
  client      text,
  address     inet
)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH revoked AS (
    UPDATE public.api_keys k
       SET revoked_at = now()
     WHERE k.project_id = of_project
       AND k.id = of_key
       AND k.revoked_at IS NULL
    RETURNING k.project_id, k.id, k.user_id,
              jsonb_build_object(
                'userId', k.user_id, 'label', k.label, 'hint', k.key_prefix || '…' || k.key_suffix,
                'environment', k.environment, 'scopes', k.scopes, 'rateLimit', k.rate_limit,
                'expiresAt', k.expires_at, 'revokedAt', NULL, 'rotatedTo', k.rotated_to) AS shown
  )
  INSERT INTO public.audit_log (
           project_id, id, at, actor_kind, actor_user_id, key_id, client_name, ip,
           action, target_kind, target_id, before, after)
  SELECT r.project_id, entry, now(), actor,
         CASE WHEN actor = 'key' THEN r.user_id END,
         CASE WHEN actor = 'key' THEN r.id END,
         client, address, 'key.revoke', 'key', r.id::text,
         r.shown, r.shown || jsonb_build_object('revokedAt', now())
    FROM revoked r;
END;

-- ---------------------------------------------------------------------------
-- revoke_presented_key: whoever holds a key may end it, whatever it may do
-- else. By its hash, which nobody has but who was shown the key. Only for
-- app_server: a tenant's own rights do not go so far.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.revoke_presented_key(hash bytea, entry uuid, client text, address inet)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT app.end_key(k.project_id, k.id, entry, 'key', client, address)
    FROM public.api_keys k
   WHERE k.key_hash = revoke_presented_key.hash;
END;

-- ---------------------------------------------------------------------------
-- revoke_key: for operators at a console, who under FORCE see no key: by its
-- id, or by its hint as lists show it. Gives the id. For the owner of the
-- database and for app_platform.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.revoke_key(key text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  projects uuid[];
  keys     uuid[];
BEGIN
  SELECT array_agg(k.project_id), array_agg(k.id)
    INTO projects, keys
    FROM public.api_keys k
   WHERE k.id::text = lower(btrim(key))
      OR k.key_prefix || '…' || k.key_suffix = btrim(key);
  IF keys IS NULL THEN
    RAISE EXCEPTION 'there is no such key'
      USING ERRCODE = 'no_data_found',
            HINT = 'Name it by its id, or by its hint as `mbmcp keys list` shows it.';
  ELSIF cardinality(keys) > 1 THEN
    RAISE EXCEPTION '% keys look like that', cardinality(keys)
      USING ERRCODE = 'too_many_rows',
            HINT = 'Name the one by its id, as `mbmcp keys list` shows it.';
  END IF;
  PERFORM app.end_key(projects[1], keys[1], gen_random_uuid(), 'cli',
                      left('SQL by ' || session_user, 200), inet_client_addr());
  RETURN keys[1];
END
$$;

CALL app.close_function('app.end_key(uuid, uuid, uuid, text, text, inet)');
CALL app.close_function('app.revoke_presented_key(bytea, uuid, text, inet)');
CALL app.close_function('app.revoke_key(text)');
GRANT EXECUTE ON FUNCTION app.revoke_presented_key(bytea, uuid, text, inet) TO app_server;
GRANT EXECUTE ON FUNCTION app.revoke_key(text) TO app_platform;
CALL app.hand_over('app.end_key(uuid, uuid, uuid, text, text, inet)', 'app_worker');
CALL app.hand_over('app.revoke_presented_key(bytea, uuid, text, inet)', 'app_worker');
CALL app.hand_over('app.revoke_key(text)', 'app_worker', true);

-- ---------------------------------------------------------------------------
-- Changes of keys, by triggers: whoever changes what authenticate_key tells of
-- one, by whatever way, says so in the same transaction, and replicas stop
-- believing what they remember. A role is no part of that: each transaction
-- reads it anew. The end of a membership or of a project's row ends its keys.
-- ---------------------------------------------------------------------------
--
-- Row by row, so that it waits for certain columns: keys are touched all the time.
CREATE FUNCTION app.note_changed_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.key_changes (project_id, id, key_id)
  VALUES (OLD.project_id, gen_random_uuid(), OLD.id);
  RETURN NULL;
END
$$;

CREATE FUNCTION app.note_changed_project() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.key_changes (project_id, id)
  VALUES (OLD.id, gen_random_uuid());
  RETURN NULL;
END
$$;

CREATE TRIGGER note_changed_keys AFTER UPDATE ON public.api_keys
  FOR EACH ROW WHEN ((OLD.project_id, OLD.id, OLD.user_id, OLD.key_hash, OLD.label, OLD.environment,
                      OLD.scopes, OLD.rate_limit, OLD.expires_at, OLD.revoked_at)
                     IS DISTINCT FROM
                     (NEW.project_id, NEW.id, NEW.user_id, NEW.key_hash, NEW.label, NEW.environment,
                      NEW.scopes, NEW.rate_limit, NEW.expires_at, NEW.revoked_at))
  EXECUTE FUNCTION app.note_changed_key();
CREATE TRIGGER note_deleted_keys AFTER DELETE ON public.api_keys
  FOR EACH ROW EXECUTE FUNCTION app.note_changed_key();
CREATE TRIGGER note_changed_projects AFTER UPDATE ON public.projects
  FOR EACH ROW WHEN ((OLD.id, OLD.slug, OLD.deleted_at)
                     IS DISTINCT FROM (NEW.id, NEW.slug, NEW.deleted_at))
  EXECUTE FUNCTION app.note_changed_project();

CALL app.close_function('app.note_changed_key()');
CALL app.close_function('app.note_changed_project()');
CALL app.hand_over('app.note_changed_key()', 'app_worker');
CALL app.hand_over('app.note_changed_project()', 'app_worker');

-- ---------------------------------------------------------------------------
-- read_key_changes: what has been committed since the snapshot of an earlier
-- look, as read_signals does it. `server` tells one numbering of transactions
-- from another: that of a server that took over. Only for app_server.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.read_key_changes(since text)
RETURNS TABLE (server timestamptz, snapshot text, project_id uuid, key_id uuid, xid bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  earlier pg_snapshot := since::pg_snapshot;
  present pg_snapshot := pg_current_snapshot();
BEGIN
  RETURN QUERY
  SELECT pg_postmaster_start_time(), present::text, k.project_id, k.key_id, k.xid::text::bigint
    FROM public.key_changes k
   WHERE k.xid >= pg_snapshot_xmin(earlier)
     AND k.xid < pg_snapshot_xmax(present)
     AND NOT pg_visible_in_snapshot(k.xid, earlier);
  IF NOT FOUND THEN
    server := pg_postmaster_start_time();
    snapshot := present::text;
    RETURN NEXT;
  END IF;
END
$$;

CALL app.close_function('app.read_key_changes(text)');
GRANT EXECUTE ON FUNCTION app.read_key_changes(text) TO app_server;
CALL app.hand_over('app.read_key_changes(text)', 'app_worker');

-- ---------------------------------------------------------------------------
-- project_sessions, end_project_session: the current project's sessions, for
-- its owners. DEFINER, because a policy shows everybody his own alone, and
-- should: who reads a session's id could speak in it. Here ids stay inside, and
-- a handle stands for each.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.project_sessions(after_time timestamptz, after_handle uuid, max_rows bigint)
RETURNS TABLE (
  handle            uuid,
  user_id           uuid,
  key_id            uuid,
  client_name       text,
  client_version    text,
  protocol_version  text,
  created_at        timestamptz,
  last_seen_at      timestamptz,
  expires_at        timestamptz
)
LANGUAGE sql STABLE ROWS 50 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT app.session_handle(s.id), s.user_id, s.key_id, s.client_name, s.client_version,
         s.protocol_version, s.created_at, s.last_seen_at, s.expires_at
    FROM public.sessions s
   WHERE (SELECT app.has_role(3))
     AND s.project_id = app.current_project_id()
     AND s.expires_at > now()
     AND (s.created_at, app.session_handle(s.id)) > (after_time, after_handle)
   ORDER BY s.created_at, 1
   LIMIT least(greatest(max_rows, 0), 200);
END;

CALL app.close_function('app.project_sessions(timestamptz, uuid, bigint)');
GRANT EXECUTE ON FUNCTION app.project_sessions(timestamptz, uuid, bigint) TO app_user;
CALL app.hand_over('app.project_sessions(timestamptz, uuid, bigint)', 'app_worker');

CREATE FUNCTION app.end_project_session(session uuid)
RETURNS TABLE (user_id uuid, client_name text)
LANGUAGE sql ROWS 1 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  UPDATE public.sessions s
     SET expires_at = '-infinity'
   WHERE (SELECT app.has_role(3))
     AND s.project_id = app.current_project_id()
     AND s.expires_at > now()
     AND app.session_handle(s.id) = session
  RETURNING s.user_id, s.client_name;
END;

CALL app.close_function('app.end_project_session(uuid)');
GRANT EXECUTE ON FUNCTION app.end_project_session(uuid) TO app_user;
CALL app.hand_over('app.end_project_session(uuid)', 'app_worker');

-- ---------------------------------------------------------------------------
-- Signals of changes, by triggers: whoever changes a document or a session, by
-- whatever way, says so in the same transaction. DEFINER, because cascades run
-- as one role or another by version, and because a tenant signs his own alone.
-- Made before they are handed over: it takes a right to the function.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.signal_new_documents() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.signals (project_id, id, user_id, kind, target)
  SELECT n.project_id, gen_random_uuid(), app.current_user_id(), 'resource_created', n.path
    FROM new_rows n;
  RETURN NULL;
END
$$;

-- By path, since that is what a resource is known by: one that only one side
-- has is gone or new, whatever became of its row.
CREATE FUNCTION app.signal_changed_documents() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.signals (project_id, id, user_id, kind, target)
  SELECT project_id, gen_random_uuid(), app.current_user_id(),
         CASE WHEN n.id IS NULL THEN 'resource_deleted'
              WHEN o.id IS NULL THEN 'resource_created'
              ELSE 'resource_updated' END,
         path
    FROM old_rows o
    FULL JOIN new_rows n USING (project_id, path)
   WHERE o.id IS NULL OR n.id IS NULL OR o.content <> n.content;
  RETURN NULL;
END
$$;

CREATE FUNCTION app.signal_deleted_documents() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.signals (project_id, id, user_id, kind, target)
  SELECT o.project_id, gen_random_uuid(), app.current_user_id(), 'resource_deleted', o.path
    FROM old_rows o;
  RETURN NULL;
END
$$;

-- Of what a session's streams go by, and that it was ended. Each call of a
-- minute touches it besides.
CREATE FUNCTION app.signal_changed_sessions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.signals (project_id, id, user_id, kind, target)
  SELECT n.project_id, gen_random_uuid(), n.user_id,
         CASE WHEN n.expires_at = '-infinity' THEN 'session_ended' ELSE 'session_changed' END,
         n.id
    FROM old_rows o
    JOIN new_rows n USING (project_id, id)
   WHERE (o.subscriptions, o.log_level, o.expires_at = '-infinity')
         IS DISTINCT FROM (n.subscriptions, n.log_level, n.expires_at = '-infinity');
  RETURN NULL;
END
$$;

-- Of one that was ended before, that was told then.
CREATE FUNCTION app.signal_ended_sessions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.signals (project_id, id, user_id, kind, target)
  SELECT o.project_id, gen_random_uuid(), o.user_id, 'session_ended', o.id
    FROM old_rows o
   WHERE o.expires_at > '-infinity';
  RETURN NULL;
END
$$;

-- Of what a user may do: as another role, or with a key that is not what it was.
-- Row by row, so that it waits for certain columns: keys are touched all the time.
CREATE FUNCTION app.signal_changed_rights() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.signals (project_id, id, user_id, kind, target)
  VALUES (OLD.project_id, gen_random_uuid(), OLD.user_id, 'tools_changed', '');
  RETURN NULL;
END
$$;

CREATE TRIGGER documents_created AFTER INSERT ON public.documents
  REFERENCING NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION app.signal_new_documents();
CREATE TRIGGER documents_changed AFTER UPDATE ON public.documents
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION app.signal_changed_documents();
CREATE TRIGGER documents_deleted AFTER DELETE ON public.documents
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION app.signal_deleted_documents();
CREATE TRIGGER sessions_changed AFTER UPDATE ON public.sessions
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION app.signal_changed_sessions();
CREATE TRIGGER sessions_ended AFTER DELETE ON public.sessions
  REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION app.signal_ended_sessions();
CREATE TRIGGER memberships_changed AFTER UPDATE OF role ON public.memberships
  FOR EACH ROW WHEN (OLD.role <> NEW.role)
  EXECUTE FUNCTION app.signal_changed_rights();
CREATE TRIGGER memberships_ended AFTER DELETE ON public.memberships
  FOR EACH ROW EXECUTE FUNCTION app.signal_changed_rights();
CREATE TRIGGER api_keys_rights_changed AFTER UPDATE OF scopes, expires_at, revoked_at ON public.api_keys
  FOR EACH ROW WHEN ((OLD.scopes, OLD.expires_at, OLD.revoked_at)
                     IS DISTINCT FROM (NEW.scopes, NEW.expires_at, NEW.revoked_at))
  EXECUTE FUNCTION app.signal_changed_rights();

DO $$
DECLARE
  made text;
BEGIN
  FOREACH made IN ARRAY ARRAY[
    'app.signal_new_documents()', 'app.signal_changed_documents()',
    'app.signal_deleted_documents()', 'app.signal_changed_sessions()',
    'app.signal_ended_sessions()', 'app.signal_changed_rights()'
  ] LOOP
    CALL app.close_function(made::regprocedure);
    CALL app.hand_over(made::regprocedure, 'app_worker');
  END LOOP;
END
$$;

-- ---------------------------------------------------------------------------
-- read_signals: what has been committed since the snapshot of an earlier look;
-- without one nothing yet. Each row has this look's snapshot, and there is
-- always one. Only for app_server: it looks across tenants.
--
-- STABLE, so that all of it sees what the caller's statement sees. The upper
-- bound leaves out rows of another cluster's numbering, after a restore.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.read_signals(since text)
RETURNS TABLE (snapshot text, project_id uuid, user_id uuid, kind text, target text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  earlier pg_snapshot := since::pg_snapshot;
  present pg_snapshot := pg_current_snapshot();
BEGIN
  RETURN QUERY
  SELECT present::text, s.project_id, s.user_id, s.kind, s.target
    FROM public.signals s
   WHERE s.xid >= pg_snapshot_xmin(earlier)
     AND s.xid < pg_snapshot_xmax(present)
     AND NOT pg_visible_in_snapshot(s.xid, earlier)
   ORDER BY s.created_at, s.id;
  IF NOT FOUND THEN
    snapshot := present::text;
    RETURN NEXT;
  END IF;
END
$$;

CALL app.close_function('app.read_signals(text)');
GRANT EXECUTE ON FUNCTION app.read_signals(text) TO app_server;
CALL app.hand_over('app.read_signals(text)', 'app_worker');

-- ---------------------------------------------------------------------------
-- store_events: one call for the events of many streams of many tenants. What
-- it gives is stored: written now, or found as an earlier call with the same
-- events left it. An event is passed over whose stream is gone, is not of that
-- user or is closed, or is a GET stream that is not the newest of its session:
-- a newer one that is alive takes its messages. A final event closes its
-- stream. Only for app_server: it looks across tenants.
--
-- First the streams that may take events, of which it locks those that nobody
-- else has locked, so that whoever closes one waits: it never waits for a
-- tenant, whose transaction may hold many. A stream that is locked elsewhere it
-- gives without a number: it may take its events later.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.store_events(
  project_ids  uuid[],
  stream_ids   uuid[],
  user_ids     uuid[],
  seqs         bigint[],
  payloads     jsonb[],
  finals       boolean[]
)
RETURNS TABLE (project_id uuid, stream_id uuid, seq bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  open_projects uuid[];
  open_streams  uuid[];
  held_projects uuid[];
  held_streams  uuid[];
  held_users    uuid[];
BEGIN
  SELECT array_agg(s.project_id), array_agg(s.id)
    INTO open_projects, open_streams
    FROM (SELECT DISTINCT a.project_id, a.id, a.user_id
            FROM unnest(project_ids, stream_ids, user_ids) AS a (project_id, id, user_id)) asked
    JOIN public.streams s
      ON s.project_id = asked.project_id AND s.id = asked.id AND s.user_id = asked.user_id
   WHERE s.closed_at IS NULL
     AND (s.kind <> 'get' OR NOT EXISTS (
           SELECT FROM public.streams newer
            WHERE newer.project_id = s.project_id
              AND newer.session_id = s.session_id
              AND newer.request_id IS NULL
              AND newer.closed_at IS NULL
              AND newer.kind = 'get'
              AND newer.lease_until >= now()
              AND (newer.created_at, newer.id) > (s.created_at, s.id)));

  SELECT array_agg(held.project_id), array_agg(held.id), array_agg(held.user_id)
    INTO held_projects, held_streams, held_users
    FROM (
           SELECT s.project_id, s.id, s.user_id
             FROM unnest(open_projects, open_streams) AS o (project_id, id)
             JOIN public.streams s ON s.project_id = o.project_id AND s.id = o.id
            WHERE s.closed_at IS NULL
              FOR NO KEY UPDATE OF s SKIP LOCKED
         ) held;

  RETURN QUERY
  SELECT o.project_id, o.id, NULL::bigint
    FROM unnest(open_projects, open_streams) AS o (project_id, id)
  EXCEPT
  SELECT h.project_id, h.id, NULL::bigint
    FROM unnest(held_projects, held_streams) AS h (project_id, id);

  RETURN QUERY
  WITH given AS MATERIALIZED (
    SELECT *
      FROM unnest(project_ids, stream_ids, user_ids, seqs, payloads, finals)
             AS g (project_id, stream_id, user_id, seq, payload, final)
  ), wanted AS MATERIALIZED (
    SELECT g.*
      FROM given g
      JOIN unnest(held_projects, held_streams, held_users) AS h (project_id, id, user_id)
        ON h.project_id = g.project_id AND h.id = g.stream_id AND h.user_id = g.user_id
  ), stored AS (
    INSERT INTO public.mcp_events (project_id, stream_id, user_id, seq, payload)
    SELECT w.project_id, w.stream_id, w.user_id, w.seq, w.payload
      FROM wanted w
    ON CONFLICT DO NOTHING
    RETURNING project_id, stream_id, seq
  ), closed AS (
    UPDATE public.streams s
       SET closed_at = now(), next_seq = w.seq + 1
      FROM wanted w
     WHERE w.final AND s.project_id = w.project_id AND s.id = w.stream_id
  )
  SELECT n.project_id, n.stream_id, n.seq
    FROM stored n
   UNION ALL
  -- What this statement writes it does not see: these were there before.
  SELECT e.project_id, e.stream_id, e.seq
    FROM given g
    JOIN public.mcp_events e
      ON e.project_id = g.project_id AND e.stream_id = g.stream_id AND e.seq = g.seq
   WHERE e.user_id = g.user_id AND e.payload = g.payload;
END
$$;

CALL app.close_function('app.store_events(uuid[], uuid[], uuid[], bigint[], jsonb[], boolean[])');
GRANT EXECUTE ON FUNCTION app.store_events(uuid[], uuid[], uuid[], bigint[], jsonb[], boolean[])
   TO app_server;
CALL app.hand_over('app.store_events(uuid[], uuid[], uuid[], bigint[], jsonb[], boolean[])', 'app_worker');

-- ---------------------------------------------------------------------------
-- renew_leases: the streams that a replica still writes. One that is closed,
-- or is another's, stays as it is. Gives those that are locked elsewhere, for
-- which it does not wait, no more than store_events does. Only for app_server.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.renew_leases(owner uuid, project_ids uuid[], stream_ids uuid[], lease interval)
RETURNS TABLE (project_id uuid, stream_id uuid)
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH written AS MATERIALIZED (
    SELECT s.project_id, s.id
      FROM unnest(project_ids, stream_ids) AS a (project_id, id)
      JOIN public.streams s ON s.project_id = a.project_id AND s.id = a.id
     WHERE s.lease_owner = owner AND s.closed_at IS NULL
  ), held AS MATERIALIZED (
    SELECT s.project_id, s.id
      FROM written w
      JOIN public.streams s ON s.project_id = w.project_id AND s.id = w.id
     WHERE s.lease_owner = owner AND s.closed_at IS NULL
       FOR NO KEY UPDATE OF s SKIP LOCKED
  ), renewed AS (
    UPDATE public.streams s
       SET lease_until = now() + lease
      FROM held
     WHERE s.project_id = held.project_id AND s.id = held.id
  )
  SELECT w.project_id, w.id FROM written w
  EXCEPT
  SELECT h.project_id, h.id FROM held h;
END;

CALL app.close_function('app.renew_leases(uuid, uuid[], uuid[], interval)');
GRANT EXECUTE ON FUNCTION app.renew_leases(uuid, uuid[], uuid[], interval) TO app_server;
CALL app.hand_over('app.renew_leases(uuid, uuid[], uuid[], interval)', 'app_worker');

-- ---------------------------------------------------------------------------
-- stream_heads: how far streams have come, for replicas that follow another's.
-- A stream that is gone, or whose session is over, has no row. Only for
-- app_server.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.stream_heads(project_ids uuid[], stream_ids uuid[])
RETURNS TABLE (stream_id uuid, last_seq bigint, closed boolean, orphaned boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY
  SELECT s.id,
         coalesce((SELECT max(e.seq) FROM public.mcp_events e
                    WHERE e.project_id = s.project_id AND e.stream_id = s.id), 0),
         s.closed_at IS NOT NULL,
         s.closed_at IS NULL AND coalesce(s.lease_until < now(), true)
    FROM unnest(project_ids, stream_ids) AS a (project_id, id)
    JOIN public.streams s ON s.project_id = a.project_id AND s.id = a.id
    JOIN public.sessions o ON o.project_id = s.project_id AND o.id = s.session_id
   WHERE o.expires_at > now();
END
$$;

CALL app.close_function('app.stream_heads(uuid[], uuid[])');
GRANT EXECUTE ON FUNCTION app.stream_heads(uuid[], uuid[]) TO app_server;
CALL app.hand_over('app.stream_heads(uuid[], uuid[])', 'app_worker');

-- ---------------------------------------------------------------------------
-- purge_…: what is old goes, at most so many rows a call, oldest first; each
-- gives how many. Any number of replicas at once: what one has locked the other
-- passes over. Only for app_server: they look across tenants.
--
-- In PL/pgSQL, which plans for the number of rows that is asked for.
-- ---------------------------------------------------------------------------
-- Never an event of a stream that lives: open, with a lease that has not run out.
CREATE FUNCTION app.purge_events(before timestamptz, max_rows integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  purged bigint;
BEGIN
  DELETE FROM public.mcp_events e
   USING (
           SELECT old.project_id, old.stream_id, old.seq
             FROM public.mcp_events old
            WHERE old.created_at < before
              AND NOT EXISTS (
                    SELECT FROM public.streams s
                     WHERE s.project_id = old.project_id AND s.id = old.stream_id
                       AND s.closed_at IS NULL AND s.lease_until >= now())
            ORDER BY old.created_at
            LIMIT max_rows
              FOR UPDATE OF old SKIP LOCKED
         ) gone
   WHERE e.project_id = gone.project_id AND e.stream_id = gone.stream_id AND e.seq = gone.seq;
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END
$$;

-- Streams that are not alive and have no event left.
CREATE FUNCTION app.purge_streams(before timestamptz, max_rows integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  purged bigint;
BEGIN
  DELETE FROM public.streams s
   USING (
           SELECT old.project_id, old.id
             FROM public.streams old
            WHERE old.created_at < before
              AND (old.closed_at IS NOT NULL OR coalesce(old.lease_until < now(), true))
              AND NOT EXISTS (
                    SELECT FROM public.mcp_events e
                     WHERE e.project_id = old.project_id AND e.stream_id = old.id)
            ORDER BY old.created_at
            LIMIT max_rows
              FOR UPDATE OF old SKIP LOCKED
         ) gone
   WHERE s.project_id = gone.project_id AND s.id = gone.id;
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END
$$;

-- Sessions whose time is over. One may have millions of events: as long as these, or then the streams, are
-- as many as a call deletes, no session goes, and the call gives how many these were.
CREATE FUNCTION app.purge_sessions(max_rows integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  projects uuid[];
  ids      text[];
  purged   bigint;
BEGIN
  SELECT array_agg(gone.project_id), array_agg(gone.id)
    INTO projects, ids
    FROM (
           SELECT old.project_id, old.id
             FROM public.sessions old
            WHERE old.expires_at <= now()
            ORDER BY old.expires_at
            LIMIT max_rows
              FOR UPDATE OF old SKIP LOCKED
         ) gone;
  DELETE FROM public.mcp_events e
   USING (
           SELECT old.project_id, old.stream_id, old.seq
             FROM unnest(projects, ids) AS ended (project_id, id)
             JOIN public.streams s ON s.project_id = ended.project_id AND s.session_id = ended.id
             JOIN public.mcp_events old ON old.project_id = s.project_id AND old.stream_id = s.id
            LIMIT max_rows
         ) gone
   WHERE e.project_id = gone.project_id AND e.stream_id = gone.stream_id AND e.seq = gone.seq;
  GET DIAGNOSTICS purged = ROW_COUNT;
  IF purged >= max_rows THEN
    RETURN purged;
  END IF;
  DELETE FROM public.streams s
   USING (
           SELECT old.project_id, old.id
             FROM unnest(projects, ids) AS ended (project_id, id)
             JOIN public.streams old ON old.project_id = ended.project_id AND old.session_id = ended.id
            LIMIT max_rows
         ) gone
   WHERE s.project_id = gone.project_id AND s.id = gone.id;
  GET DIAGNOSTICS purged = ROW_COUNT;
  IF purged >= max_rows THEN
    RETURN purged;
  END IF;
  DELETE FROM public.sessions s
   USING unnest(projects, ids) AS ended (project_id, id)
   WHERE s.project_id = ended.project_id AND s.id = ended.id;
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END
$$;

CREATE FUNCTION app.purge_client_requests(before timestamptz, max_rows integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  purged bigint;
BEGIN
  DELETE FROM public.client_requests r
   USING (
           SELECT old.project_id, old.id
             FROM public.client_requests old
            WHERE old.created_at < before
            ORDER BY old.created_at
            LIMIT max_rows
              FOR UPDATE OF old SKIP LOCKED
         ) gone
   WHERE r.project_id = gone.project_id AND r.id = gone.id;
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END
$$;

CREATE FUNCTION app.purge_signals(before timestamptz, max_rows integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  purged bigint;
BEGIN
  DELETE FROM public.signals s
   USING (
           SELECT old.project_id, old.id
             FROM public.signals old
            WHERE old.created_at < before
            ORDER BY old.created_at
            LIMIT max_rows
              FOR UPDATE OF old SKIP LOCKED
         ) gone
   WHERE s.project_id = gone.project_id AND s.id = gone.id;
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END
$$;

CREATE FUNCTION app.purge_key_changes(before timestamptz, max_rows integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  purged bigint;
BEGIN
  DELETE FROM public.key_changes c
   USING (
           SELECT old.project_id, old.id
             FROM public.key_changes old
            WHERE old.changed_at < before
            ORDER BY old.changed_at
            LIMIT max_rows
              FOR UPDATE OF old SKIP LOCKED
         ) gone
   WHERE c.project_id = gone.project_id AND c.id = gone.id;
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END
$$;

CREATE FUNCTION app.purge_idempotency_keys(max_rows integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  purged bigint;
BEGIN
  DELETE FROM public.idempotency_keys k
   USING (
           SELECT old.project_id, old.principal, old.route, old.key
             FROM public.idempotency_keys old
            WHERE old.expires_at <= now()
            ORDER BY old.expires_at
            LIMIT max_rows
              FOR UPDATE OF old SKIP LOCKED
         ) gone
   WHERE k.project_id = gone.project_id AND k.principal = gone.principal
     AND k.route = gone.route AND k.key = gone.key;
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END
$$;

DO $$
DECLARE
  made text;
BEGIN
  FOREACH made IN ARRAY ARRAY[
    'app.purge_events(timestamptz, integer)', 'app.purge_streams(timestamptz, integer)',
    'app.purge_sessions(integer)', 'app.purge_client_requests(timestamptz, integer)',
    'app.purge_signals(timestamptz, integer)',
    'app.purge_key_changes(timestamptz, integer)', 'app.purge_idempotency_keys(integer)'
  ] LOOP
    CALL app.close_function(made::regprocedure);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO app_server', made::regprocedure);
    CALL app.hand_over(made::regprocedure, 'app_worker');
  END LOOP;
END
$$;

INSERT INTO public.schema_migrations (version) VALUES ('003_functions');

COMMIT;
