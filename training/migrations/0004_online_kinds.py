from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0003_run_retries")]
    operations = [
        migrations.AlterField(
            model_name="trainingrun",
            name="kind",
            field=models.CharField(
                choices=[
                    ("reward", "reward model"),
                    ("dpo", "DPO policy"),
                    ("ppo", "PPO policy"),
                    ("online", "online policy"),
                    ("generate", "generation"),
                    ("score", "scoring"),
                    ("evaluate", "evaluation"),
                ],
                max_length=10,
            ),
        )
    ]
