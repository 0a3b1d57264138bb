-- With one key for all, everybody who says the same sends the same octets: whose they are and whether a counter came with
-- them must not be looked up one by one.
DROP INDEX attendance_event_frame;
CREATE INDEX attendance_event_frame ON attendance_event(frame, sender, received_at) WHERE frame IS NOT NULL;
CREATE INDEX attendance_event_counted ON attendance_event(frame) WHERE counter IS NOT NULL;
