-- 002_policies: who sees and changes which rows.
--
-- How to read it. Each table has one block, in the order of 001_schema:
--   * RESTRICTIVE policies carry the security. All of them must agree, so that
--     no policy added later can open what they close:
--       tenant                    the row is of the current project, and the
--                                 current user is a member of it, for every verb
--       own_rows                  the row is the current user's own
--       editor_…, owner_…, …      the rank that a verb needs, and that a writer
--                                 signs with his own id
--   * Permissive policies only say "true", one for each verb that is granted
--     (without one, nothing is visible at all): allow_….
--   * GRANTs come last. UPDATE is granted by column, never on project_id, id,
--     user_id or key_hash. Nobody has TRUNCATE: it ignores policies.
--   * platform, auth_reads, search_reads, worker_… are for the roles of those names.
--     worker_locks lets rows be locked, which takes a right to UPDATE, and changes none.
--
-- (select f()) instead of f(): evaluated once per statement, not once per row.

BEGIN;

-- ---------------------------------------------------------------------------
-- users: a member sees the people of the current project.
-- ---------------------------------------------------------------------------
-- The members of the current project, for its members only. DEFINER, because
-- the policy is on users and the answer lies in memberships.
CREATE FUNCTION app.member_ids() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT coalesce(array_agg(m.user_id), '{}')
    FROM public.memberships m
   WHERE app.has_role(1)
     AND m.project_id = app.current_project_id();
END;

CALL app.close_function('app.member_ids()');
GRANT EXECUTE ON FUNCTION app.member_ids() TO app_user;
CALL app.hand_over('app.member_ids()', 'app_auth');

CREATE POLICY tenant ON public.users AS RESTRICTIVE TO app_user
  USING (id = ANY ((SELECT app.member_ids())::uuid[]))
  WITH CHECK (false);
CREATE POLICY allow_select ON public.users FOR SELECT TO app_user USING (true);
GRANT SELECT ON public.users TO app_user;

CREATE POLICY platform ON public.users TO app_platform USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE, UPDATE (email, display_name) ON public.users TO app_platform;

-- For add_member_by_email, which finds or makes the person.
CREATE POLICY worker_select ON public.users FOR SELECT TO app_worker USING (true);
CREATE POLICY worker_insert ON public.users FOR INSERT TO app_worker WITH CHECK (true);
GRANT SELECT (id, email), INSERT (id, email) ON public.users TO app_worker;

-- ---------------------------------------------------------------------------
-- projects: the tenant itself, so its tenant column is id.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.projects AS RESTRICTIVE TO app_user
  USING (id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY owner_update ON public.projects AS RESTRICTIVE FOR UPDATE TO app_user
  USING ((SELECT app.has_role(3)))
  WITH CHECK ((SELECT app.has_role(3)));
CREATE POLICY allow_select ON public.projects FOR SELECT TO app_user USING (true);
CREATE POLICY allow_update ON public.projects FOR UPDATE TO app_user USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (name, search_language, settings) ON public.projects TO app_user;

-- A project is closed by deleted_at; the platform does not erase content.
CREATE POLICY platform ON public.projects TO app_platform USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (slug, name, search_language, settings, deleted_at)
   ON public.projects TO app_platform;

CREATE POLICY auth_reads ON public.projects FOR SELECT TO app_auth USING (true);

CREATE POLICY search_reads ON public.projects FOR SELECT TO app_search USING (true);
GRANT SELECT (id, search_language) ON public.projects TO app_search;

-- ---------------------------------------------------------------------------
-- memberships: members see each other, owners decide. They add by
-- add_member_by_email alone: an INSERT with the id of somebody elsewhere would
-- show them who that is.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.memberships AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY owner_update ON public.memberships AS RESTRICTIVE FOR UPDATE TO app_user
  USING ((SELECT app.has_role(3)))
  WITH CHECK ((SELECT app.has_role(3)));
CREATE POLICY owner_delete ON public.memberships AS RESTRICTIVE FOR DELETE TO app_user
  USING ((SELECT app.has_role(3)));
CREATE POLICY allow_select ON public.memberships FOR SELECT TO app_user USING (true);
CREATE POLICY allow_update ON public.memberships FOR UPDATE TO app_user USING (true) WITH CHECK (true);
CREATE POLICY allow_delete ON public.memberships FOR DELETE TO app_user USING (true);
GRANT SELECT, DELETE, UPDATE (role) ON public.memberships TO app_user;

CREATE POLICY platform ON public.memberships TO app_platform USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE, UPDATE (role) ON public.memberships TO app_platform;

CREATE POLICY auth_reads ON public.memberships FOR SELECT TO app_auth USING (true);

CREATE POLICY worker_insert ON public.memberships FOR INSERT TO app_worker
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(3)));
GRANT INSERT (project_id, user_id, role) ON public.memberships TO app_worker;

