from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from .db import get_db

bp = Blueprint("plants", __name__, url_prefix="/plants")

# A plant that was never watered is due since ever.
PLANTS = """
    SELECT plant.*, max(watering.day) AS watered,
        coalesce(
            julianday('now') - julianday(max(watering.day)) >= every_days, 1
        ) AS thirsty
    FROM plant LEFT JOIN watering ON watering.plant_id = plant.id
    GROUP BY plant.id
"""


def thirsty():
    return get_db().execute(f"SELECT * FROM ({PLANTS}) WHERE thirsty").fetchall()


@bp.route("/")
def index():
    plants = get_db().execute(f"{PLANTS} ORDER BY place, name").fetchall()
    return render_template("plants/index.html", plants=plants)


@bp.route("/add", methods=("GET", "POST"))
def add():
    if request.method == "POST":
        name = request.form["name"].strip()
        place = request.form["place"].strip()
        every_days = request.form.get("every_days", type=int)

        error = None
        if not name or not place:
            error = "A plant needs a name and a place."
        elif not every_days or every_days < 1:
            error = "Every how many days?"
        elif find(name):
            error = f"There is a {name} already."

        if error is None:
            db = get_db()
            db.execute(
                "INSERT INTO plant (name, place, every_days) VALUES (?, ?, ?)",
                (name, place, every_days),
            )
            db.commit()
            return redirect(url_for("plants.index"))
        flash(error)

    return render_template("plants/add.html")


@bp.post("/<int:plant_id>/water")
def water(plant_id):
    db = get_db()
    plant = db.execute("SELECT name FROM plant WHERE id = ?", (plant_id,)).fetchone()
    if plant is None:
        abort(404)
    db.execute("INSERT OR IGNORE INTO watering (plant_id) VALUES (?)", (plant_id,))
    db.commit()
    flash(f"Watered {plant['name']}.")
    return redirect(url_for("home"))


def find(name):
    return get_db().execute("SELECT 1 FROM plant WHERE name = ?", (name,)).fetchone()
