-- What was given up, by when: for health, without reading through all that was done. From now on `due_at` of such a row is
-- the time it was given up.
CREATE INDEX delivery_gave_up ON delivery(consumer, due_at) WHERE state = 2;
