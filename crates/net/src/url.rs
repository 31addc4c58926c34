//! Addresses of the web (RFC 3986): where to dial, what to ask for, where a redirect leads, and what of it may be shown.

use hyper::Uri;

use crate::endpoint::Endpoint;
use crate::error::NetError;

const NOT_WEB: &str = "only http:// and https:// can be called";

/// An `http://` or `https://` address.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    uri: Uri,
    /// Where to dial.
    pub endpoint: Endpoint,
    /// `https://`.
    pub secure: bool,
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Url {
    /// Reads an address. Its words are never repeated, because it may hold secrets.
    ///
    /// # Errors
    /// [`NetError::Address`].
    pub fn parse(text: &str) -> Result<Self, NetError> {
        let uri: Uri = text.parse().map_err(|_| NetError::Address("it does not parse".into()))?;
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| NetError::Address("it names no host".into()))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(NetError::Address(NOT_WEB.into())),
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let after = authority.rsplit_once('@').map_or(authority, |(_, bare)| bare);
        let port = after.get(host.len()..).unwrap_or_default().trim_start_matches(':');
        let port = match port {
            "" if secure => 443,
            "" => 80,
            digits => match digits.parse() {
                Ok(port) if port > 0 => port,
                _ => return Err(NetError::Address("its port is none".into())),
            },
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { uri, endpoint: Endpoint { host, port }, secure })
    }

    /// Host and port as they stand in it, without user and password.
    pub fn authority(&self) -> &str {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        authority.rsplit_once('@').map_or(authority, |(_, bare)| bare)
    }

    /// `user:password`, if it has one.
    pub fn user(&self) -> Option<&str> {
        self.uri.authority()?.as_str().rsplit_once('@').map(|(user, _)| user)
    }

    /// Path and query; `/` if there is neither.
    pub fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }

    /// The same scheme, host and port.
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.secure == other.secure
            && self.endpoint.port == other.endpoint.port
            && self.endpoint.host.eq_ignore_ascii_case(&other.endpoint.host)
    }

    /// It without user, password and query, which may be secrets.
    pub fn shown(&self) -> String {
        format!("{}{}", self.origin(), self.uri.path())
    }

    /// The values of its query, which may be secrets.
    pub fn query_values(&self) -> impl Iterator<Item = &str> {
        let pairs = self.uri.query().unwrap_or_default().split('&');
        pairs.map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value))
    }

    /// Where a `Location` leads from here (RFC 3986, section 5.2).
    ///
    /// # Errors
    /// [`NetError::Address`]; only `http` and `https` are followed.
    pub fn join(&self, location: &str) -> Result<Self, NetError> {
        let location = encoded(location.split('#').next().unwrap_or_default().trim());
        if has_scheme(&location) {
            let is_web = ["http:", "https:"].iter().any(|scheme| {
                location.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            });
            return if is_web { Self::parse(&location) } else { Err(NetError::Address(NOT_WEB.into())) };
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", if self.secure { "https" } else { "http" }));
        }
        let base = self.uri.path();
        let (path, query) = match location.split_once('?') {
            Some((path, query)) => (path, format!("?{query}")),
            None => (location.as_str(), String::new()),
        };
        let path = match path {
            "" if location.is_empty() => self.path_and_query().to_owned(),
            "" => base.to_owned(),
            path if path.starts_with('/') => without_dots(path),
            path => {
                let folder = base.rfind('/').map_or("/", |end| &base[..=end]);
                without_dots(&format!("{folder}{path}"))
            }
        };
        Self::parse(&format!("{}{path}{query}", self.origin()))
    }
}

fn has_scheme(text: &str) -> bool {
    let end = text.find([':', '/', '?']).unwrap_or(text.len());
    text[end..].starts_with(':')
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text[..end].chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// What a browser would make of blanks and letters outside of ASCII.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A path with `.` and `..` carried out.
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut folder = false;
    for part in path.split('/').skip(1) {
        folder = matches!(part, "." | "..");
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if folder {
        parts.push("");
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_where_to_dial_and_shows_no_secret() {
        let url = Url::parse("https://ops:hunter2@example.com:8443/a/b?token=hunter3&x").expect("an address");
        assert_eq!((url.endpoint.host.as_str(), url.endpoint.port, url.secure), ("example.com", 8443, true));
        assert_eq!((url.authority(), url.user()), ("example.com:8443", Some("ops:hunter2")));
        assert_eq!(url.path_and_query(), "/a/b?token=hunter3&x");
        assert_eq!(url.shown(), "https://example.com:8443/a/b");
        assert_eq!(url.query_values().collect::<Vec<_>>(), ["hunter3", "x"]);
        assert!(!format!("{url:?}").contains("hunter"));
        let six = Url::parse("http://[::1]/").expect("an address");
        assert_eq!((six.endpoint.host.as_str(), six.endpoint.port), ("::1", 80));
        for bad in
            ["", "x", "/x", "ftp://x/", "http://", "http://x:0/", "http://x:99999/", "file:///etc/passwd"]
        {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_location_leads_where_a_browser_would_go() {
        let base = Url::parse("https://u:p@example.com/a/b/c?q=1").expect("an address");
        for (location, path) in [
            ("/x", "https://example.com/x"),
            ("x", "https://example.com/a/b/x"),
            ("./x/", "https://example.com/a/b/x/"),
            ("../x?y=1", "https://example.com/a/x?y=1"),
            ("../../../x", "https://example.com/x"),
            ("..", "https://example.com/a/"),
            ("?y", "https://example.com/a/b/c?y"),
            ("", "https://example.com/a/b/c?q=1"),
            ("#there", "https://example.com/a/b/c?q=1"),
            ("//other.example/x", "https://other.example/x"),
            ("http://other.example", "http://other.example/"),
            ("/a b/ü#x", "https://example.com/a%20b/%C3%BC"),
            ("a:b/c", ""),
            ("file:///etc/passwd", ""),
            ("javascript:alert(1)", ""),
        ] {
            let joined = base.join(location).map(|url| format!("{}{}", url.origin(), url.path_and_query()));
            assert_eq!(joined.unwrap_or_default(), path, "{location}");
        }
    }
}
