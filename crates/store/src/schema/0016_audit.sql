-- The audit log: a row per transaction that noted something, chained by hashes. Entries are numbered from 1 on.
CREATE TABLE audit (
    first INTEGER PRIMARY KEY,      -- the number of its first entry
    entries INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,             -- an entry a line, as JSON
    private TEXT NOT NULL,          -- beside each: salt and number, or nothing
    hash BLOB NOT NULL              -- SHA-256 of the hash before, first (8 octets) and body
) STRICT;
CREATE INDEX audit_at ON audit(at);

-- One row: where the log begins, now that older rows are gone; and the salt of numbers that are kept as hashes.
CREATE TABLE audit_anchor (
    row INTEGER PRIMARY KEY CHECK (row = 1),
    next INTEGER NOT NULL,
    hash BLOB NOT NULL,
    pepper BLOB NOT NULL
) STRICT;
INSERT INTO audit_anchor VALUES (1, 1, zeroblob(32), randomblob(32));
