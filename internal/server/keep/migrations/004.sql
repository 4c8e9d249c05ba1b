-- Whether the policy names the signer of evidence in each respect. What others of a repository sign has a bound of its own.
alter table evidence add column named integer not null default 1;
create index evidence_others on evidence (host, repository, at) where named = 0;
