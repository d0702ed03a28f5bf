#!/usr/bin/env python
"""Django's entry point."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    from config.env import SettingError
    from config.services import ServiceError

    try:
        execute_from_command_line(sys.argv)
    except (ServiceError, SettingError) as error:  # settings could not be read
        sys.exit(str(error))


if __name__ == "__main__":
    main()
