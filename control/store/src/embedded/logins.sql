-- In the private cluster each role is a login of its own, so that no statement can change hats.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['foundry_owner', 'foundry_app', 'foundry_system'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            execute format('create role %I', wanted);
        end if;
        execute format('alter role %I login nosuperuser nobypassrls nocreaterole nocreatedb', wanted);
    end loop;
end $$;
-- The owner gives functions to the platform that are to look as it does.
grant foundry_system to foundry_owner;
