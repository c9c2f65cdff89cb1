-- After the call: a summary by a language model where the organization has one, and how long calls are kept.

alter table app.sessions
    -- Who summed the call up; null: rules.
    add column summary_model text,
    -- What the model read out of the words, beside `fields`, which the agent itself noted.
    add column extracted jsonb not null default '{}',
    -- A model is to be asked, and not before this; null: none is, or it has answered.
    add column summary_due timestamptz,
    add column summary_attempts smallint not null default 0;
create index sessions_summary_due on app.sessions (org_id, summary_due) where summary_due is not null;

-- Days that calls are kept, with all that was said in them; null keeps all. Measures and costs stay.
alter table app.orgs add column calls_keep_days int check (calls_keep_days between 1 and 3650);

-- Search, as the platform: row-level security of the owner's kept the words' index from being used where the owner is no superuser, since
-- `@@` is not leakproof. It looks in the organization of the transaction alone. Planned for each search, with its words: one that
-- most calls have is taken from the newest calls, one that few have from the words' index.
create or replace function app.search_sessions(wanted text, since timestamptz, until timestamptz, before timestamptz, before_id uuid, most int)
    returns table (id uuid, started_at timestamptz)
    language plpgsql stable security definer rows 100 set search_path = pg_catalog, app
    as $$
    begin
        return query execute
            'select s.id, s.started_at from app.sessions s
             where s.org_id = $1 and s.words @@ $2 and s.started_at >= $3 and s.started_at < $4 and (s.started_at, s.id) < ($5, $6)
             order by s.started_at desc, s.id desc limit $7'
            using app.org_id(), websearch_to_tsquery('simple', wanted), since, until,
                  coalesce(before, 'infinity'), coalesce(before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'), most;
    end $$;
-- Who is to own it must be allowed to make it.
grant create on schema app to foundry_system;
alter function app.search_sessions owner to foundry_system;
revoke create on schema app from foundry_system;
revoke all on function app.search_sessions from public;
grant execute on function app.search_sessions to foundry_app;
drop policy search on app.sessions;
