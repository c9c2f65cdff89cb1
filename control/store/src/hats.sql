-- Where one login puts on the roles after it has come in: it must be a member of both.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['foundry_app', 'foundry_system'] loop
        if not pg_has_role(current_user, wanted, 'member') then
            execute format('grant %I to %I', wanted, current_user);
        end if;
    end loop;
end $$;
