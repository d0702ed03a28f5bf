"""Every project has a secret seed: it decides which side is which model."""

import secrets

from django.db import migrations, models

import annotation.models.projects


def hide_known_seeds(apps, schema_editor):
    """Give a secret to projects whose seed was the default of old, or a small number.

    Orders that were presented are kept with their assignments and stay what they were.
    """
    for project in apps.get_model("annotation", "Project").objects.filter(
        seed__lt=2**32
    ):
        project.seed = secrets.randbits(62)
        project.save(update_fields=["seed"])


class Migration(migrations.Migration):
    dependencies = [("annotation", "0010_extractions_by_judges")]

    operations = [
        migrations.AlterField(
            "project",
            "seed",
            models.BigIntegerField(
                default=annotation.models.projects.secret_seed,
                help_text="Secret: presented orders are drawn from it.",
            ),
        ),
        migrations.RunPython(hide_known_seeds, migrations.RunPython.noop),
    ]
