-- Who may do what, before any migration. Run by the role that owns the schema, which must be allowed to make roles where these
-- are missing. Neither role can log in by itself, pass row-level security by or make another role.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['foundry_app', 'foundry_system'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            execute format('create role %I nologin nosuperuser nobypassrls nocreaterole nocreatedb', wanted);
        end if;
    end loop;
end $$;
create schema if not exists app;
grant usage on schema app to foundry_app, foundry_system;
