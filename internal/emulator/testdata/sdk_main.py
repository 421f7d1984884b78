"""Run every sdk_*.py script with the sync or the async client, and say what each came to.

Prints a line of JSON for each part of a script, and one for the methods of the SDK that
nothing has called.
"""

import asyncio
import inspect
import json
import sys
import traceback

import sdk_codes
import sdk_device
import sdk_invitations
import sdk_login
import sdk_mfa
import sdk_organizations
import sdk_refused
import sdk_roles
import sdk_settings
import sdk_sso
import sdk_users
from sdk_kit import Kit, run, uncalled

SCRIPTS = [
    sdk_login,
    sdk_codes,
    sdk_mfa,
    sdk_device,
    sdk_invitations,
    sdk_users,
    sdk_organizations,
    sdk_roles,
    sdk_settings,
    sdk_sso,
    sdk_refused,
]


def parts(script):
    """Return the coroutine functions that a script has written itself, in their order."""
    return [
        part
        for name, part in vars(script).items()
        if inspect.iscoroutinefunction(part)
        and part.__module__ == script.__name__
        and name[0] != "_"
    ]


def main(asynchronous):
    """Run them all with one client."""
    failed = False
    with asyncio.Runner() as loop:
        kit, start = Kit(asynchronous), loop.run if asynchronous else run
        for script in SCRIPTS:
            for part in parts(script):
                name = f"{script.__name__.removeprefix('sdk_')}/{part.__name__}"
                wrong = ""
                try:
                    start(part(kit))
                except Exception:
                    wrong, failed = traceback.format_exc(), True
                print(json.dumps({"part": name, "wrong": wrong}), flush=True)
    # What failed early has not called all that it would have.
    left = "" if failed else ", ".join(uncalled(kit))
    wrong = left and f"nothing has called {left}"
    print(json.dumps({"part": "methods", "wrong": wrong}))


main(sys.argv[1] == "async")
