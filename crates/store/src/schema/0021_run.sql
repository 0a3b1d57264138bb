-- Which run of a gateway worked on this file last: its notes of what began are believed, and no others.
CREATE TABLE run (
    row INTEGER PRIMARY KEY CHECK (row = 1),
    id BLOB NOT NULL                -- drawn anew each time the file is opened
) STRICT;
INSERT INTO run VALUES (1, zeroblob(16));
