-- The publications that are here, and the digests of the files that they came from.
SELECT source, digest FROM publication;
