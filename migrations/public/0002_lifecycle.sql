-- The rest of a tenant's life: renamed, restored, purged.

-- Former slugs go on selecting the tenant for a while, and are nobody else's.
create table tenant_aliases (
    slug        text primary key,
    tenant_id   uuid not null references tenants (id),
    expire_time timestamptz not null
);
create index tenant_aliases_tenant on tenant_aliases (tenant_id);
-- Finds what has run out.
create index tenant_aliases_expired on tenant_aliases (expire_time);

-- A slug is one tenant's, as its present or as a former name. The check comes
-- after the unique index has made a second taker wait, in a statement of its own,
-- so that it sees what the first one did: a rename that has just left an alias,
-- and a tenant that has just taken the name, cannot pass each other by. What has
-- run out is taken over, and a tenant that goes back to a former name gives that
-- alias up.
create function tenants_slug_is_no_alias() returns trigger language plpgsql as $$
begin
    delete from tenant_aliases
     where slug = new.slug and (tenant_id = new.id or expire_time <= now());
    if exists (select from tenant_aliases where slug = new.slug) then
        raise unique_violation using
            message = 'the slug is an alias of another tenant',
            constraint = 'tenant_aliases_slug';
    end if;
    return null;
end
$$;
create trigger tenants_slug_is_no_alias after insert or update of slug on tenants
    for each row execute function tenants_slug_is_no_alias();

alter table tenants
    -- What services may know of the tenant: texts by name.
    add column settings       jsonb not null default '{}',
    add column delete_time    timestamptz,
    -- What a deleted tenant is restored to; `read_only` stays as it was.
    add column previous_state text,
    add constraint tenants_previous_state_check
        check (previous_state in ('active', 'suspended', 'maintenance'));
