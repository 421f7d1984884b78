import sqlite3

import click
from flask import current_app, g
from flask.cli import with_appcontext


def get_db():
    if "db" not in g:
        g.db = sqlite3.connect(current_app.config["DATABASE"])
        g.db.row_factory = sqlite3.Row
        # Makes no change where the tables are there already.
        with current_app.open_resource("schema.sql") as schema:
            g.db.executescript(schema.read().decode("utf8"))
    return g.db


def close_db(error=None):
    db = g.pop("db", None)
    if db is not None:
        db.close()


@click.command("init-db")
@with_appcontext
def init_db_command():
    """Make the tables and a first few plants."""
    db = get_db()
    db.executemany(
        "INSERT OR IGNORE INTO plant (name, place, every_days) VALUES (?, ?, ?)",
        [("Monstera", "Living room", 7), ("Basil", "Kitchen", 2)],
    )
    db.commit()
    click.echo("The plant log is ready.")


def init_app(app):
    app.teardown_appcontext(close_db)
    app.cli.add_command(init_db_command)
