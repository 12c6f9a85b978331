-- Runs of migrations over tenants, and what came of each tenant in them.

create table migration_runs (
    id             uuid primary key,
    kind           text not null,
    -- The run that this one undoes.
    of_run         uuid references migration_runs (id) on delete set null,
    state          text not null default 'running',
    target_version bigint not null,
    total          integer not null,
    done           integer not null,
    failed         integer not null default 0,
    -- What came of the tenants that failed, the first hundred.
    failures       jsonb not null default '[]',
    -- What was asked, so that the run can be gone on with.
    request        jsonb not null,
    actor          text not null,
    create_time    timestamptz not null default now(),
    end_time       timestamptz,
    -- Which of the processes that took it up has it, and until when that one is
    -- believed to live.
    owner          uuid,
    lease_until    timestamptz,
    constraint migration_runs_kind_check check (kind in ('up', 'rehearse', 'rollback')),
    constraint migration_runs_state_check check (state in ('running', 'succeeded', 'failed',
        'halted', 'interrupted', 'abandoned')),
    constraint migration_runs_lease_check check ((state = 'running') = (lease_until is not null))
);
-- One at a time.
create unique index migration_runs_running on migration_runs (state) where state = 'running';
create index migration_runs_page on migration_runs (create_time, id);
create index migration_runs_of on migration_runs (of_run) where of_run is not null;

-- The tenants that a run found behind; those that were current are only counted.
create table migration_items (
    run_id    uuid not null references migration_runs (id) on delete cascade,
    tenant_id uuid not null references tenants (id),
    wave      smallint not null,
    state     text not null default 'pending',
    -- Before the run came to the tenant, and now.
    from_version bigint not null,
    version   bigint not null,
    files     integer not null default 0,
    ms        bigint not null default 0,
    -- The SQLSTATE of a failure or a reason, and what it says, for operators.
    error     text not null default '',
    message   text not null default '',
    primary key (run_id, tenant_id),
    constraint migration_items_state_check check (state in ('pending', 'done',
        'skipped_current', 'ahead', 'blocked_checksum', 'waiting_lock', 'failed', 'rolled_back'))
);
create index migration_items_tenant on migration_items (tenant_id);
