-- Policies that somebody has to have signed: which one of a place counts, and when it was signed.
create table policy_signed (
  place text primary key,
  digest text not null,
  at integer not null
);
