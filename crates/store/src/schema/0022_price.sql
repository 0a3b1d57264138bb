-- The most that a part may cost, where its token has a budget: what waits counts against it.
ALTER TABLE part ADD COLUMN price INTEGER NOT NULL DEFAULT 0;
