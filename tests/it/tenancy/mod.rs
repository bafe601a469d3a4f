//! Tenancy.
