from django.apps import AppConfig


class TrainingConfig(AppConfig):
    name = "training"
    verbose_name = "Train"

    def ready(self) -> None:
        from annotation.services.progress import contributions
        from training.services.thanks import count_contribution

        contributions.append(count_contribution)
