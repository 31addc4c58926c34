//! Reads packet filters, addresses, routes and listeners.