-- ---------------------------------------------------------------------------
-- api_keys: owners see and make all of the project's, others see their own.
-- key_hash is written, never read, but for authenticate_key. So: no SELECT *.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.api_keys AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY owner_or_own_select ON public.api_keys AS RESTRICTIVE FOR SELECT TO app_user
  USING ((SELECT app.has_role(3)) OR user_id = (SELECT app.current_user_id()));
CREATE POLICY owner_insert ON public.api_keys AS RESTRICTIVE FOR INSERT TO app_user
  WITH CHECK ((SELECT app.has_role(3)) AND created_by = (SELECT app.current_user_id()));
CREATE POLICY owner_update ON public.api_keys AS RESTRICTIVE FOR UPDATE TO app_user
  USING ((SELECT app.has_role(3)))
  WITH CHECK ((SELECT app.has_role(3)));
CREATE POLICY allow_select ON public.api_keys FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.api_keys FOR INSERT TO app_user WITH CHECK (true);
CREATE POLICY allow_update ON public.api_keys FOR UPDATE TO app_user USING (true) WITH CHECK (true);
GRANT SELECT (
        project_id, id, user_id, key_prefix, key_suffix, label, environment, scopes, rate_limit,
        expires_at, revoked_at, created_at, created_by, rotated_to, last_used_at, last_used_client),
      INSERT,
      UPDATE (label, scopes, rate_limit, expires_at, revoked_at, rotated_to)
   ON public.api_keys TO app_user;

CREATE POLICY platform ON public.api_keys TO app_platform USING (true) WITH CHECK (true);
GRANT SELECT (
        project_id, id, user_id, key_prefix, key_suffix, label, environment, scopes, rate_limit,
        expires_at, revoked_at, created_at, created_by, rotated_to, last_used_at, last_used_client),
      INSERT,
      UPDATE (label, scopes, rate_limit, expires_at, revoked_at, rotated_to)
   ON public.api_keys TO app_platform;

CREATE POLICY auth_reads ON public.api_keys FOR SELECT TO app_auth USING (true);
GRANT SELECT (
        project_id, id, user_id, key_hash, label, environment, scopes, rate_limit,
        expires_at, revoked_at)
   ON public.api_keys TO app_auth;

CREATE POLICY worker_reads ON public.api_keys FOR SELECT TO app_worker USING (true);
CREATE POLICY worker_updates ON public.api_keys FOR UPDATE TO app_worker USING (true) WITH CHECK (true);
GRANT SELECT (
        project_id, id, user_id, key_hash, key_prefix, key_suffix, label, environment, scopes,
        rate_limit, expires_at, revoked_at, rotated_to, last_used_at, last_used_client),
      UPDATE (revoked_at, last_used_at, last_used_client)
   ON public.api_keys TO app_worker;

-- ---------------------------------------------------------------------------
-- key_usage: whoever sees the key sees its counts.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.key_usage AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY owner_or_own_select ON public.key_usage AS RESTRICTIVE FOR SELECT TO app_user
  USING (
    (SELECT app.has_role(3))
    OR EXISTS (
      SELECT 1 FROM public.api_keys k
       WHERE k.project_id = key_usage.project_id
         AND k.id = key_usage.key_id
         AND k.user_id = (SELECT app.current_user_id())));
