"""The example's settings, as in production."""

import os

from readinglist.settings import *  # noqa: F403
from readinglist.settings import DATABASES

DEBUG = False
ALLOWED_HOSTS = ["localhost"]
ROOT_URLCONF = os.environ["BENCH_VIEWS"]
# How long a disk takes to sync says nothing of a login.
DATABASES["default"]["OPTIONS"] = {"init_command": "PRAGMA synchronous=OFF"}
