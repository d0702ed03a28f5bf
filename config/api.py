"""The HTTP API under /api/v1/: the routers of both apps in one OpenAPI schema."""

from ninja import NinjaAPI

from annotation.api import errors
from annotation.api.auth import authenticators
from annotation.api.json import StrictParser
from annotation.api.routers import routers as annotation_routers
from training.api.routers import routers as training_routers

api = NinjaAPI(
    title="Hone",
    version="1",
    description="Collect what people and AI judges prefer, and train on it.",
    auth=authenticators,
    parser=StrictParser(),
    # The page of the schema would need scripts from elsewhere, under no strict policy.
    docs_url=None,
    urls_namespace="api",
)
errors.install(api)
for prefix, router in [*annotation_routers, *training_routers]:
    api.add_router(prefix, router)
