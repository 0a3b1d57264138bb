-- The application ports of a received message: how wide they are, receiver and sender in 32, 16 and 16 bits.
ALTER TABLE inbound ADD COLUMN ports INTEGER;