CREATE POLICY allow_select ON public.key_usage FOR SELECT TO app_user USING (true);
GRANT SELECT ON public.key_usage TO app_user;

CREATE POLICY platform ON public.key_usage FOR SELECT TO app_platform USING (true);
GRANT SELECT ON public.key_usage TO app_platform;

CREATE POLICY worker ON public.key_usage TO app_worker USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (calls) ON public.key_usage TO app_worker;

-- ---------------------------------------------------------------------------
-- key_changes: not for tenants at all; the wall stands in case of a stray grant.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.key_changes AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));

CREATE POLICY worker_reads ON public.key_changes FOR SELECT TO app_worker USING (true);
CREATE POLICY worker_inserts ON public.key_changes FOR INSERT TO app_worker WITH CHECK (true);
CREATE POLICY worker_deletes ON public.key_changes FOR DELETE TO app_worker USING (true);
CREATE POLICY worker_locks ON public.key_changes FOR UPDATE TO app_worker USING (true) WITH CHECK (false);
GRANT SELECT, INSERT, DELETE, UPDATE (changed_at) ON public.key_changes TO app_worker;

-- ---------------------------------------------------------------------------
-- documents: viewers read, editors write, and sign what they write.
-- Every UPDATE must set updated_by, or the row stays signed by another.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.documents AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY editor_insert ON public.documents AS RESTRICTIVE FOR INSERT TO app_user
  WITH CHECK (
    (SELECT app.has_role(2))
    AND created_by = (SELECT app.current_user_id())
    AND updated_by = (SELECT app.current_user_id()));
CREATE POLICY editor_update ON public.documents AS RESTRICTIVE FOR UPDATE TO app_user
  USING ((SELECT app.has_role(2)))
  WITH CHECK (
    (SELECT app.has_role(2))
    AND updated_by = (SELECT app.current_user_id()));
CREATE POLICY editor_delete ON public.documents AS RESTRICTIVE FOR DELETE TO app_user
  USING ((SELECT app.has_role(2)));
CREATE POLICY allow_select ON public.documents FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.documents FOR INSERT TO app_user WITH CHECK (true);
CREATE POLICY allow_update ON public.documents FOR UPDATE TO app_user USING (true) WITH CHECK (true);
CREATE POLICY allow_delete ON public.documents FOR DELETE TO app_user USING (true);
GRANT SELECT, INSERT, DELETE,
      UPDATE (path, content, size_bytes, content_sha256, version, updated_at, updated_by, updated_client)
   ON public.documents TO app_user;

CREATE POLICY search_reads ON public.documents FOR SELECT TO app_search USING (true);
GRANT SELECT (project_id, id, path, updated_at) ON public.documents TO app_search;

-- ---------------------------------------------------------------------------
-- document_revisions: written once, with the version they hold; never updated.
-- Editors delete the oldest when there are too many.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.document_revisions AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY editor_insert ON public.document_revisions AS RESTRICTIVE FOR INSERT TO app_user
  WITH CHECK (
    (SELECT app.has_role(2))
    AND created_by = (SELECT app.current_user_id()));
CREATE POLICY editor_delete ON public.document_revisions AS RESTRICTIVE FOR DELETE TO app_user
  USING ((SELECT app.has_role(2)));
CREATE POLICY allow_select ON public.document_revisions FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.document_revisions FOR INSERT TO app_user WITH CHECK (true);
CREATE POLICY allow_delete ON public.document_revisions FOR DELETE TO app_user USING (true);
GRANT SELECT, INSERT, DELETE ON public.document_revisions TO app_user;

-- ---------------------------------------------------------------------------
-- document_sections: the index of a document, rewritten with it.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.document_sections AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY editor_insert ON public.document_sections AS RESTRICTIVE FOR INSERT TO app_user
  WITH CHECK ((SELECT app.has_role(2)));
CREATE POLICY editor_update ON public.document_sections AS RESTRICTIVE FOR UPDATE TO app_user
  USING ((SELECT app.has_role(2)))
  WITH CHECK ((SELECT app.has_role(2)));
