//! Dashboard and API: reads what is known, decides nothing.
