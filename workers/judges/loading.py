"""Loading a judge's model into this process, late and offline."""

import os
from collections.abc import Callable
from typing import Any

from annotation.errors import InvalidInput
from training.models import ModelVersion
from training.services import artifacts
from training.services.model_places import check_source
from workers.launchers import offline_environment


def load(version: ModelVersion, loader: str) -> Any:
    """Return a model as the engine loads it.

    Args:
        loader: the function of `training.engine.models` that does.

    Raises:
        InvalidInput: when there is no such model, it is none of this kind, or it lies
            where its project may not read.
    """
    if version.run_id is None:
        check_source(version.source, version.project)
    os.environ.update(offline_environment())
    # Late: only the process that asks pays for the libraries and the model.
    from training.engine import models
    from training.engine.errors import FixableError
    from training.engine.spec import ModelPart

    read: Callable[[ModelPart], Any] = getattr(models, loader)
    try:
        loaded = read(ModelPart(source=artifacts.resolve_source(version.source)))
    except FixableError as error:
        raise InvalidInput(
            error.message, expected=error.expected, found=error.found, fix=error.fix
        ) from error
    loaded.model.eval()
    return loaded
