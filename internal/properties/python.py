"""Answers questions about Python files, a line of JSON each."""

import ast
import json
import os
import runpy
import sys
import tempfile
import traceback
import warnings

# What a check imports, once for all of them.
for name in (
    "django.core.management.commands.check",
    "django.contrib.auth.models",
    "flask.cli",
    "fastapi.templating",
    "workos",
):
    try:
        __import__(name)
    except Exception:  # models want settings, which come with a check
        pass


def compiled(path):
    with open(path, "rb") as file:
        src = file.read()
    said = {"error": "", "warnings": [], "old": ""}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            compile(src, path, "exec", dont_inherit=True)
        except Exception as err:
            said["error"] = repr(err)
            return said
        said["warnings"] = sorted(str(w.message) for w in seen)
        try:
            ast.parse(src, path, feature_version=(3, 8))
        except SyntaxError as err:
            said["old"] = repr(err)
    return said


def check(args, folder, path, env):
    """The output of `python ARGS` in a child process where that fails."""
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                os.chdir(folder)
                os.environ.update(kv.split("=", 1) for kv in env)
                sys.path[0:0] = path
                status = executed(args)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        said = output.read().decode(errors="replace")
        return (said or "it fails") if status else ""


def executed(args):
    try:
        if args[0] == "-c":
            sys.path.insert(0, "")
            exec(args[1], {"__name__": "__main__"})
        elif args[0] == "-m":
            sys.path.insert(0, "")
            sys.argv = args[1:]
            runpy.run_module(args[1], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, os.path.dirname(os.path.abspath(args[0])))
            sys.argv = args
            runpy.run_path(args[0], run_name="__main__")
    except SystemExit as end:
        if end.code and not isinstance(end.code, int):
            print(end.code)
        return 1 if end.code else 0
    return 0


answers = sys.stdout
for line in sys.stdin:
    question = json.loads(line)
    if "compile" in question:
        answer = {path: compiled(path) for path in question["compile"]}
    else:
        answer = check(
            question["check"], question["dir"], question["path"], question["env"]
        )
    print(json.dumps(answer), file=answers, flush=True)