CREATE POLICY editor_delete ON public.document_sections AS RESTRICTIVE FOR DELETE TO app_user
  USING ((SELECT app.has_role(2)));
CREATE POLICY allow_select ON public.document_sections FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.document_sections FOR INSERT TO app_user WITH CHECK (true);
CREATE POLICY allow_update ON public.document_sections FOR UPDATE TO app_user USING (true) WITH CHECK (true);
CREATE POLICY allow_delete ON public.document_sections FOR DELETE TO app_user USING (true);
GRANT SELECT, INSERT, DELETE,
      UPDATE (heading_path, first_line, language, body)
   ON public.document_sections TO app_user;

CREATE POLICY search_reads ON public.document_sections FOR SELECT TO app_search USING (true);
GRANT SELECT (project_id, document_id, ordinal, tsv, body) ON public.document_sections TO app_search;

-- ---------------------------------------------------------------------------
-- project_words: added with a document, removed by tidying up.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.project_words AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY editor_insert ON public.project_words AS RESTRICTIVE FOR INSERT TO app_user
  WITH CHECK ((SELECT app.has_role(2)));
CREATE POLICY editor_delete ON public.project_words AS RESTRICTIVE FOR DELETE TO app_user
  USING ((SELECT app.has_role(2)));
CREATE POLICY allow_select ON public.project_words FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.project_words FOR INSERT TO app_user WITH CHECK (true);
CREATE POLICY allow_delete ON public.project_words FOR DELETE TO app_user USING (true);
GRANT SELECT, INSERT, DELETE ON public.project_words TO app_user;

CREATE POLICY search_reads ON public.project_words FOR SELECT TO app_search USING (true);
GRANT SELECT (project_id, word) ON public.project_words TO app_search;

-- ---------------------------------------------------------------------------
-- graph_entities: as documents.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.graph_entities AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY editor_insert ON public.graph_entities AS RESTRICTIVE FOR INSERT TO app_user
  WITH CHECK (
    (SELECT app.has_role(2))
    AND created_by = (SELECT app.current_user_id())
    AND updated_by = (SELECT app.current_user_id()));
CREATE POLICY editor_update ON public.graph_entities AS RESTRICTIVE FOR UPDATE TO app_user
  USING ((SELECT app.has_role(2)))
  WITH CHECK (
    (SELECT app.has_role(2))
    AND updated_by = (SELECT app.current_user_id()));
CREATE POLICY editor_delete ON public.graph_entities AS RESTRICTIVE FOR DELETE TO app_user
  USING ((SELECT app.has_role(2)));
CREATE POLICY allow_select ON public.graph_entities FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.graph_entities FOR INSERT TO app_user WITH CHECK (true);
CREATE POLICY allow_update ON public.graph_entities FOR UPDATE TO app_user USING (true) WITH CHECK (true);
CREATE POLICY allow_delete ON public.graph_entities FOR DELETE TO app_user USING (true);
GRANT SELECT, INSERT, DELETE,
      UPDATE (name, entity_type, attributes, updated_at, updated_by, deleted_at, deletion_batch)
   ON public.graph_entities TO app_user;

-- ---------------------------------------------------------------------------
-- graph_observations: as documents. entity_id moves when entities are merged;
-- its foreign key is composite, so never into another project.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.graph_observations AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY editor_insert ON public.graph_observations AS RESTRICTIVE FOR INSERT TO app_user
  WITH CHECK (
    (SELECT app.has_role(2))
    AND created_by = (SELECT app.current_user_id()));
CREATE POLICY editor_update ON public.graph_observations AS RESTRICTIVE FOR UPDATE TO app_user
  USING ((SELECT app.has_role(2)))
  WITH CHECK ((SELECT app.has_role(2)));
CREATE POLICY editor_delete ON public.graph_observations AS RESTRICTIVE FOR DELETE TO app_user
  USING ((SELECT app.has_role(2)));
