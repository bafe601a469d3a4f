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

INSERT INTO public.schema_migrations (version) VALUES ('003_functions');

COMMIT;
