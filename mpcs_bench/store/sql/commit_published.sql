-- The values of a source replace those that it had before; incoming_published.
DELETE FROM published_value WHERE source IN (SELECT source FROM incoming_published);

INSERT INTO published_value
SELECT * FROM incoming_published;
