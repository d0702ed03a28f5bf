"""The statements of the queue, written out: their plans are what makes it fast.

Every transaction that changes who holds a task locks rows in one order: the person's
cursor, then tasks, then assignments. Where a statement locks several kinds at once it
skips what is locked, so it waits for nobody (docs/adr/0003).
"""

# A task that may be handed out, in the words of the partial index `task_queue`: the
# planner uses the index only where it can see this very condition.
OPEN = """t.state = 'open' AND t.route <> 'ai' AND t.leased < t.overlap - t.counted"""

# Who asks, where, and the lock on their cursor, which keeps one person's tabs apart.
# Afterwards a statement of its own must read the leases: this one's snapshot may be
# older than the lock.
ENTER = """
WITH cursor AS (
    SELECT c.id, c.reached, c.handed_out, c.found_nothing_at, c.looked_back_at
    FROM annotation_queuecursor c
    JOIN annotation_actor a ON a.id = c.actor_id
    JOIN annotation_project p ON p.id = c.project_id
    WHERE a.user_id = %(user)s AND p.slug = %(slug)s
    FOR UPDATE OF c
)
SELECT p.id, p.state, p.seed, p.lease_seconds, m.role, a.id,
    cursor.id, cursor.reached, cursor.handed_out,
    COALESCE(cursor.found_nothing_at
        > clock_timestamp() - make_interval(secs => %(rest)s), false),
    COALESCE(cursor.looked_back_at
        < clock_timestamp() - make_interval(secs => %(look_back)s), false)
FROM annotation_project p
LEFT JOIN annotation_membership m ON m.project_id = p.id AND m.user_id = %(user)s
LEFT JOIN annotation_actor a ON a.user_id = %(user)s
LEFT JOIN cursor ON true
WHERE p.slug = %(slug)s
"""

# A person's first visit: their actor, and their cursor, which this transaction then
# holds locked because it made it. Returns nothing if another tab was quicker.
ARRIVE = """
WITH new_actor AS (
    INSERT INTO annotation_actor
        (kind, name, user_id, source, external_id, pool, groups, model, created_at)
    VALUES ('human', %(name)s, %(user)s, '', '', '', '{}', '{}', now())
    ON CONFLICT (user_id) DO NOTHING
    RETURNING id
), actor AS (
    SELECT id FROM new_actor
    UNION ALL
    SELECT id FROM annotation_actor WHERE user_id = %(user)s
    LIMIT 1
)
INSERT INTO annotation_queuecursor (project_id, actor_id, reached, handed_out)
SELECT %(project)s, actor.id, array_fill(0::bigint, ARRAY[10]), 0 FROM actor
ON CONFLICT (project_id, actor_id) DO NOTHING
RETURNING id, actor_id
"""

_COMPLETIONS = """(
    SELECT json_agg(
        json_build_object('id', c.id, 'messages', c.messages, 'trace', c.trace,
            'outcome', c.sampling->>'outcome') ORDER BY s.position)
    FROM annotation_taskcompletion s
    JOIN annotation_completion c ON c.id = s.completion_id
    WHERE s.task_id = {task}
)"""

# A person's live leases. Those of the asking tab are renewed and come with content.
LIVE = f"""
WITH renewed AS (
    UPDATE annotation_assignment
    SET expires_at = clock_timestamp() + make_interval(secs => %(lease_seconds)s)
    WHERE actor_id = %(actor)s AND project_id = %(project)s AND state = 'leased'
        AND holder = %(holder)s AND %(holder)s <> ''
    RETURNING id, expires_at
)
SELECT a.id, renewed.expires_at, a."order", v.number, v.questions::text,
    p.messages::json, p.context::json,
    CASE WHEN renewed.id IS NOT NULL THEN {_COMPLETIONS.format(task="a.task_id")} END
FROM annotation_assignment a
LEFT JOIN renewed ON renewed.id = a.id
LEFT JOIN annotation_task t ON t.id = a.task_id AND renewed.id IS NOT NULL
LEFT JOIN annotation_prompt p ON p.id = t.prompt_id
LEFT JOIN annotation_protocolversion v ON v.id = t.protocol_id
WHERE a.actor_id = %(actor)s AND a.project_id = %(project)s AND a.state = 'leased'
ORDER BY a.id
"""

