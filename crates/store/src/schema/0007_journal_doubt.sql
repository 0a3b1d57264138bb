-- Attempts that were in doubt: one entry of each may lie in the modem's memory, nobody knows where. Removed when it is found.
CREATE TABLE journal_doubt (
    part INTEGER PRIMARY KEY,       -- part.key
    route INTEGER NOT NULL,
    digest BLOB NOT NULL            -- as in journal
) STRICT;
CREATE INDEX journal_doubt_route ON journal_doubt(route, digest);
