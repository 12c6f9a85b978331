-- The tables of the example domain, in every tenant's schema.

-- Revisions count changes: they make etags, and no clock is needed to compare.
create table properties (
    id           uuid primary key,
    display_name text not null,
    line1        text not null default '',
    line2        text not null default '',
    city         text not null default '',
    postal_code  text not null default '',
    country_code text not null default '',
    create_time  timestamptz not null default now(),
    update_time  timestamptz not null default now(),
    revision     bigint not null default 1
);

-- Pages go by creation time, with the id to tell equal times apart.
create index properties_page on properties (create_time, id);

create table units (
    id           uuid primary key,
    property_id  uuid not null,
    display_name text not null,
    floor        integer not null default 0,
    area_sqm     double precision not null default 0,
    create_time  timestamptz not null default now(),
    update_time  timestamptz not null default now(),
    revision     bigint not null default 1,
    constraint units_property_fk foreign key (property_id) references properties (id),
    constraint units_display_name_key unique (property_id, display_name),
    constraint units_floor_check check (floor between -20 and 200),
    constraint units_area_check check (area_sqm >= 0)
);

create index units_page on units (property_id, create_time, id);