# The next tasks: priorities from 9 down, each from where the person has come, out of
# a few entries of the index; tasks that others are taking now are skipped. An own
# assignment that expired or went back does not bar a task, and keeps its order. The
# own assignment is a scalar subquery, not NOT EXISTS: the planner would turn that into
# a join and might read the whole history of the person for it.
PICK = f"""
WITH picked AS MATERIALIZED (
    SELECT found.*
    FROM unnest(%(reached)s::bigint[]) WITH ORDINALITY AS here(reached, place)
    CROSS JOIN LATERAL (
        SELECT t.id, t.priority, t.prompt_id, t.protocol_id
        FROM annotation_task t
        WHERE t.project_id = %(project)s AND t.priority = 10 - here.place
            AND {OPEN}
            AND t.id > here.reached
            AND (
                SELECT met.state NOT IN ('expired', 'released')
                FROM annotation_assignment met
                WHERE met.task_id = t.id AND met.actor_id = %(actor)s
                    AND met.presentation = 0
            ) IS NOT TRUE
        ORDER BY t.id
        LIMIT %(count)s
        FOR UPDATE SKIP LOCKED
    ) AS found
    LIMIT %(count)s
)
SELECT picked.id, picked.priority, own."order", v.number, v.questions::text,
    p.messages::json, p.context::json,
    {_COMPLETIONS.format(task="picked.id")}
FROM picked
JOIN annotation_prompt p ON p.id = picked.prompt_id
JOIN annotation_protocolversion v ON v.id = picked.protocol_id
LEFT JOIN annotation_assignment own ON own.task_id = picked.id
    AND own.actor_id = %(actor)s AND own.presentation = 0
"""

# Hand out what was picked and move the cursor. The trigger counts the leases, and the
# task's CHECK would refuse one too many.
HAND_OUT = """
WITH moved AS (
    UPDATE annotation_queuecursor
    SET reached = %(reached)s::bigint[], handed_out = %(handed_out)s,
        looked_back_at = CASE WHEN %(looked_back)s THEN clock_timestamp()
            ELSE looked_back_at END,
        found_nothing_at = CASE WHEN NOT %(looked_back)s THEN found_nothing_at
            WHEN %(short)s THEN clock_timestamp() END
    WHERE id = %(cursor)s
)
INSERT INTO annotation_assignment AS held
    (task_id, project_id, actor_id, presentation, "order", origin, state, counted,
     holder, leased_at, expires_at, skip_reason, raw_text)
SELECT new.task, %(project)s, %(actor)s, 0, new.places::smallint[], 'human', 'leased',
    false, %(holder)s, clock_timestamp(),
    clock_timestamp() + make_interval(secs => %(lease_seconds)s), '', ''
FROM unnest(%(tasks)s::bigint[], %(orders)s::text[]) AS new(task, places)
ON CONFLICT (task_id, actor_id, presentation) DO UPDATE
SET state = 'leased', counted = false, holder = EXCLUDED.holder,
    leased_at = EXCLUDED.leased_at, expires_at = EXCLUDED.expires_at, ended_at = NULL
WHERE held.state IN ('expired', 'released')
RETURNING id, task_id, expires_at
"""

# Leases whose time is over. Task and assignment are locked together or not at all,
# so the statement waits for nobody and runs beside every other.
EXPIRE = """
WITH due AS MATERIALIZED (
    SELECT a.id
    FROM annotation_assignment a
    JOIN annotation_task t ON t.id = a.task_id
    WHERE a.state = 'leased' AND a.expires_at < now()
    ORDER BY a.expires_at
    LIMIT %(limit)s
    FOR UPDATE OF t, a SKIP LOCKED
)
UPDATE annotation_assignment gone
SET state = 'expired', ended_at = clock_timestamp()
FROM due WHERE gone.id = due.id
"""

