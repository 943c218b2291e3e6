-- Work that is spread over processes in shares (the accounts' sessions by hash, the partitions of reactions): every share is a lease of its own, and
-- every member of the group has a row that says that it lives. What others must know of an owner, such as its internal address, stands there too.
ALTER TABLE leases ADD COLUMN detail jsonb;
