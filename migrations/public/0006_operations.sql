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

-- Deletes the rows that name any of these ids in a column. Tables are found by the
-- column, so that one added later is not forgotten; what must stay is named. Rows
-- of tenants are not their people's to take along.
create function delete_rows_by(key name, doomed uuid[], kept name[]) returns void
language plpgsql as $$
declare
    place   record;
    blocked boolean := true;
    passes  integer := 0;
begin
    while blocked loop
        blocked := false;
        passes := passes + 1;
        for place in
            select c.relname,
                   key <> 'tenant_id'
                   and exists (select from pg_attribute t
                                where t.attrelid = c.oid and t.attname = 'tenant_id'
                                  and not t.attisdropped) as of_tenants
              from pg_class c
              join pg_attribute a on a.attrelid = c.oid
             where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
               and a.attname = key and not a.attisdropped
               and c.relname <> all (kept)
             order by c.relname
        loop
            begin
                execute format('delete from %I where %I = any ($1) %s', place.relname, key,
                               case when place.of_tenants then 'and tenant_id is null' end)
                  using doomed;
            exception when foreign_key_violation then
                -- Rows of another table hold on to these: they go first.
                if passes = 10 then
                    raise;
                end if;
                blocked := true;
            end;
        end loop;
    end loop;
end
$$;

-- Deletes what is kept of a tenant outside its schema, and the accounts that
-- belong nowhere else: all at once, however many they are. An account that
-- anything else names stays, with what is its own.
create function delete_rows_of(doomed uuid, out memberships_gone bigint, out accounts_gone bigint)
language plpgsql as $$
declare
    staying name[] := array['audit_log', 'outbox', 'platform_roles', 'memberships'];
    people  uuid[];
    place   record;
begin
    select coalesce(array_agg(m.user_id), '{}'), count(*) into people, memberships_gone
      from memberships m where m.tenant_id = doomed;
    perform delete_rows_by('tenant_id', array[doomed], array['audit_log', 'operations', 'outbox']);
    -- Who is named by a row that neither goes along nor goes by itself.
    for place in
        select r.relname, a.attname,
               case when a.attname <> 'user_id' or r.relname = any (staying) then ''
                    when exists (select from pg_attribute t
                                  where t.attrelid = r.oid and t.attname = 'tenant_id'
                                    and not t.attisdropped) then 'and n.tenant_id is not null'
                    else 'and false' end as also
          from pg_constraint k
          join pg_class r on r.oid = k.conrelid
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
         where k.contype = 'f' and k.confrelid = 'users'::regclass and k.confdeltype in ('a', 'r')
           and r.relnamespace = 'public'::regnamespace
    loop
        execute format('select coalesce(array_agg(p.id), ''{}'') from unnest($1) p (id)
                         where not exists (select from %I n where n.%I = p.id %s)',
                       place.relname, place.attname, place.also)
           into people using people;
    end loop;
    perform delete_rows_by('user_id', people, staying);
    delete from users u where u.id = any (people);
    get diagnostics accounts_gone = row_count;
end
$$;

