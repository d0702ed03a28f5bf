"""How much a sender may send, and how much of one user counts."""

import hashlib
from collections import Counter
from datetime import UTC, date, datetime

from django.conf import settings
from django.core.cache import cache

from annotation.errors import TooManyRequests
from annotation.models import Project
from annotation.services.rates import spend
from annotation.services.reacting.rows import Rows, Taken, bad_row, day_of, of_users

WINDOW_SECONDS = 60
BACKLOG_DAYS = 7  # of a user's cap that may come on one day
DAY_SECONDS = 86_400
CAP = "reactions_per_user_per_day"  # in Project.budgets


def allow(sender: str, rows: int) -> None:
    """Count rows of a sender, at most so many a minute.

    Raises:
        TooManyRequests: with `retry_after`, in seconds.
    """
    limit = settings.REACTIONS_PER_MINUTE
    sent = spend(f"reactions:{sender}", rows, window_seconds=WINDOW_SECONDS)
    if sent > limit:
        error = TooManyRequests(
            "Too many reactions at once; none of these was stored.",
            expected=f"at most {limit:,} a minute",
            found=f"{sent:,}",
            fix="Send them again after the seconds in Retry-After.",
        )
        error.retry_after = WINDOW_SECONDS
        raise error


def within_cap(project: Project, source: str, read: Rows, done: Taken) -> None:
    """Take out what goes over a user's cap of a day."""
    cap = int(project.budgets.get(CAP, settings.REACTIONS_PER_USER_PER_DAY))
    days = {day_of(row.at) for row, _ in read.values()}
    if not days:
        return
    since = datetime.combine(min(days), datetime.min.time(), UTC)
    spent: Counter[tuple[str, date]] = Counter(
        (user, day_of(at))
        for user, at in of_users(project, source, read)
        .filter(created_at__gte=since)
        .values_list("actor__external_id", "created_at")
    )
    for index, (row, _) in list(read.items()):
        spent[row.user, day_of(row.at)] += 1
        if spent[row.user, day_of(row.at)] > cap:
            del read[index]
            why = f"has more than {cap:,} reactions on one day"
            done.bad.append(bad_row(index, row, "user", why, row.user))
    _within_backlog(project, source, read, done, most=cap * BACKLOG_DAYS)


def _within_backlog(
    project: Project, source: str, read: Rows, done: Taken, *, most: int
) -> None:
    """Take out what is more of a user than one day may bring, whatever `at` it says.

    A sender who spreads rows over the years would otherwise have no cap at all.
    """
    today = day_of(None)

    def key(user: str) -> str:
        name = "\x1f".join((str(project.pk), source, user))
        return f"reactions:{today}:{hashlib.sha256(name.encode()).hexdigest()}"

    keys = {row.user: key(row.user) for row, _ in read.values()}
    known = cache.get_many(keys.values())
    came = Counter({user: int(known.get(key, 0)) for user, key in keys.items()})
    for index, (row, _) in list(read.items()):
        if came[row.user] < most:
            came[row.user] += 1
            continue
        del read[index]
        why = f"has more than {most:,} reactions that came today"
        done.bad.append(bad_row(index, row, "user", why, row.user))
    # The project is locked: no other batch counts at the same time.
    cache.set_many({keys[user]: came[user] for user in keys}, DAY_SECONDS)
