-- What a consumer noted about a delivery that it tries again: whom it reached already.
ALTER TABLE delivery ADD COLUMN memo TEXT;
-- What whoever handed a message in wants to be told with its end.
ALTER TABLE message ADD COLUMN note TEXT;
