//! Tenants, users, memberships, tokens and audit.
