-- The p95 of the response that agents of an organization are held to which name no target of their own, in ms; null: none.
alter table app.orgs add column latency_target_ms integer check (latency_target_ms between 1 and 60000);
