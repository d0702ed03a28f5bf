"""Signing in, at a limited rate: for the API and for the admin panel's form alike.

Attempts are counted in the cache before the password is looked at, for each user name
from each address and, ten times as patiently, for each address. The counts are what
stops guessing, so without the cache nobody signs in; whoever is in stays in.
"""

import hashlib
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpRequest

from annotation.errors import HoneError, TooManyAttempts
from annotation.services.rates import spend

NAMES_PER_ADDRESS = 10
SENDER_BITS = 64  # of an IPv6 address: the rest is the sender's to choose


class WrongPassword(HoneError):
    code, status = "wrong_password", 401


def address_of(request: HttpRequest) -> str:
    """Return where a request comes from, or what one sender can pick addresses from.

    Behind HONE_PROXIES proxies it is what the outermost of them saw: each adds the
    address of its peer at the end of X-Forwarded-For. What stands before is the
    sender's own word and counts for nothing. Of an IPv6 address the network counts.
    """
    given = str(request.META.get("REMOTE_ADDR") or "")
    if settings.PROXIES > 0:
        told = str(request.META.get("HTTP_X_FORWARDED_FOR") or "").split(",")
        given = told[-settings.PROXIES].strip() if len(told) >= settings.PROXIES else ""
    try:
        address = ip_address(given)
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((address, SENDER_BITS), strict=False))


def sign_in_allowed(request: HttpRequest, username: str) -> None:
    """Count an attempt to sign in.

    Raises:
        TooManyAttempts: with `retry_after`, in seconds.
    """
    window = settings.SIGN_IN_WINDOW_SECONDS
    for key, limit in _limits(request, username):
        attempts = spend(key, 1, window_seconds=window)
        if attempts > limit:
            error = TooManyAttempts(
                "Too many attempts to log in.",
                expected=f"at most {limit} in {window} seconds",
                found=f"{attempts} from this address",
                fix=f"Wait up to {window} seconds, or ask for a new password.",
            )
            error.retry_after = window
            raise error


def signed_in(request: HttpRequest, username: str) -> None:
    """Forget the attempts of somebody who has come in."""
    cache.delete(_limits(request, username)[0][0])


def _limits(request: HttpRequest, username: str) -> list[tuple[str, int]]:
    address = address_of(request)
    pair = hashlib.sha256(f"{username.casefold()}\0{address}".encode()).hexdigest()
    return [
        (f"sign-in:{pair}", settings.SIGN_IN_ATTEMPTS),
        (f"sign-in-from:{address}", settings.SIGN_IN_ATTEMPTS * NAMES_PER_ADDRESS),
    ]


def check_password(request: HttpRequest, *, username: str, password: str) -> User:
    """Return the person of a user name and password, at a limited rate.

    Raises:
        TooManyAttempts: with `retry_after`, in seconds.
        WrongPassword: which does not say which of the two is wrong.
    """
    sign_in_allowed(request, username)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        raise WrongPassword(
            "The user name or the password is wrong.",
            expected="the name and password of an active person",
            found="a pair that does not fit",
            fix="Check both; capitals matter.",
        )
    signed_in(request, username)
    return user
