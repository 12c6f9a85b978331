-- Log-ins that go on, mails, and what slows guessing down.

alter table users add column email_verify_time timestamptz;

-- A log-in lives on as a family of refresh tokens: each buys the next. Only the
-- hash of a token is kept. Used ones stay until they expire, so that one which
-- comes twice is known; a family that ends is deleted.
create table refresh_tokens (
    token_hash  bytea primary key,
    family      uuid not null,
    -- Place in the family. That it is unique lets a token have one successor.
    number      integer not null,
    user_id     uuid not null references users (id) on delete cascade,
    -- Null for the platform.
    tenant_id   uuid references tenants (id),
    create_time timestamptz not null default now(),
    expire_time timestamptz not null,
    -- When the family ends, however often it was renewed.
    end_time    timestamptz not null,
    use_time    timestamptz,
    constraint refresh_tokens_family_key unique (family, number)
);
create index refresh_tokens_user on refresh_tokens (user_id, tenant_id);
create index refresh_tokens_tenant on refresh_tokens (tenant_id);
create index refresh_tokens_expired on refresh_tokens (expire_time);

-- Tokens of mails that reset a password or prove an address.
create table one_time_tokens (
    token_hash  bytea primary key,
    kind        text not null,
    user_id     uuid not null references users (id) on delete cascade,
    expire_time timestamptz not null,
    use_time    timestamptz,
    constraint one_time_tokens_kind_check check (kind in ('reset_password', 'verify_email'))
);
create index one_time_tokens_user on one_time_tokens (user_id, kind);
create index one_time_tokens_expired on one_time_tokens (expire_time);

-- How often somebody failed, or asked, lately. The key is a hash of an address,
-- whether or not it has an account, or of where the calls come from.
create table login_attempts (
    key    bytea primary key,
    number integer not null,
    -- When the counting began, and when it last counted.
    since  timestamptz not null default now(),
    at     timestamptz not null default now()
);
create index login_attempts_old on login_attempts (at);

-- Where the right password of an account came from within 30 days: what fails
-- elsewhere does not keep its person out there. The key is a hash of both.
create table login_origins (
    key bytea primary key,
    at  timestamptz not null default now()
);
create index login_origins_old on login_origins (at);

-- Mails to be sent. A row is written for addresses without an account as well: to
-- ask shows nothing. Tokens are made when the mail is sent and never stand here.
create table mails (
    id            uuid primary key,
    kind          text not null,
    email         text not null,
    tenant_id     uuid references tenants (id) on delete cascade,
    invitation_id uuid,
    attempts      integer not null default 0,
    -- Not before; while it is being sent, when another may take it up.
    next_time     timestamptz not null default now(),
    create_time   timestamptz not null default now(),
    constraint mails_kind_check check (kind in ('reset_password', 'verify_email',
        'password_changed', 'invitation'))
);
create index mails_due on mails (next_time);
-- A purge deletes the mails of its tenant.
create index mails_tenant on mails (tenant_id) where tenant_id is not null;
