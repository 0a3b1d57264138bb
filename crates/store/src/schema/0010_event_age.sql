-- Events of neither a received message nor an alert, by age: those of the others may be kept for ever before them.
CREATE INDEX event_age ON event(at) WHERE inbound IS NULL AND alert IS NULL;
