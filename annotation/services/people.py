"""A signed-in person as an actor: the same one in every project."""

from django.contrib.auth.models import AbstractBaseUser, User

from annotation.models import Actor


def display_name(user: AbstractBaseUser) -> str:
    """Return the full name, or the user name of somebody who gave none."""
    full = user.get_full_name() if isinstance(user, User) else ""
    return full or user.get_username()


def actor_of(user: AbstractBaseUser) -> Actor:
    """Return the person's actor, made on first use."""
    actor, _ = Actor.objects.get_or_create(
        user_id=user.pk,
        defaults={"kind": Actor.Kind.HUMAN, "name": display_name(user)},
    )
    return actor
