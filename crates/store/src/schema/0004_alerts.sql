-- Alerts, and what follows from them. Times are milliseconds UTC.

-- Every alert as it was raised; nothing here is ever changed. The number grows and is what people call it by.
CREATE TABLE alert (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    body TEXT NOT NULL              -- JSON, message::Alert
) STRICT;

-- Pictures. The key is alert.number << 4 | place.
CREATE TABLE alert_image (key INTEGER PRIMARY KEY, octets BLOB NOT NULL) STRICT;

-- What people are told of and take: alerts that belong together.
CREATE TABLE incident (
    row INTEGER PRIMARY KEY,
    number INTEGER NOT NULL,        -- of the alert that opened it
    at INTEGER NOT NULL,            -- when it was opened
    open INTEGER NOT NULL,
    body TEXT NOT NULL              -- JSON of whoever works alerts
) STRICT;
CREATE INDEX incident_number ON incident(number);
CREATE INDEX incident_open ON incident(row) WHERE open = 1;
CREATE TABLE alert_incident (alert INTEGER NOT NULL, incident INTEGER NOT NULL, PRIMARY KEY (alert, incident))
    STRICT, WITHOUT ROWID;

-- Who was told of an incident, how, and by which message or letter.
CREATE TABLE alert_notice (
    row INTEGER PRIMARY KEY,
    incident INTEGER NOT NULL,
    at INTEGER NOT NULL,
    way TEXT NOT NULL,
    recipient TEXT NOT NULL,
    problem TEXT,                   -- why it could not even be begun
    message BLOB,                   -- the id of the SMS
    event BLOB                      -- the id of the letter's event
) STRICT;
CREATE INDEX alert_notice_incident ON alert_notice(incident);
CREATE INDEX alert_notice_message ON alert_notice(message) WHERE message IS NOT NULL;

-- One row: alerts up to `worked` were put before the rules, pictures of those up to `images` are gone.
CREATE TABLE alert_mark (row INTEGER PRIMARY KEY CHECK (row = 1), worked INTEGER NOT NULL, images INTEGER NOT NULL)
    STRICT;
INSERT INTO alert_mark VALUES (1, 0, 0);

-- An event may tell of an alert, which lies in its own table.
ALTER TABLE event ADD COLUMN alert INTEGER;
CREATE INDEX event_alert ON event(alert) WHERE alert IS NOT NULL;
