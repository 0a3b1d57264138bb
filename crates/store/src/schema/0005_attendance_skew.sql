-- How far the claimed time is from the network's, in seconds; above 0: the phone is ahead. NULL: no time was claimed.
ALTER TABLE attendance_event ADD COLUMN skew_s INTEGER;
-- Who is in is asked of one day, whoever it is.
CREATE INDEX attendance_event_received ON attendance_event(received_at);
