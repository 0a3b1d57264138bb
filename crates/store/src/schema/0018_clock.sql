-- How the clock was set, as far as what waits was moved with it.
CREATE TABLE clock_mark (
    row INTEGER PRIMARY KEY CHECK (row = 1),
    shifted INTEGER NOT NULL,       -- by how much deadlines were moved in all, in milliseconds
    alerts INTEGER NOT NULL,        -- how much of it incidents were moved by
    message INTEGER NOT NULL,       -- the last message and the last received one of before: their times say nothing
    inbound INTEGER NOT NULL,       -- of the clock as it is now
    at INTEGER                      -- what it showed when that was done
) STRICT;
INSERT INTO clock_mark VALUES (1, 0, 0, 0, 0, NULL);