CREATE POLICY allow_select ON public.graph_observations FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.graph_observations FOR INSERT TO app_user WITH CHECK (true);
CREATE POLICY allow_update ON public.graph_observations FOR UPDATE TO app_user USING (true) WITH CHECK (true);
CREATE POLICY allow_delete ON public.graph_observations FOR DELETE TO app_user USING (true);
GRANT SELECT, INSERT, DELETE,
      UPDATE (entity_id, body, source, valid_from, valid_to, deleted_at, deletion_batch)
   ON public.graph_observations TO app_user;

-- ---------------------------------------------------------------------------
-- graph_relations: as observations.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.graph_relations AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY editor_insert ON public.graph_relations AS RESTRICTIVE FOR INSERT TO app_user
  WITH CHECK (
    (SELECT app.has_role(2))
    AND created_by = (SELECT app.current_user_id()));
CREATE POLICY editor_update ON public.graph_relations AS RESTRICTIVE FOR UPDATE TO app_user
  USING ((SELECT app.has_role(2)))
  WITH CHECK ((SELECT app.has_role(2)));
CREATE POLICY editor_delete ON public.graph_relations AS RESTRICTIVE FOR DELETE TO app_user
  USING ((SELECT app.has_role(2)));
CREATE POLICY allow_select ON public.graph_relations FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.graph_relations FOR INSERT TO app_user WITH CHECK (true);
CREATE POLICY allow_update ON public.graph_relations FOR UPDATE TO app_user USING (true) WITH CHECK (true);
CREATE POLICY allow_delete ON public.graph_relations FOR DELETE TO app_user USING (true);
GRANT SELECT, INSERT, DELETE,
      UPDATE (from_id, to_id, relation_type, deleted_at, deletion_batch)
   ON public.graph_relations TO app_user;

-- ---------------------------------------------------------------------------
-- sessions: any member has some, and sees only his own. Ended by an UPDATE: a
-- DELETE would lock and delete all their streams and events at once.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.sessions AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY own_rows ON public.sessions AS RESTRICTIVE TO app_user
  USING (user_id = (SELECT app.current_user_id()))
  WITH CHECK (user_id = (SELECT app.current_user_id()));
CREATE POLICY allow_select ON public.sessions FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.sessions FOR INSERT TO app_user WITH CHECK (true);
CREATE POLICY allow_update ON public.sessions FOR UPDATE TO app_user USING (true) WITH CHECK (true);
GRANT SELECT, INSERT,
      UPDATE (log_level, toolsets, subscriptions, last_seen_at, expires_at)
   ON public.sessions TO app_user;

CREATE POLICY platform_select ON public.sessions FOR SELECT TO app_platform USING (true);
CREATE POLICY platform_ends ON public.sessions FOR UPDATE TO app_platform
  USING (true)
  WITH CHECK (expires_at = '-infinity');
GRANT SELECT, UPDATE (expires_at) ON public.sessions TO app_platform;

CREATE POLICY worker_reads ON public.sessions FOR SELECT TO app_worker USING (true);
CREATE POLICY worker_deletes ON public.sessions FOR DELETE TO app_worker USING (true);
CREATE POLICY worker_ends ON public.sessions FOR UPDATE TO app_worker
  USING (true)
  WITH CHECK (expires_at = '-infinity');
GRANT SELECT (
        project_id, id, user_id, key_id, protocol_version, client_name, client_version,
        created_at, last_seen_at, expires_at),
      DELETE,
      UPDATE (expires_at)
   ON public.sessions TO app_worker;

-- ---------------------------------------------------------------------------
-- streams: as sessions.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.streams AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY own_rows ON public.streams AS RESTRICTIVE TO app_user
  USING (user_id = (SELECT app.current_user_id()))
  WITH CHECK (user_id = (SELECT app.current_user_id()));
CREATE POLICY allow_select ON public.streams FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.streams FOR INSERT TO app_user WITH CHECK (true);
CREATE POLICY allow_update ON public.streams FOR UPDATE TO app_user USING (true) WITH CHECK (true);
CREATE POLICY allow_delete ON public.streams FOR DELETE TO app_user USING (true);
GRANT SELECT, INSERT, DELETE,
      UPDATE (next_seq, lease_owner, lease_until, closed_at)
   ON public.streams TO app_user;

