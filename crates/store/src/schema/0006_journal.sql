-- Entries of our own that may lie in a modem's memory: of attempts that ended, until the modem has said that they are gone
-- (docs/decisions/journal.md).
CREATE TABLE journal (
    route INTEGER NOT NULL,
    memory BLOB NOT NULL,           -- its two letters
    place INTEGER NOT NULL,         -- the index in it
    digest BLOB NOT NULL,           -- SHA-256 of the TPDU, with TP-MR as zero
    PRIMARY KEY (route, memory, place)
) STRICT, WITHOUT ROWID;
