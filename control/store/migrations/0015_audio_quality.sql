-- How the audio of calls and of their turns fared. What a transport cannot know is null, and never zero.

alter table app.sessions
    -- Mean opinion score: the lowest of any turn and of the call, in either direction.
    add column lowest_mos real check (lowest_mos between 1 and 4.5),
    -- In some turn, or over the call, somebody who listened would have been dissatisfied.
    add column poor_audio boolean not null default false;
create index sessions_poor on app.sessions (org_id, started_at desc, id desc) where poor_audio;

-- From the caller (in), and to them as their side reports it (out). Loss is a share, 0 to 1, before repair.
alter table app.turns
    add column loss_in real check (loss_in between 0 and 1),
    add column loss_out real check (loss_out between 0 and 1),
    add column jitter_in_us bigint,
    add column jitter_out_us bigint,
    add column mos_in real check (mos_in between 1 and 4.5),
    add column mos_out real check (mos_out between 1 and 4.5),
    add column round_trip_us bigint,
    add column poor_audio boolean not null default false;
