-- Whether a device was believed once, which ends the first version for its owner; one that was only told that it is
-- revoked was not. Of those before nobody knows, so they count.
ALTER TABLE attendance_device ADD COLUMN taken INTEGER NOT NULL DEFAULT 1;
