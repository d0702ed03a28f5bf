"""Who is asking: a signed-in browser, or a program with a scoped token."""

from ninja.security import django_auth

authenticators = [django_auth]
