//! Wraps a job: lock, log, timeout, record.
