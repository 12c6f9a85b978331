-- Residents, leases with their documents, and work orders.

-- Creates that may come twice: what was made with a key, so that the same
-- request makes it once. Rows are of use for a day.
create table idempotency_keys (
    actor        text not null,
    key          text not null,
    method       text not null,
    request_hash bytea not null,
    resource_id  uuid not null,
    create_time  timestamptz not null default now(),
    constraint idempotency_keys_pkey primary key (actor, key)
);
-- Finds what is too old.
create index idempotency_keys_age on idempotency_keys (create_time);

create table residents (
    id          uuid primary key,
    given_name  text not null,
    family_name text not null,
    -- In lower case, always.
    email       text not null default '',
    phone       text not null default '',
    create_time timestamptz not null default now(),
    update_time timestamptz not null default now(),
    revision    bigint not null default 1
);
-- Many have none.
create unique index residents_email_key on residents (email) where email <> '';
create index residents_page on residents (create_time, id);

-- A unit as a number, for the constraint below.
alter table units add column number bigint generated always as identity;
alter table units add constraint units_number_key unique (number);

create table leases (
    id          uuid primary key,
    unit_number bigint not null,
    resident_id uuid not null,
    start_date  date not null,
    -- The last day; open where null.
    end_date    date,
    -- Rent of a month in hundredths of the currency.
    rent_minor  bigint not null,
    currency    text not null,
    create_time timestamptz not null default now(),
    update_time timestamptz not null default now(),
    revision    bigint not null default 1,
    constraint leases_unit_fk foreign key (unit_number) references units (number),
    constraint leases_resident_fk foreign key (resident_id) references residents (id),
    constraint leases_dates_check check (end_date >= start_date),
    constraint leases_rent_check check (rent_minor >= 0),
    -- Whatever two calls do at once, a unit is let once at a time; both the first
    -- and the last day count. An index of ranges compares ranges alone: for ids
    -- it would need the extension btree_gist, which not every server has. So
    -- units have numbers, and a number is a range of one.
    constraint leases_no_overlap exclude using gist (
        int8range(unit_number, unit_number, '[]') with &&,
        daterange(start_date, end_date, '[]') with &&
    )
);
create index leases_page on leases (create_time, id);
create index leases_unit on leases (unit_number);
create index leases_resident on leases (resident_id);

create table documents (
    id           uuid primary key,
    lease_id     uuid not null,
    display_name text not null default '',
    content_type text not null,
    size_bytes   bigint not null,
    sha256       text not null,
    content      bytea not null,
    create_time  timestamptz not null default now(),
    -- Documents are nothing without their lease.
    constraint documents_lease_fk foreign key (lease_id) references leases (id) on delete cascade,
    constraint documents_size_check check (size_bytes = length(content))
);
-- Files are mostly compressed already: trying again costs time and gains nothing.
alter table documents alter column content set storage external;
create index documents_page on documents (lease_id, create_time, id);

create table work_orders (
    id             uuid primary key,
    unit_id        uuid not null,
    title          text not null,
    description    text not null default '',
    -- As the proto numbers it, from 1 (low) to 4 (urgent): lists are ordered by it.
    priority       smallint not null,
    state          text not null default 'open',
    scheduled_time timestamptz,
    create_time    timestamptz not null default now(),
    update_time    timestamptz not null default now(),
    revision       bigint not null default 1,
    constraint work_orders_unit_fk foreign key (unit_id) references units (id),
    constraint work_orders_priority_check check (priority between 1 and 4),
    constraint work_orders_state_check check (state in ('open', 'scheduled', 'done', 'cancelled')),
    constraint work_orders_time_check check (state <> 'scheduled' or scheduled_time is not null)
);
create index work_orders_page on work_orders (create_time, id);
create index work_orders_unit on work_orders (unit_id);

-- Which work orders changed, in order; the id is the place in the stream. A row
-- does not say how: who reads it reads the work order as it is now. No foreign
-- key: it outlives the work order that was deleted.
-- Numbers are drawn when a row is written, and rows are seen when its
-- transaction ends: a reader could pass a number by before its row appears.
-- Writers therefore take an advisory lock just before, which they keep until
-- their end; the time is taken under the lock as well, and never runs back.
create table work_order_events (
    id            bigint generated always as identity primary key,
    work_order_id uuid not null,
    at            timestamptz not null default clock_timestamp()
);
create index work_order_events_age on work_order_events (at);
