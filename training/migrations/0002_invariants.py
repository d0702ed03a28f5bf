"""A snapshot never changes once it is ready (invariant 9)."""

from django.db import migrations

FROZEN = """
CREATE TRIGGER hone_snapshot_frozen
    BEFORE UPDATE ON training_snapshot FOR EACH ROW
    WHEN (OLD.state = 'ready' AND
        (OLD.view, OLD.query, OLD.state, OLD.manifest, OLD.sha256, OLD.rows)
        IS DISTINCT FROM
        (NEW.view, NEW.query, NEW.state, NEW.manifest, NEW.sha256, NEW.rows))
    EXECUTE FUNCTION hone_refuse_change('Freeze a new snapshot.');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0001_initial"),
        ("annotation", "0002_invariants"),
    ]
    operations = [
        migrations.RunSQL(
            FROZEN, "DROP TRIGGER hone_snapshot_frozen ON training_snapshot;"
        )
    ]
