//! region_id
