"""Let the triggers use their indexes, whatever the statistics say.

A session keeps the plan that its first row got. Made while a table was small, that
plan reads the whole table, or the project's whole part of an index, for every row, and
a large import becomes quadratic.
"""

from django.db import migrations

COUNTERS = "ALTER FUNCTION hone_count_assignment() SET enable_seqscan = off"
COUNTERS_UNDO = "ALTER FUNCTION hone_count_assignment() RESET enable_seqscan"

# Only the index prompt_group has this order, so the first row at or after the group
# comes from there without a sort. One row is enough: all of a group agree.
SPLITS = """
CREATE OR REPLACE FUNCTION hone_group_keeps_split() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    nearest record;
BEGIN
    SELECT project_id, group_key, split INTO nearest FROM annotation_prompt
    WHERE (project_id, group_key) >= (NEW.project_id, NEW.group_key)
    ORDER BY project_id, group_key
    LIMIT 1;
    IF FOUND AND nearest.project_id = NEW.project_id
        AND nearest.group_key = NEW.group_key AND nearest.split <> NEW.split
    THEN
        RAISE EXCEPTION 'prompt group % is in split %, so a prompt of it cannot go to %',
            NEW.group_key, nearest.split, NEW.split
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("annotation", "0003_queue_progress")]
    operations = [
        migrations.RunSQL(COUNTERS, COUNTERS_UNDO),
        migrations.RunSQL(SPLITS, migrations.RunSQL.noop),
    ]
