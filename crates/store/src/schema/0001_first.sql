-- Rows are integers; ids that callers see are kept once. Times are milliseconds UTC.

CREATE TABLE route (row INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE token (row INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE consumer (row INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

-- Outgoing messages. The row grows in the order of acceptance.
CREATE TABLE message (
    row INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    token INTEGER NOT NULL,         -- 0: the gateway itself
    origin INTEGER NOT NULL,        -- the route the caller named; 0: none
    strict INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    class INTEGER,
    report INTEGER NOT NULL,
    alphabet INTEGER NOT NULL,
    on_uncertain INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    send_at INTEGER,
    expires_at INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    request_key TEXT,               -- the caller's idempotency key
    request_hash BLOB,              -- of recipient and text, to tell a repeat from a reuse after the text is gone
    text TEXT                       -- NULL once retention removed it
) STRICT;
CREATE UNIQUE INDEX message_request ON message(token, request_key) WHERE request_key IS NOT NULL;
CREATE INDEX message_token ON message(token);
-- A tick looks at each message once, when its validity passes; so the hot path need not touch this index.
CREATE INDEX message_expiry ON message(expires_at);

-- Parts. The key is message.row << 8 | part (from 1).
CREATE TABLE part (
    key INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,         -- PartState::code
    rank INTEGER,                   -- 3 - priority: due at once; 9: with a modem; NULL: nothing to do
    timer INTEGER,                  -- queued: not before; uncertain: when its rule is applied
    token INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    route INTEGER,                  -- of the last attempt
    reference INTEGER,              -- TP-MR of the last attempt
    attempts INTEGER NOT NULL,
    maybe_twice INTEGER NOT NULL,
    attempted_at INTEGER,
    sent_at INTEGER,
    settled_at INTEGER,
    cost_micros INTEGER,
    tpdu BLOB                       -- NULL once retention removed it
) STRICT;
CREATE INDEX part_work ON part(rank) WHERE rank IS NOT NULL;
CREATE INDEX part_timer ON part(state, timer) WHERE timer IS NOT NULL;
-- Parts that are to go out a second time: a report may still tell that they went out the first time.
CREATE INDEX part_doubted ON part(route) WHERE state = 0 AND maybe_twice = 1;
CREATE INDEX part_sent ON part(route, reference, sent_at) WHERE sent_at IS NOT NULL;

-- Attempts that did not end with the network's acceptance, and reports that ended a part.
CREATE TABLE history (
    row INTEGER PRIMARY KEY,
    part INTEGER NOT NULL,
    at INTEGER NOT NULL,
    route INTEGER,
    class TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX history_part ON history(part);

-- Routes that said they cannot take a message.
CREATE TABLE excluded (message INTEGER NOT NULL, route INTEGER NOT NULL, PRIMARY KEY (message, route))
    STRICT, WITHOUT ROWID;

-- Status reports, as they came. part NULL: fitted nothing, or too much, yet.
CREATE TABLE report (
    row INTEGER PRIMARY KEY,
    route INTEGER NOT NULL,
    reference INTEGER NOT NULL,
    status INTEGER NOT NULL,
    submitted INTEGER,
    discharged INTEGER,
    at INTEGER NOT NULL,
    part INTEGER,
    recipient TEXT NOT NULL,
    pdu BLOB NOT NULL
) STRICT;
CREATE INDEX report_reference ON report(route, reference, at);
CREATE INDEX report_unmatched ON report(route, reference, at) WHERE part IS NULL;

-- Received messages, complete or overdue. The cursor grows in the order of completion and is never used twice.
CREATE TABLE inbound (
    cursor INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    route INTEGER NOT NULL,
    sender TEXT NOT NULL,
    own TEXT,
    kind INTEGER NOT NULL,
    class INTEGER,
    service_centre_time INTEGER,
    received_at INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    text TEXT NOT NULL,
    data_hex TEXT
) STRICT;

-- Received PDUs, raw. One is a twin when SIM and fingerprint agree.
CREATE TABLE fragment (
    row INTEGER PRIMARY KEY,
    route INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    assembly INTEGER,               -- the message it waits for
    sequence INTEGER NOT NULL,
    cursor INTEGER,                 -- the message it became part of
    at INTEGER NOT NULL,
    pdu BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX fragment_twin ON fragment(route, fingerprint);
CREATE INDEX fragment_assembly ON fragment(assembly) WHERE assembly IS NOT NULL;
CREATE INDEX fragment_cursor ON fragment(cursor) WHERE cursor IS NOT NULL;

-- Messages of which parts are missing still.
CREATE TABLE assembly (
    row INTEGER PRIMARY KEY,
    route INTEGER NOT NULL,
    reference INTEGER NOT NULL,
    wide INTEGER NOT NULL,
    total INTEGER NOT NULL,
    have INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    service_centre_time INTEGER,
    sender TEXT NOT NULL,
    own TEXT
) STRICT;
CREATE INDEX assembly_reference ON assembly(route, reference);
CREATE INDEX assembly_due ON assembly(due_at);

-- Events and what each consumer has to do with them.
CREATE TABLE event (
    row INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    at INTEGER NOT NULL,
    inbound INTEGER,                -- the received message it tells of
    body TEXT                       -- JSON of any other event
) STRICT;
CREATE INDEX event_inbound ON event(inbound) WHERE inbound IS NOT NULL;
CREATE TABLE delivery (
    consumer INTEGER NOT NULL,
    event INTEGER NOT NULL,
    state INTEGER NOT NULL,         -- 0 waiting, 1 done, 2 given up
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT,
    PRIMARY KEY (consumer, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery(consumer, due_at) WHERE state = 0;

-- SIM cards.
CREATE TABLE pin_try (
    identity TEXT NOT NULL,
    hash BLOB NOT NULL,
    verdict INTEGER NOT NULL,       -- 0 open, 1 accepted, 2 rejected
    at INTEGER NOT NULL,
    PRIMARY KEY (identity, hash)
) STRICT, WITHOUT ROWID;
CREATE TABLE binding (slot TEXT PRIMARY KEY, iccid TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Numbers that want nothing more.
CREATE TABLE stop (number TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- What tokens spent, by quarter of an hour: every time zone's day begins at one.
CREATE TABLE spending (token INTEGER NOT NULL, quarter INTEGER NOT NULL, micros INTEGER NOT NULL,
    PRIMARY KEY (token, quarter)) STRICT, WITHOUT ROWID;

-- One row: what was counted since the database was made, and how far the sweeps came.
CREATE TABLE total (
    row INTEGER PRIMARY KEY CHECK (row = 1),
    accepted INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    received INTEGER NOT NULL,
    cursor INTEGER NOT NULL,        -- the last cursor given out
    swept INTEGER NOT NULL,         -- validities up to this time were looked at
    texts INTEGER NOT NULL          -- messages up to this row lost their texts
) STRICT;
INSERT INTO total VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0);

-- Written to find out whether the disk is back.
CREATE TABLE probe (row INTEGER PRIMARY KEY CHECK (row = 1), filler BLOB) STRICT;
INSERT INTO probe VALUES (1, NULL);
