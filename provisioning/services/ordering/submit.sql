-- Everything that one accepted order writes, as one statement: it is there as a whole or not at all, and costs one round
-- trip. ``refuse_unless`` raises where a quota has too little left (or the key is used already, or the environment is to go),
-- and nothing stays.
-- Quotas are taken in the order of locks: project before team, points before counts. A test compares the rows with those
-- that the ORM would write, and the columns with those of the models.
WITH scope AS MATERIALIZED (
    -- Says whose rows may be touched, in no exchange of its own. All else waits for it; what did not would see no rows.
    SELECT CASE WHEN teams IS NULL THEN set_config('slipway.scope', known, true) IS NOT NULL
        ELSE row_scope_enter(known::uuid[], teams) END AS is_set
    FROM (SELECT %(scope_known)s::text AS known, %(scope_teams)s::uuid[] AS teams) AS given
),
place AS (
    -- Who gives an environment back locks its row: either the order comes first and goes with it, or it is refused.
    -- Refused too is an order that was judged by what the environment was a while ago.
    SELECT 1 FROM scope CROSS JOIN LATERAL (
        SELECT 1 FROM environment
        WHERE scope.is_set AND id = %(environment_id)s::uuid AND desired = 'present'
          AND expires_at IS NOT DISTINCT FROM %(expires_at)s::timestamptz
        FOR SHARE
    ) AS standing
),
fresh AS (
    -- Of calls with one key each waits here for the one before it, and is told to come back where that takes too long.
    SELECT 1 FROM place WHERE %(key)s::text IS NULL OR (
        idempotency_key_lock(%(caller_id)s::uuid, %(key)s::text) AND NOT EXISTS (
            SELECT FROM idempotency_key WHERE caller_id = %(caller_id)s::uuid AND key = %(key)s::text))
),
wanted AS MATERIALIZED (
    SELECT * FROM (VALUES
        (1, %(project_points)s::uuid, %(points)s::int, %(project_points_entry)s::uuid),
        (2, %(project_count)s::uuid, 1, %(project_count_entry)s::uuid),
        (3, %(team_points)s::uuid, %(points)s::int, %(team_points_entry)s::uuid),
        (4, %(team_count)s::uuid, 1, %(team_count_entry)s::uuid)
    ) AS every (turn, quota_id, requested, entry_id) WHERE EXISTS (SELECT FROM fresh) ORDER BY turn
),
locked AS MATERIALIZED (
    -- One after the other: a join would be free to lock them in any order, and to look at them before the scope is set.
    SELECT wanted.* FROM wanted CROSS JOIN LATERAL (
        SELECT 1 FROM quota WHERE id = wanted.quota_id FOR NO KEY UPDATE
    ) AS quota
),
taken AS (
    -- The count is looked at before anything is read here: the quotas are locked, and the scope is set, by then.
    UPDATE quota SET reserved = reserved + requested FROM locked
    WHERE id = locked.quota_id AND reserved + used + requested <= "limit" AND (SELECT count(*) = 4 FROM locked)
    RETURNING turn, id, kind, scope_name, reserved, used, "limit", requested, entry_id
),
granted AS MATERIALIZED (
    SELECT jsonb_agg(jsonb_build_object('kind', kind, 'scope', scope_name, 'requested', requested,
               'used', reserved + used, 'limit', "limit") ORDER BY turn) AS quota,
           clock_timestamp() AS at
    FROM taken HAVING refuse_unless(count(*) = 4, 'quota_exceeded')
),
answer AS (
    SELECT quota, at, %(answer_head)s::text || quota::text || %(answer_tail)s::text AS body FROM granted
),
kept AS (
    INSERT INTO idempotency_key (caller_id, key, fingerprint, status, location, answer, created_at)
    SELECT %(caller_id)s::uuid, %(key)s::text, %(fingerprint)s::text, 202, %(location)s::text, body, at
    FROM answer WHERE %(key)s::text IS NOT NULL
),
resource_row AS (
    INSERT INTO resource (id, project_id, environment_id, offering_version_id, plan_id, connection_id, name, kind,
        physical_name, status, desired, generation, observed_generation, parameters, delete_protected, expires_at,
        created_by_id, created_by_name, created_at, updated_at)
    SELECT %(resource_id)s::uuid, %(project_id)s::uuid, %(environment_id)s::uuid, %(offering_version_id)s::uuid,
        %(plan_id)s::uuid, %(connection_id)s::uuid, %(name)s::text, %(kind)s::text, %(physical_name)s::text, 'pending',
        'present', 1, 0, %(parameters)s::jsonb, false, %(expires_at)s::timestamptz, %(caller_id)s::uuid,
        %(caller_name)s::text, %(at)s::timestamptz, %(at)s::timestamptz
    FROM granted
),
request_row AS (
    INSERT INTO provisioning_request (id, operation, status, project_id, environment_id, resource_id, generation,
        offering_version_id, plan_id, parameters, reason, ticket, requested_by_id, requested_by_name, requested_by_kind,
        on_behalf_of, quota, decisions, policy_decision_id, correlation_id, traceparent, created_at)
    SELECT %(request_id)s::uuid, 'provision', 'fulfilling', %(project_id)s::uuid, %(environment_id)s::uuid,
        %(resource_id)s::uuid, 1, %(offering_version_id)s::uuid, %(plan_id)s::uuid, %(parameters)s::jsonb,
        %(reason)s::text, %(ticket)s::text, %(caller_id)s::uuid, %(caller_name)s::text, %(caller_kind)s::text,
        %(on_behalf_of)s::text, quota, %(decisions)s::jsonb, %(policy_decision_id)s::uuid, %(correlation_id)s::text,
        %(traceparent)s::text, %(at)s::timestamptz
    FROM granted
),
run_row AS (
    INSERT INTO run (id, resource_id, provisioning_request_id, project_id, operation, status, generation,
        offering_version_id, plan_id, parameters, pool, priority, not_before, worker_min_version, attempt, cancel_reason,
        steps, plan_digest, correlation_id, traceparent, created_at)
    SELECT %(run_id)s::uuid, %(resource_id)s::uuid, %(request_id)s::uuid, %(project_id)s::uuid, 'provision', 'pending', 1,
        %(offering_version_id)s::uuid, %(plan_id)s::uuid, %(parameters)s::jsonb, %(pool)s::text, 100, at,
        %(run_format)s::int, 0, '', '[]', '', %(correlation_id)s::text, %(traceparent)s::text, at
    FROM granted
),
entries AS (
    INSERT INTO quota_entry (id, quota_id, subject_id, move, pool, amount, reserved_after, used_after, at, actor_name,
        reason)
    SELECT entry_id, taken.id, %(resource_id)s::uuid, 'reserve', 'reserved', requested, reserved, used, granted.at,
        %(caller_name)s::text, 'provision'
    FROM taken, granted
),
decision AS (
    INSERT INTO policy_decision (id, at, stage, set_id, set_version, set_digest, subject_type, subject_id, project_id,
        outcome, results, input_digest, input_sealed, milliseconds)
    SELECT %(policy_decision_id)s::uuid, at, 'request', %(set_id)s::text, %(set_version)s::int, %(set_digest)s::text,
        'provisioning_request', %(request_id)s::uuid, %(project_id)s::uuid, %(policy_outcome)s::text,
        %(policy_results)s::jsonb, %(input_digest)s::text, %(input_sealed)s::bytea, %(milliseconds)s::float8
    FROM granted
),
event AS (
    INSERT INTO audit_event (id, at, team_id, project_id, actor_id, actor_name, actor_kind, token_id, auth_method, ip,
        correlation_id, trace_id, action, object_type, object_id, object_name, after, outcome, code, reason,
        policy_decision)
    SELECT %(event_id)s::uuid, at, %(team_id)s::uuid, %(project_id)s::uuid, %(caller_id)s::uuid, %(caller_name)s::text,
        %(caller_kind)s::text, %(token_id)s::uuid, %(auth_method)s::text, %(ip)s::inet, %(correlation_id)s::text,
        %(trace_id)s::text,
        'request.submitted', 'provisioning_request', %(request_id)s::uuid, 'provision ' || %(name)s::text,
        %(audited)s::jsonb || jsonb_build_object('quota', quota), 'succeeded', '', %(reason)s::text,
        %(judged)s::jsonb
    FROM granted
)
SELECT answer.body, pg_notify('runs', '') FROM answer
