-- The control plane's own tables. No tenant role and no service may use this
-- schema.

create table tenants (
    id             uuid primary key,
    -- Key of the tenant's advisory lock: hashes of ids could collide.
    lock_no        integer generated always as identity unique,
    -- A function of the id, kept so that a schema is found from the outside.
    schema_name    text not null unique,
    slug           text not null,
    display_name   text not null,
    contact_email  text not null,
    contact_phone  text not null default '',
    plan           text not null,
    state          text not null,
    -- Grows with every change of what the tenant may do.
    epoch          bigint not null default 1,
    schema_version bigint not null default 0,
    -- Stands for the contents of the files up to that version: a file that is
    -- edited afterwards shows without a look into each schema.
    fingerprint    text not null default '',
    placement      text not null default 'main',
    read_only      boolean not null default false,
    create_time    timestamptz not null default now(),
    update_time    timestamptz not null default now(),
    purge_time     timestamptz,
    revision       bigint not null default 1,
    constraint tenants_state_check check (state in ('provisioning', 'active', 'suspended',
        'maintenance', 'moving', 'deleting', 'purging', 'purged', 'failed'))
);

-- A slug is free again only when the data of its last holder is gone, or was
-- never there.
create unique index tenants_slug_key on tenants (slug) where state not in ('purged', 'failed');
create index tenants_page on tenants (create_time, id);
-- Finds the tenants that a migration has still to reach.
create index tenants_behind on tenants (schema_version, fingerprint) where state <> 'purged';

create table tenant_domains (
    domain    text primary key,
    tenant_id uuid not null references tenants (id)
);
create index tenant_domains_tenant on tenant_domains (tenant_id);

-- People are global; what they may do is a matter of memberships.
create table users (
    id              uuid primary key,
    -- In lower case, always.
    email           text not null,
    password_hash   text not null,
    first_name      text not null default '',
    last_name       text not null default '',
    phone           text not null default '',
    last_login_time timestamptz,
    create_time     timestamptz not null default now(),
    revision        bigint not null default 1,
    constraint users_email_key unique (email)
);

create table platform_roles (
    user_id uuid primary key references users (id),
    roles   text[] not null,
    -- Tokens of older epochs are refused.
    epoch   bigint not null default 1
);

create table memberships (
    user_id     uuid not null references users (id),
    tenant_id   uuid not null references tenants (id),
    roles       text[] not null,
    state       text not null,
    -- Tokens of older epochs are refused.
    epoch       bigint not null default 1,
    create_time timestamptz not null default now(),
    constraint memberships_pkey primary key (user_id, tenant_id),
    constraint memberships_state_check check (state in ('pending', 'active', 'suspended'))
);
create index memberships_page on memberships (tenant_id, create_time, user_id);

-- Only the hash of a token is kept: who reads this table cannot use it.
create table activation_tokens (
    token_hash  bytea primary key,
    tenant_id   uuid not null references tenants (id),
    email       text not null,
    roles       text[] not null,
    expire_time timestamptz not null,
    use_time    timestamptz,
    create_time timestamptz not null default now()
);
create index activation_tokens_tenant on activation_tokens (tenant_id);
-- Finds what is over.
create index activation_tokens_expired on activation_tokens (expire_time);

-- Long work, so that somebody else can take it up where a process died.
create table operations (
    id              uuid primary key,
    kind            text not null,
    tenant_id       uuid not null references tenants (id),
    actor           text not null,
    idempotency_key text,
    request_hash    bytea,
    attempt         integer not null default 1,
    lease_until     timestamptz,
    done            boolean not null default false,
    error           text,
    create_time     timestamptz not null default now(),
    constraint operations_idempotency_key unique (actor, idempotency_key)
);
create index operations_open on operations (lease_until) where not done;

-- Who did what. Rows are added and never changed.
create table audit_log (
    id         bigint generated always as identity primary key,
    at         timestamptz not null default now(),
    actor      text not null,
    -- On whose behalf, where an operator acts as somebody else.
    behalf_of  text,
    action     text not null,
    resource   text not null,
    tenant_id  uuid,
    request_id text not null default '',
    before     jsonb,
    after      jsonb
);
create index audit_log_tenant on audit_log (tenant_id, id);

create function audit_log_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only';
end
$$;
create trigger audit_log_append_only before update or delete or truncate on audit_log
    for each statement execute function audit_log_is_append_only();

-- What gateways must hear of, in order; the id is the sequence number. A row
-- names what changed, not how: who reads it reads the tenant as it is now.
create table outbox (
    id        bigint generated always as identity primary key,
    -- Null where it is about the platform's own people.
    tenant_id uuid references tenants (id),
    -- Whose membership changed; null where the tenant itself did.
    user_id   uuid references users (id),
    at        timestamptz not null default now()
);
create index outbox_tenant on outbox (tenant_id, id);
-- Finds what is old enough to be forgotten.
create index outbox_at on outbox (at);
-- A snapshot tells of memberships that ended, in this order, a part at a time.
create index outbox_member on outbox (user_id, tenant_id) where user_id is not null;

-- Numbers are drawn when a row is written, and rows are seen when its
-- transaction ends: without the lock a reader could pass a number by before its
-- row appears, and never hear of it. Writers take it last and hold it briefly.
-- Its first key follows those of the migration engine's locks, 0x52657301 and
-- 0x52657302.
create function outbox_in_order() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(1382380291, 0);
    return null;
end
$$;
create trigger outbox_in_order before insert on outbox
    for each statement execute function outbox_in_order();

create function outbox_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('tenant_changed', new.tenant_id || ':' ||
        (select epoch from tenants where id = new.tenant_id));
    return null;
end
$$;
create trigger outbox_notify after insert on outbox
    for each row execute function outbox_notify();
