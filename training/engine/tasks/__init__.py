"""One module a task: each exports ``run(context) -> TaskResult``."""
