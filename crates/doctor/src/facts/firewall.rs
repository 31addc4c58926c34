//! Packet filters, addresses, routes and listeners, as they were read.
