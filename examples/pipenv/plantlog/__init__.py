"""When each plant at home was watered, and which one is thirsty."""

from pathlib import Path

from flask import Flask, render_template

from . import db, plants


def create_app(test_config=None):
    app = Flask(__name__, instance_relative_config=True)
    app.config.from_mapping(
        SECRET_KEY="dev",
        DATABASE=str(Path(app.instance_path) / "plantlog.sqlite"),
    )
    if test_config is None:
        # SECRET_KEY and the rest of a real installation, out of version control.
        app.config.from_pyfile("config.py", silent=True)
    else:
        app.config.from_mapping(test_config)

    Path(app.instance_path).mkdir(parents=True, exist_ok=True)

    db.init_app(app)
    app.register_blueprint(plants.bp)

    @app.route("/")
    def home():
        return render_template("home.html", thirsty=plants.thirsty())

    return app
