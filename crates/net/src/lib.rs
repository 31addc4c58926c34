//! Contact with networks: dialling with deadlines, TLS, HTTP.
