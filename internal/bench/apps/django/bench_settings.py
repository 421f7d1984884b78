"""The example's settings, as in production."""

import os

from readinglist.settings import *  # noqa: F403

DEBUG = False
ALLOWED_HOSTS = ["localhost"]
ROOT_URLCONF = os.environ["BENCH_VIEWS"]