CREATE POLICY worker_reads ON public.streams FOR SELECT TO app_worker USING (true);
CREATE POLICY worker_updates ON public.streams FOR UPDATE TO app_worker USING (true) WITH CHECK (true);
CREATE POLICY worker_deletes ON public.streams FOR DELETE TO app_worker USING (true);
GRANT SELECT (
        project_id, id, user_id, session_id, request_id, kind, lease_owner, lease_until,
        created_at, closed_at),
      DELETE,
      UPDATE (next_seq, lease_until, closed_at)
   ON public.streams TO app_worker;

-- ---------------------------------------------------------------------------
-- mcp_events: as sessions; never changed. They go with their stream, or by age.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.mcp_events AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY own_rows ON public.mcp_events AS RESTRICTIVE TO app_user
  USING (user_id = (SELECT app.current_user_id()))
  WITH CHECK (user_id = (SELECT app.current_user_id()));
CREATE POLICY allow_select ON public.mcp_events FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.mcp_events FOR INSERT TO app_user WITH CHECK (true);
GRANT SELECT, INSERT ON public.mcp_events TO app_user;

CREATE POLICY worker_reads ON public.mcp_events FOR SELECT TO app_worker USING (true);
CREATE POLICY worker_inserts ON public.mcp_events FOR INSERT TO app_worker WITH CHECK (true);
CREATE POLICY worker_deletes ON public.mcp_events FOR DELETE TO app_worker USING (true);
CREATE POLICY worker_locks ON public.mcp_events FOR UPDATE TO app_worker USING (true) WITH CHECK (false);
GRANT SELECT, INSERT, DELETE, UPDATE (created_at) ON public.mcp_events TO app_worker;

-- ---------------------------------------------------------------------------
-- client_requests: as sessions.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.client_requests AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY own_rows ON public.client_requests AS RESTRICTIVE TO app_user
  USING (user_id = (SELECT app.current_user_id()))
  WITH CHECK (user_id = (SELECT app.current_user_id()));
CREATE POLICY allow_select ON public.client_requests FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.client_requests FOR INSERT TO app_user WITH CHECK (true);
CREATE POLICY allow_update ON public.client_requests FOR UPDATE TO app_user USING (true) WITH CHECK (true);
CREATE POLICY allow_delete ON public.client_requests FOR DELETE TO app_user USING (true);
GRANT SELECT, INSERT, DELETE,
      UPDATE (answer, answered_at)
   ON public.client_requests TO app_user;

CREATE POLICY worker_reads ON public.client_requests FOR SELECT TO app_worker USING (true);
CREATE POLICY worker_deletes ON public.client_requests FOR DELETE TO app_worker USING (true);
CREATE POLICY worker_locks ON public.client_requests FOR UPDATE TO app_worker USING (true) WITH CHECK (false);
GRANT SELECT (project_id, id, created_at), DELETE, UPDATE (created_at)
   ON public.client_requests TO app_worker;

-- ---------------------------------------------------------------------------
-- signals: members see what happened to the memory and to what is offered, and
-- all of their own. They name sessions, whose ids open them.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.signals AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY common_or_own_select ON public.signals AS RESTRICTIVE FOR SELECT TO app_user
  USING (
    kind IN ('resource_created', 'resource_updated', 'resource_deleted', 'tools_changed', 'prompts_changed')
    OR user_id = (SELECT app.current_user_id()));
CREATE POLICY signed_insert ON public.signals AS RESTRICTIVE FOR INSERT TO app_user
  WITH CHECK (user_id = (SELECT app.current_user_id()));
CREATE POLICY allow_select ON public.signals FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.signals FOR INSERT TO app_user WITH CHECK (true);
GRANT SELECT, INSERT ON public.signals TO app_user;

