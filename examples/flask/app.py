import os
import sqlite3
from datetime import date

from flask import Flask, abort, flash, g, redirect, render_template, request, url_for

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY", "dev")
app.config["DATABASE"] = os.environ.get(
    "DATABASE", os.path.join(app.instance_path, "lending.sqlite3")
)


def get_db():
    """The request's connection; the tables are made on first use."""
    if "db" not in g:
        os.makedirs(os.path.dirname(app.config["DATABASE"]), exist_ok=True)
        g.db = sqlite3.connect(app.config["DATABASE"])
        g.db.row_factory = sqlite3.Row
        with app.open_resource("schema.sql", "r") as schema:
            g.db.executescript(schema.read())
    return g.db


@app.teardown_appcontext
def close_db(exc):
    db = g.pop("db", None)
    if db is not None:
        db.close()


def get_tool(tool_id):
    tool = get_db().execute("SELECT * FROM tool WHERE id = ?", (tool_id,)).fetchone()
    if tool is None:
        abort(404)
    return tool


@app.route("/")
def index():
    tools = get_db().execute(
        """
        SELECT tool.*, loan.neighbour, loan.lent_on
        FROM tool LEFT JOIN loan ON loan.tool_id = tool.id AND loan.returned_on IS NULL
        ORDER BY tool.name COLLATE NOCASE
        """
    )
    return render_template("index.html", tools=tools.fetchall())


@app.route("/tools/new", methods=["GET", "POST"])
def new_tool():
    if request.method == "POST":
        name = request.form.get("name", "").strip()
        if not name:
            flash("A tool needs a name.")
            return render_template("new_tool.html"), 400
        db = get_db()
        try:
            db.execute(
                "INSERT INTO tool (name, note) VALUES (?, ?)",
                (name, request.form.get("note", "").strip()),
            )
            db.commit()
        except sqlite3.IntegrityError:
            flash(f"{name} is on the shelf already.")
            return render_template("new_tool.html"), 400
        return redirect(url_for("index"))
    return render_template("new_tool.html")


@app.route("/tools/<int:tool_id>")
def tool(tool_id):
    loans = get_db().execute(
        "SELECT * FROM loan WHERE tool_id = ? ORDER BY id DESC", (tool_id,)
    )
    return render_template("tool.html", tool=get_tool(tool_id), loans=loans.fetchall())


@app.post("/tools/<int:tool_id>/lend")
def lend(tool_id):
    tool = get_tool(tool_id)
    neighbour = request.form.get("neighbour", "").strip()
    if not neighbour:
        flash("Who is taking it?")
        return redirect(url_for("tool", tool_id=tool_id))
    db = get_db()
    try:
        db.execute(
            "INSERT INTO loan (tool_id, neighbour, lent_on) VALUES (?, ?, ?)",
            (tool_id, neighbour, date.today().isoformat()),
        )
        db.commit()
    except sqlite3.IntegrityError:
        flash(f"{tool['name']} is out already.")
        return redirect(url_for("tool", tool_id=tool_id))
    flash(f"{tool['name']} is with {neighbour} now.")
    return redirect(url_for("index"))


@app.post("/tools/<int:tool_id>/return")
def give_back(tool_id):
    tool = get_tool(tool_id)
    db = get_db()
    db.execute(
        "UPDATE loan SET returned_on = ? WHERE tool_id = ? AND returned_on IS NULL",
        (date.today().isoformat(), tool_id),
    )
    db.commit()
    flash(f"{tool['name']} is back.")
    return redirect(url_for("index"))


@app.errorhandler(404)
def not_found(error):
    return render_template("404.html"), 404


if __name__ == "__main__":
    app.run(debug=True)
