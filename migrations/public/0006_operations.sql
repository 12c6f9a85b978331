-- Operations of every kind, and runs of migrations.

-- What a purge removed; the record of a purged tenant has nothing else to say.
alter table tenants add column purge_proof jsonb;

alter table operations
    -- Where the tenant goes back to if a purge is refused: nothing was touched.
    add column from_state text,
    -- Null while an attempt waits for its turn: it can be cancelled then.
    add column begin_time timestamptz,
    add column end_time timestamptz;
-- A tenant is purged once at a time.
create unique index operations_purge on operations (tenant_id)
    where kind = 'purge' and not done;
create index operations_page on operations (create_time, id);
create index operations_ended on operations (end_time) where done;
-- Finds the tenants whose time to be restored is over.
create index tenants_due on tenants (purge_time) where state = 'deleting';

-- Deletes what is kept of a tenant outside its schema, and the accounts that
-- belong nowhere else. Tables are found by their columns, so that one added later
-- is not forgotten; what must stay is named. An account that anything else still
-- names stays as well.
create function delete_rows_of(doomed uuid, out memberships_gone bigint, out accounts_gone bigint)
language plpgsql as $$
declare
    people  uuid[];
    person  uuid;
    place   record;
    blocked boolean := true;
    passes  integer := 0;
begin
    select coalesce(array_agg(m.user_id), '{}'), count(*) into people, memberships_gone
      from memberships m where m.tenant_id = doomed;
    while blocked loop
        blocked := false;
        passes := passes + 1;
        for place in
            select c.relname
              from pg_class c
              join pg_attribute a on a.attrelid = c.oid
             where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
               and a.attname = 'tenant_id' and not a.attisdropped
               and c.relname not in ('audit_log', 'operations', 'outbox')
             order by c.relname
        loop
            begin
                execute format('delete from %I where tenant_id = $1', place.relname) using doomed;
            exception when foreign_key_violation then
                -- Rows of another table hold on to these: they go first.
                if passes = 10 then
                    raise;
                end if;
                blocked := true;
            end;
        end loop;
    end loop;
    accounts_gone := 0;
    foreach person in array people loop
        continue when exists (select from memberships m where m.user_id = person)
                   or exists (select from platform_roles p where p.user_id = person);
        begin
            for place in
                select c.relname,
                       exists (select from pg_attribute t
                                where t.attrelid = c.oid and t.attname = 'tenant_id'
                                  and not t.attisdropped) as of_tenants
                  from pg_class c
                  join pg_attribute a on a.attrelid = c.oid
                 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                   and a.attname = 'user_id' and not a.attisdropped
                   and c.relname not in ('audit_log', 'outbox', 'platform_roles', 'memberships')
                 order by c.relname
            loop
                -- Rows of other tenants are not this tenant's to remove.
                execute format('delete from %I where user_id = $1 %s', place.relname,
                               case when place.of_tenants then 'and tenant_id is null' end)
                  using person;
            end loop;
            delete from users u where u.id = person;
            accounts_gone := accounts_gone + 1;
        exception when foreign_key_violation then
            null;
        end;
    end loop;
end
$$;

-- Runs of migrations over tenants.
create table migration_runs (
    id             uuid primary key,
    state          text not null default 'running',
    target_version bigint not null,
    total          integer not null,
    done           integer not null,
    failed         integer not null default 0,
    -- What came of the tenants that failed, the first hundred.
    failures       jsonb not null default '[]',
    actor          text not null,
    create_time    timestamptz not null default now(),
    end_time       timestamptz,
    -- Until when its process is believed to live.
    lease_until    timestamptz,
    constraint migration_runs_state_check
        check (state in ('running', 'succeeded', 'failed', 'abandoned')),
    constraint migration_runs_lease_check check ((state = 'running') = (lease_until is not null))
);
-- One at a time.
create unique index migration_runs_running on migration_runs (state) where state = 'running';
create index migration_runs_page on migration_runs (create_time, id);
