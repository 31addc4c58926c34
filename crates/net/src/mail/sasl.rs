//! Logins as they go over the line, so that whoever writes down a dialogue can blot them out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The one line of PLAIN (RFC 4616).
pub fn plain(user: &str, password: &str) -> String {
    encode(&format!("\0{user}\0{password}"))
}

/// One word of LOGIN.
pub fn encode(text: &str) -> String {
    STANDARD.encode(text)
}
