-- The care of SIMs. Times are milliseconds UTC.

-- What operators said of balances, in millionths; micros NULL: a query that told nothing, and why.
CREATE TABLE balance (
    row INTEGER PRIMARY KEY,
    route INTEGER NOT NULL,
    at INTEGER NOT NULL,
    micros INTEGER,
    currency TEXT NOT NULL,
    error TEXT
) STRICT;
CREATE INDEX balance_route ON balance(route, row);

-- Messages between our own SIMs: each is on record before it is handed in.
CREATE TABLE sim_probe (
    row INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,          -- 0 self-test, 1 ring, 2 keep-alive
    route INTEGER NOT NULL,         -- the sender
    target INTEGER NOT NULL,        -- who is to receive it
    due INTEGER NOT NULL,           -- the time it was to be sent at
    at INTEGER NOT NULL,            -- when it was
    token TEXT NOT NULL UNIQUE,     -- by which it is known when it arrives
    message BLOB,                   -- the id of the message; NULL: not handed in
    arrived INTEGER,
    error TEXT                      -- why it came to nothing
) STRICT;
CREATE INDEX sim_probe_route ON sim_probe(kind, route, row);

-- Since when each kind of probe is wanted: what is due is counted from there.
CREATE TABLE sim_probe_mark (kind INTEGER PRIMARY KEY, since INTEGER NOT NULL) STRICT;
