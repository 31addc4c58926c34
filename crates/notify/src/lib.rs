//! Tells people, and reports whether telling worked.
