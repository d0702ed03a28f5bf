from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0002_invariants")]
    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="retried_from",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Attempts that do not count as crashes: earlier than a "
                "person's retry, or ended in order by a worker that was told to stop.",
            ),
        )
    ]
