"""The invariants that span rows, held by triggers (docs/adr/0002)."""

from django.db import migrations

COUNTERS = """
-- A task's counters follow its assignments. The task's CHECK then refuses whatever
-- would hand out or count beyond its overlap, whoever asks and by whatever path.
CREATE FUNCTION hone_count_assignment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lease_change int := 0;
    count_change int := 0;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        lease_change := (NEW.state = 'leased')::int;
        count_change := NEW.counted::int;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        IF TG_OP = 'UPDATE' AND NEW.task_id <> OLD.task_id THEN
            RAISE EXCEPTION 'an assignment cannot move to another task'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        lease_change := lease_change - (OLD.state = 'leased')::int;
        count_change := count_change - OLD.counted::int;
    END IF;
    IF lease_change <> 0 OR count_change <> 0 THEN
        UPDATE annotation_task
        SET leased = leased + lease_change, counted = counted + count_change
        WHERE id = COALESCE(NEW.task_id, OLD.task_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER hone_count_assignment
    AFTER INSERT OR UPDATE OF state, counted, task_id OR DELETE
    ON annotation_assignment
    FOR EACH ROW EXECUTE FUNCTION hone_count_assignment();
"""

APPEND_ONLY = """
CREATE FUNCTION hone_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: its rows are never edited. %',
        TG_OP, TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER hone_feedback_append_only
    BEFORE UPDATE OR DELETE ON annotation_feedback
    FOR EACH ROW EXECUTE FUNCTION
    hone_refuse_change('Add a row that supersedes it.');
CREATE TRIGGER hone_protocol_immutable
    BEFORE UPDATE ON annotation_protocolversion
    FOR EACH ROW EXECUTE FUNCTION
    hone_refuse_change('Add a new version of the protocol.');
CREATE TRIGGER hone_prompt_immutable
    BEFORE UPDATE ON annotation_prompt FOR EACH ROW
    WHEN ((OLD.messages, OLD.context, OLD.content_hash, OLD.group_key, OLD.split)
        IS DISTINCT FROM
        (NEW.messages, NEW.context, NEW.content_hash, NEW.group_key, NEW.split))
    EXECUTE FUNCTION hone_refuse_change('Import the prompt as a new one.');
CREATE TRIGGER hone_completion_immutable
    BEFORE UPDATE ON annotation_completion FOR EACH ROW
    WHEN ((OLD.prompt_id, OLD.messages, OLD.content_hash)
        IS DISTINCT FROM (NEW.prompt_id, NEW.messages, NEW.content_hash))
    EXECUTE FUNCTION hone_refuse_change('Import the completion as a new one.');
"""

SPLITS = """
-- A prompt group never crosses train, validation and test, in any round.
CREATE FUNCTION hone_group_keeps_split() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    taken text;
BEGIN
    SELECT split INTO taken FROM annotation_prompt
    WHERE project_id = NEW.project_id AND group_key = NEW.group_key
        AND split <> NEW.split
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'prompt group % is in split %, so a prompt of it cannot go to %',
            NEW.group_key, taken, NEW.split
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER hone_group_keeps_split
    BEFORE INSERT ON annotation_prompt
    FOR EACH ROW EXECUTE FUNCTION hone_group_keeps_split();
"""

UNDO = """
DROP TRIGGER hone_count_assignment ON annotation_assignment;
DROP TRIGGER hone_feedback_append_only ON annotation_feedback;
DROP TRIGGER hone_protocol_immutable ON annotation_protocolversion;
DROP TRIGGER hone_prompt_immutable ON annotation_prompt;
DROP TRIGGER hone_completion_immutable ON annotation_completion;
DROP TRIGGER hone_group_keeps_split ON annotation_prompt;
DROP FUNCTION hone_count_assignment;
DROP FUNCTION hone_refuse_change CASCADE;
DROP FUNCTION hone_group_keeps_split;
"""


class Migration(migrations.Migration):
    dependencies = [("annotation", "0001_initial")]
    operations = [migrations.RunSQL(COUNTERS + APPEND_ONLY + SPLITS, UNDO)]
