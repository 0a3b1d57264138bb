-- Attendance by SMS. Times are milliseconds UTC.

-- Every request and what came of it; nothing here is ever changed.
CREATE TABLE attendance_event (
    row INTEGER PRIMARY KEY,
    event BLOB NOT NULL UNIQUE,     -- the event it was worked from: a request is kept once
    inbound BLOB NOT NULL,          -- the id of the received message
    sender TEXT NOT NULL,
    route INTEGER NOT NULL,
    service_centre_time INTEGER,
    received_at INTEGER NOT NULL,
    version INTEGER NOT NULL,       -- of the protocol; 0: not known
    verdict TEXT NOT NULL,
    bad INTEGER NOT NULL,           -- counts towards a lock-out
    flags TEXT NOT NULL,            -- words, parted by blanks
    status TEXT NOT NULL,
    time TEXT NOT NULL,             -- as claimed; a note in the second version
    device INTEGER,
    counter INTEGER,
    device_time INTEGER,
    frame BLOB,                     -- SHA-256 of what was ciphered
    answer BLOB                     -- the id of the acknowledgement
) STRICT;
CREATE INDEX attendance_event_sender ON attendance_event(sender, received_at);
CREATE INDEX attendance_event_frame ON attendance_event(frame) WHERE frame IS NOT NULL;

-- The last word of each sender: what the first version's table shows.
CREATE TABLE attendance_state (
    sender TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    time TEXT NOT NULL,
    event INTEGER NOT NULL          -- attendance_event.row
) STRICT, WITHOUT ROWID;

-- Which counters of a device were seen.
CREATE TABLE attendance_device (device INTEGER PRIMARY KEY, highest INTEGER NOT NULL, seen INTEGER NOT NULL) STRICT;
