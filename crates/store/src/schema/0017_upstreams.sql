-- The name that an upstream gave the part of the last attempt: its receipts tell it.
ALTER TABLE part ADD COLUMN peer_id TEXT;
CREATE INDEX part_peer_id ON part(route, peer_id) WHERE peer_id IS NOT NULL;

-- Receipts of upstreams, as they came. due NOT NULL: it fits no part yet, and is given up then.
CREATE TABLE receipt (
    row INTEGER PRIMARY KEY,
    route INTEGER NOT NULL,
    peer_id TEXT NOT NULL,
    recipient TEXT,
    status INTEGER NOT NULL,        -- 0 delivered, 1 still trying, 2 failed, 3 expired, 4 unknown
    code TEXT,
    discharged INTEGER,
    words TEXT NOT NULL,
    at INTEGER NOT NULL,
    part INTEGER,                   -- part.key
    due INTEGER
) STRICT;
CREATE INDEX receipt_waiting ON receipt(due) WHERE due IS NOT NULL;
CREATE INDEX receipt_named ON receipt(route, peer_id) WHERE due IS NOT NULL;
CREATE INDEX receipt_part ON receipt(part) WHERE part IS NOT NULL;

-- How many were given up, by route.
CREATE TABLE receipt_stray (route INTEGER PRIMARY KEY, count INTEGER NOT NULL) STRICT;
