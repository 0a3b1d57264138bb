-- What was counted on each route since the database was made, and when something went out and came in last.
CREATE TABLE route_total (
    route INTEGER PRIMARY KEY,
    sent INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    received INTEGER NOT NULL,
    last_sent INTEGER,
    last_received INTEGER
) STRICT;
-- Of what is older, as much as is still there.
INSERT INTO route_total
    SELECT route, sum(sent), sum(delivered), sum(failed), sum(received), max(last_sent), max(last_received) FROM (
        SELECT route, sum(sent_at IS NOT NULL) AS sent, sum(state = 4) AS delivered, sum(state IN (5, 6, 8)) AS failed,
            0 AS received, max(sent_at) AS last_sent, NULL AS last_received
            FROM part WHERE route IS NOT NULL GROUP BY route
        UNION ALL
        SELECT route, 0, 0, 0, count(*), NULL, max(received_at) FROM inbound GROUP BY route)
    GROUP BY route;
