-- What a publication says replaces what it said before; incoming_publication, incoming_published,
-- incoming_claim.
DELETE FROM publication WHERE source IN (SELECT source FROM incoming_publication);
DELETE FROM published_value WHERE source IN (SELECT source FROM incoming_publication);
DELETE FROM claim WHERE source IN (SELECT source FROM incoming_publication);

INSERT INTO publication BY NAME
SELECT * FROM incoming_publication;

INSERT INTO published_value BY NAME
SELECT * FROM incoming_published;

INSERT INTO claim BY NAME
SELECT * FROM incoming_claim;
