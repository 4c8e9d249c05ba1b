-- Which policy counts at a place, and when it was signed: 0 where nobody has to have signed it.
create table policy_at (
  place text primary key,
  digest text not null,
  at integer not null
);
