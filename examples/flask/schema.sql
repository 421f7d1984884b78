CREATE TABLE IF NOT EXISTS tool (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    note TEXT NOT NULL DEFAULT ''
);

CREATE TABLE IF NOT EXISTS loan (
    id INTEGER PRIMARY KEY,
    tool_id INTEGER NOT NULL REFERENCES tool (id),
    neighbour TEXT NOT NULL,
    lent_on TEXT NOT NULL,
    returned_on TEXT
);

-- A tool can only be with one neighbour at a time.
CREATE UNIQUE INDEX IF NOT EXISTS one_open_loan ON loan (tool_id) WHERE returned_on IS NULL;
