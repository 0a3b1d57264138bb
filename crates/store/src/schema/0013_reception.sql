-- How a received message was written (as message.alphabet), and the network that its SIM was in.
ALTER TABLE inbound ADD COLUMN alphabet INTEGER;
ALTER TABLE inbound ADD COLUMN network TEXT;
ALTER TABLE assembly ADD COLUMN network TEXT;
