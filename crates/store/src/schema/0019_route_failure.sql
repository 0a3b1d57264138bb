-- How many parts failed on each route, by why (the codes of FailureReason); their sum is no longer kept beside it.
CREATE TABLE route_failure (
    route INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (route, reason)
) STRICT, WITHOUT ROWID;
-- Of those before nobody knows why.
INSERT INTO route_failure SELECT route, 9, failed FROM route_total WHERE failed > 0;
ALTER TABLE route_total DROP COLUMN failed;
