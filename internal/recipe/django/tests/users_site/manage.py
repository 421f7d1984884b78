from __future__ import annotations

import os
import sys
from pathlib import Path

RECIPES = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(RECIPES / "authkit" / "tests"), os.environ["AUTHFIT_MODULES"]]

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
