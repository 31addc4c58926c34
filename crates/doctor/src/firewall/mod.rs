//! Where a packet ends, by the rules of this host: open, closed, or unknown, and the rule that decides.
