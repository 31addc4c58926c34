//! The resident: runs every duty that must keep running, and counts itself.