CREATE POLICY worker_reads ON public.signals FOR SELECT TO app_worker USING (true);
CREATE POLICY worker_inserts ON public.signals FOR INSERT TO app_worker WITH CHECK (true);
CREATE POLICY worker_deletes ON public.signals FOR DELETE TO app_worker USING (true);
CREATE POLICY worker_locks ON public.signals FOR UPDATE TO app_worker USING (true) WITH CHECK (false);
GRANT SELECT, INSERT, DELETE, UPDATE (created_at) ON public.signals TO app_worker;

-- ---------------------------------------------------------------------------
-- audit_log: written by whoever acts, in his own name; read by owners; never
-- changed. So no INSERT … RETURNING here but by an owner.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.audit_log AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY owner_select ON public.audit_log AS RESTRICTIVE FOR SELECT TO app_user
  USING ((SELECT app.has_role(3)));
CREATE POLICY signed_insert ON public.audit_log AS RESTRICTIVE FOR INSERT TO app_user
  WITH CHECK (actor_kind = 'key' AND actor_user_id = (SELECT app.current_user_id()));
CREATE POLICY allow_select ON public.audit_log FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.audit_log FOR INSERT TO app_user WITH CHECK (true);
GRANT SELECT, INSERT ON public.audit_log TO app_user;

CREATE POLICY platform_select ON public.audit_log FOR SELECT TO app_platform USING (true);
CREATE POLICY platform_insert ON public.audit_log FOR INSERT TO app_platform
  WITH CHECK (actor_kind IN ('platform', 'cli'));
GRANT SELECT, INSERT ON public.audit_log TO app_platform;

CREATE POLICY worker_insert ON public.audit_log FOR INSERT TO app_worker
  WITH CHECK (actor_kind IN ('key', 'cli'));
GRANT INSERT ON public.audit_log TO app_worker;

-- ---------------------------------------------------------------------------
-- idempotency_keys: each principal has his own; the platform's have no project.
-- ---------------------------------------------------------------------------
CREATE POLICY tenant ON public.idempotency_keys AS RESTRICTIVE TO app_user
  USING (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)))
  WITH CHECK (project_id = (SELECT app.current_project_id()) AND (SELECT app.has_role(1)));
CREATE POLICY own_rows ON public.idempotency_keys AS RESTRICTIVE TO app_user
  USING (principal = 'user:' || (SELECT app.current_user_id()))
  WITH CHECK (principal = 'user:' || (SELECT app.current_user_id()));
CREATE POLICY allow_select ON public.idempotency_keys FOR SELECT TO app_user USING (true);
CREATE POLICY allow_insert ON public.idempotency_keys FOR INSERT TO app_user WITH CHECK (true);
CREATE POLICY allow_update ON public.idempotency_keys FOR UPDATE TO app_user USING (true) WITH CHECK (true);
CREATE POLICY allow_delete ON public.idempotency_keys FOR DELETE TO app_user USING (true);
GRANT SELECT, INSERT, DELETE,
      UPDATE (body_sha256, status, response, created_at, completed_at, expires_at)
   ON public.idempotency_keys TO app_user;

CREATE POLICY platform ON public.idempotency_keys TO app_platform
  USING (project_id = '00000000-0000-0000-0000-000000000000')
  WITH CHECK (project_id = '00000000-0000-0000-0000-000000000000');
GRANT SELECT, INSERT, DELETE,
      UPDATE (body_sha256, status, response, created_at, completed_at, expires_at)
   ON public.idempotency_keys TO app_platform;

CREATE POLICY worker_reads ON public.idempotency_keys FOR SELECT TO app_worker USING (true);
CREATE POLICY worker_deletes ON public.idempotency_keys FOR DELETE TO app_worker USING (true);
CREATE POLICY worker_locks ON public.idempotency_keys FOR UPDATE TO app_worker
  USING (true) WITH CHECK (false);
GRANT SELECT (project_id, principal, route, key, expires_at), DELETE, UPDATE (expires_at)
   ON public.idempotency_keys TO app_worker;

INSERT INTO public.schema_migrations (version) VALUES ('002_policies');

COMMIT;
