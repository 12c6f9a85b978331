-- Invitations, and the roles that tenants make for themselves.

-- Epochs of memberships never come again: the tokens of somebody who was removed
-- stay dead when the person is a member again.
create sequence membership_epochs;
alter table memberships alter column epoch set default nextval('membership_epochs');
-- Those of the platform's people are numbered alike.
alter table platform_roles alter column epoch set default nextval('membership_epochs');
select setval('membership_epochs',
              (select coalesce(max(epoch), 0) + 1
                 from (select epoch from memberships
                       union all select epoch from platform_roles) as given),
              false);
-- Finds who holds a role.
create index memberships_roles on memberships using gin (roles);

-- Gateways must hear of a membership that ended, and the person may be
-- forgotten by then.
alter table outbox drop constraint outbox_user_id_fkey;

-- An invitation that is over in time stays open here: it can be sent again.
create table invitations (
    id          uuid primary key,
    tenant_id   uuid not null references tenants (id),
    -- In lower case, always.
    email       text not null,
    roles       text[] not null,
    state       text not null default 'open',
    -- Who invited, as the audit log names them; may be forgotten since.
    inviter     text not null,
    -- Seconds it can be used after it was made or sent again.
    validity    integer not null,
    create_time timestamptz not null default now(),
    expire_time timestamptz not null,
    -- When it was accepted or withdrawn.
    end_time    timestamptz,
    constraint invitations_state_check check (state in ('open', 'accepted', 'revoked'))
);
create unique index invitations_open_key on invitations (tenant_id, email) where state = 'open';
create index invitations_page on invitations (tenant_id, create_time, id);

-- Tokens of an invitation; null for the activation of a tenant.
alter table activation_tokens
    add column invitation_id uuid references invitations (id) on delete cascade;
create index activation_tokens_invitation on activation_tokens (invitation_id);

create table roles (
    tenant_id    uuid not null references tenants (id),
    -- What memberships and tokens call it.
    id           text not null,
    -- Orders what was created at the same moment.
    row_id       uuid not null default gen_random_uuid(),
    display_name text not null,
    permissions  text[] not null,
    create_time  timestamptz not null default now(),
    update_time  timestamptz not null default now(),
    revision     bigint not null default 1,
    constraint roles_pkey primary key (tenant_id, id)
);
create index roles_page on roles (tenant_id, create_time, row_id);
