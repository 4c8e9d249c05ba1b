-- The origin of the ledger, by its number: one that continues another has the next. base and hashes are how many leaves and
-- hashes there are of those before it. key is the verifier of the key that signs, or empty: no server has signed yet.
alter table head add column origin integer not null default 1;
alter table head add column base integer not null default 0;
alter table head add column hashes integer not null default 0;
alter table head add column key text not null default '';

-- Origins that have ended. size is how many leaves are left of one, and note its last checkpoint that was known.
create table origin (
  n integer primary key,
  name text not null,
  base integer not null,
  hashes integer not null,
  size integer not null,
  note text not null
);

-- Keys that have signed.
create table signer (key text primary key);

-- Checkpoints that were shown.
create table signed (origin integer not null, size integer not null, note text not null, primary key (origin, size));
insert into signed (origin, size, note) select 1, size, note from checkpoint;
drop table checkpoint;
