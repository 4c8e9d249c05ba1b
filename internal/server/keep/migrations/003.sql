-- What is or was in an environment, as far as this server approved it: one row for each artifact of an approval. Its bodies are
-- kept while no later approval there is about an artifact of that name.
create table released (
  host text not null,
  repository text not null,
  environment text not null,
  leaf integer not null,
  subject text not null,
  name text not null,
  decision text not null,
  deployment integer not null,
  at integer not null,
  primary key (host, repository, environment, leaf, subject)
);
create index released_subject on released (subject);
create index released_decision on released (decision);
insert into released with recursive part (id, k, subjects) as (
    select id, 0, subjects from decision where answer = 'approved' and subjects <> ''
    union all select id, k + 1, subjects from part where length(subjects) > 72 * (k + 1)
  )
  select distinct d.host, d.repository, d.environment, x.leaf, substr(part.subjects, 72 * part.k + 1, 71),
    coalesce((select min(a.name) from about a where a.subject = substr(part.subjects, 72 * part.k + 1, 71)), ''), x.id, d.id, x.at
  from part join decision x on x.id = part.id
    join deployment d on d.host = x.host and d.repository = x.repository and d.id = x.deployment;

-- How far bodies that are older than is kept were looked for, and when that was done the last time.
create table retention (one integer primary key check (one = 1), next integer not null, done integer not null);
insert into retention values (1, 0, 0);
