-- What has been delivered, so that a second copy does nothing.
create table delivery (
  host text not null,
  id text not null,
  at integer not null,
  event text not null,
  primary key (host, id)
);

-- Deployments that the platform has asked about. state: open, decided, answered, closed. failing: since when nothing can be
-- found out about it, or 0.
create table deployment (
  host text not null,
  repository text not null,
  id integer not null,
  owner text not null,
  name text not null,
  run integer not null,
  attempt integer not null,
  environment text not null,
  installation integer not null,
  commit_sha text not null,
  ref text not null,
  asked integer not null,
  state text not null,
  told text not null,
  notes integer not null,
  failing integer not null,
  primary key (host, repository, id)
);
create index deployment_open on deployment (state) where state in ('open', 'decided');

-- Answers. The newest of a deployment counts, and no row follows one that has arrived, or a rejection.
create table decision (
  id text primary key,
  host text not null,
  repository text not null,
  deployment integer not null,
  leaf integer not null,
  at integer not null,
  answer text not null,
  watched integer not null,
  code text not null,
  reason text not null,
  policy text not null,
  input text not null,
  verdict blob not null,
  kept blob not null,
  subjects text not null,
  arrived integer not null
);
create unique index decision_of on decision (host, repository, deployment, leaf);

-- Signed evidence, by the digest of its bundle.
create table evidence (
  digest text primary key,
  host text not null,
  repository text not null,
  owner text not null,
  run integer not null,
  attempt integer not null,
  type text not null,
  signer text not null,
  at integer not null,
  body blob not null
);
create index evidence_of on evidence (host, repository, run);
create table about (
  subject text not null,
  digest text not null,
  name text not null,
  primary key (subject, digest)
);

-- Identifiers of tokens that were used, until they end by themselves.
create table token (
  issuer text not null,
  id text not null,
  until integer not null,
  primary key (issuer, id)
);

-- The policy that counts for a repository, as the server saw it last.
create table policy (
  host text not null,
  repository text not null,
  digest text not null,
  primary key (host, repository)
);

-- The ledger. head has one row, whose lock orders those who append.
create table head (one integer primary key check (one = 1), size integer not null);
insert into head values (1, 0);
create table leaf (n integer primary key, body blob not null);
create table hash (i integer primary key, h blob not null);
create table checkpoint (size integer primary key, note text not null);
