-- What waits for the subscriber, where a received message tells that: its kind in the lowest two bits, whether any waits (4), whether
-- the message may be thrown away (8), whether it tells how many (16), and how many from bit 8 on.
ALTER TABLE inbound ADD COLUMN waiting INTEGER;