# Task first, then assignment, whatever the planner does: the outer lock comes last.
LOCK = """
WITH t AS MATERIALIZED (
    SELECT id, leased + counted < overlap AS free
    FROM annotation_task WHERE id = %(task)s
    FOR NO KEY UPDATE
)
SELECT a.state, a.counted, a.expires_at <= clock_timestamp(), t.free
FROM t JOIN annotation_assignment a ON a.task_id = t.id
WHERE a.id = %(assignment)s
FOR UPDATE OF a
"""

# Everything that an answer is checked against, and the same answer if it came before.
ANSWERING = """
SELECT a.task_id, a.project_id, a.actor_id, a."order", m.role, mine.id,
    v.id, v.number, v.questions::json,
    ARRAY(SELECT s.completion_id FROM annotation_taskcompletion s
        WHERE s.task_id = a.task_id ORDER BY s.position),
    (SELECT routing->'agreement' FROM annotation_project WHERE id = a.project_id)::json,
    earlier.id, earlier.content_hash, earlier.late, earlier_at.counted
FROM annotation_assignment a
JOIN annotation_task t ON t.id = a.task_id
JOIN annotation_protocolversion v ON v.id = t.protocol_id
LEFT JOIN annotation_membership m
    ON m.project_id = a.project_id AND m.user_id = %(user)s
LEFT JOIN annotation_actor mine ON mine.user_id = %(user)s
LEFT JOIN annotation_feedback earlier
    ON earlier.actor_id = mine.id AND earlier.client_id = %(client_id)s
LEFT JOIN annotation_assignment earlier_at ON earlier_at.id = earlier.assignment_id
WHERE a.id = %(assignment)s
"""

# The first answer to an assignment. The repeat of a client id stores nothing.
ANSWER = """
WITH stored AS (
    INSERT INTO annotation_feedback
        (id, client_id, assignment_id, project_id, actor_id, judgments, active_ms,
         protocol_id, content_hash, late, supersedes_id, created_at)
    VALUES (%(id)s, %(client_id)s, %(assignment)s, %(project)s, %(actor)s,
        %(judgments)s::jsonb, %(active_ms)s, %(protocol)s, %(content_hash)s, %(late)s,
        %(supersedes)s, clock_timestamp())
    ON CONFLICT (actor_id, client_id) DO NOTHING
    RETURNING id
), ended AS (
    UPDATE annotation_assignment
    SET state = 'answered', counted = %(counted)s, ended_at = clock_timestamp()
    WHERE id = %(assignment)s AND state <> 'answered'
        AND EXISTS (SELECT 1 FROM stored)
    RETURNING id
), tallied AS (
    UPDATE annotation_tally
    SET answered = answered + 1, day = %(day)s,
        today = CASE WHEN day = %(day)s THEN today + 1 ELSE 1 END
    WHERE project_id = %(project)s AND actor_id = %(actor)s
        AND %(supersedes)s::uuid IS NULL AND EXISTS (SELECT 1 FROM stored)
    RETURNING id
)
SELECT (SELECT count(*) FROM stored), (SELECT count(*) FROM tallied)
"""

# A tally that is not there yet is counted from the rows, once.
TALLY = """
INSERT INTO annotation_tally AS kept (project_id, actor_id, answered, day, today)
SELECT %(project)s, %(actor)s, count(*), %(day)s,
    count(*) FILTER (WHERE ended_at >= %(midnight)s)
FROM annotation_assignment
WHERE project_id = %(project)s AND actor_id = %(actor)s AND state = 'answered'
ON CONFLICT (project_id, actor_id) DO UPDATE
SET answered = kept.answered + 1,
    today = CASE WHEN kept.day = EXCLUDED.day THEN kept.today + 1 ELSE 1 END,
    day = EXCLUDED.day
"""
