-- The rest of a tenant's life: renamed, restored, purged.

-- Former slugs go on selecting the tenant for a while, and are nobody else's.
create table tenant_aliases (
    slug        text primary key,
    tenant_id   uuid not null references tenants (id),
    expire_time timestamptz not null
);
create index tenant_aliases_tenant on tenant_aliases (tenant_id);
