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
-- revoke_presented_key: whoever holds a key may end it, whatever it may do
-- else. By its hash, which nobody has but who was shown the key; the audit row
-- names the key itself as the actor. One that is revoked stays as it is. Only
-- for app_server: a tenant's own rights do not go so far.
-- ---------------------------------------------------------------------------
CREATE FUNCTION app.revoke_presented_key(hash bytea, entry uuid, client text, address inet)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  WITH revoked AS (
    UPDATE public.api_keys k
       SET revoked_at = now()
     WHERE k.key_hash = revoke_presented_key.hash
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
  SELECT r.project_id, entry, now(), 'key', r.user_id, r.id, client, address,
         'key.revoke', 'key', r.id::text,
         r.shown, r.shown || jsonb_build_object('revokedAt', now())
    FROM revoked r;
END;

CALL app.close_function('app.revoke_presented_key(bytea, uuid, text, inet)');
GRANT EXECUTE ON FUNCTION app.revoke_presented_key(bytea, uuid, text, inet) TO app_server;
CALL app.hand_over('app.revoke_presented_key(bytea, uuid, text, inet)', 'app_worker');

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
  DELETE FROM public.sessions s
   WHERE (SELECT app.has_role(3))
     AND s.project_id = app.current_project_id()
     AND s.expires_at > now()
     AND app.session_handle(s.id) = session
  RETURNING s.user_id, s.client_name;
END;

CALL app.close_function('app.end_project_session(uuid)');
GRANT EXECUTE ON FUNCTION app.end_project_session(uuid) TO app_user;
CALL app.hand_over('app.end_project_session(uuid)', 'app_worker');

INSERT INTO public.schema_migrations (version) VALUES ('003_functions');

COMMIT;
