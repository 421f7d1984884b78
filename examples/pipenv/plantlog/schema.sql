CREATE TABLE IF NOT EXISTS plant (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE NOT NULL,
  place TEXT NOT NULL,
  every_days INTEGER NOT NULL CHECK (every_days > 0)
);

CREATE TABLE IF NOT EXISTS watering (
  plant_id INTEGER NOT NULL REFERENCES plant (id),
  day TEXT NOT NULL DEFAULT (date('now')),
  PRIMARY KEY (plant_id, day)
);
