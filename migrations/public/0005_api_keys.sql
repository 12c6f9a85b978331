-- API keys.

create table api_keys (
    id               uuid primary key,
    tenant_id        uuid not null references tenants (id),
    -- Finds the key, and is no secret.
    prefix           text not null,
    display_name     text not null,
    roles            text[] not null,
    -- Narrow the roles; all that the roles give where there are none.
    scopes           text[] not null,
    -- SHA-256 of the secret, which has 256 random bits: a slow hash would add
    -- nothing.
    secret_hash      bytea not null,
    -- That of the secret before the last rotation, and until when it works.
    old_secret_hash  bytea,
    overlap_end_time timestamptz,
    expire_time      timestamptz,
    -- Who made it, as the audit log names them; may be forgotten since.
    creator          text not null,
    -- Who got the secret of the last rotation, and who that of the one before: the
    -- key ends with the rights of either, as with its creator's. Null where that
    -- is the creator.
    issuer           text,
    old_issuer       text,
    create_time      timestamptz not null default now(),
    last_use_time    timestamptz,
    revoke_time      timestamptz,
    constraint api_keys_prefix_key unique (prefix)
);
create index api_keys_page on api_keys (tenant_id, create_time, id);

-- Which key changed; null where it was something else. No reference: gateways
-- must hear of keys whose rows are gone, too.
alter table outbox add column api_key_id uuid;

-- The record belongs to the control plane's login: nobody else reads it, and the
-- trigger keeps even the owner from changing it.
revoke all on audit_log from public;
-- Lists read it from its end, all of it or that of one tenant.
create index audit_log_page on audit_log (at, id);
drop index audit_log_tenant;
create index audit_log_tenant on audit_log (tenant_id, at, id);
