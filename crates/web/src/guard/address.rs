//! The Host and Origin that are ours. A page elsewhere can make a browser call us under a name of its own
//! (DNS rebinding) or with our cookie (cross-site request forgery); both show here.

use axum::http::{HeaderMap, header};

/// One origin of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ours {
    https: bool,
    /// Host, with the port where it is not the scheme's own; lower case.
    authority: String,
}

/// The names under which people reach the server besides loopback.
#[derive(Debug, Clone, Default)]
pub struct Addresses(Vec<Ours>);

/// What the Host header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A loopback name.
    Loopback,
    /// A name of the settings.
    Ours {
        /// It is reached by https (perhaps through a proxy).
        https: bool,
    },
    /// Anything else.
    Strange,
}

impl Addresses {
    /// Reads origins (`https://muster.example.com`); a bare name counts as https.
    pub fn read(origins: &[String]) -> Self {
        let ours = origins.iter().map(|origin| {
            let lower = origin.trim().trim_end_matches('/').to_ascii_lowercase();
            let (https, rest) = match (lower.strip_prefix("https://"), lower.strip_prefix("http://")) {
                (Some(rest), _) => (true, rest),
                (None, Some(rest)) => (false, rest),
                (None, None) => (true, lower.as_str()),
            };
            let authority = rest.strip_suffix(if https { ":443" } else { ":80" }).unwrap_or(rest).to_owned();
            Ours { https, authority }
        });
        Self(ours.collect())
    }

    /// What the Host header of a request says.
    pub fn host(&self, headers: &HeaderMap) -> Named {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else {
            return Named::Strange;
        };
        let host = host.to_ascii_lowercase();
        if is_loopback_name(name_of(&host)) {
            return Named::Loopback;
        }
        let plain = host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(&host);
        match self.0.iter().find(|ours| ours.authority == host || ours.authority == plain) {
            Some(ours) => Named::Ours { https: ours.https },
            None => Named::Strange,
        }
    }

    /// True unless the browser says that the request was made by a page of another origin.
    ///
    /// A program sends neither header and has no cookie that could be abused; a browser sends at least one of them
    /// with every POST.
    pub fn is_same_origin(&self, headers: &HeaderMap) -> bool {
        if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
            return false;
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let (Ok(origin), Some(Ok(host))) =
            (origin.to_str(), headers.get(header::HOST).map(|host| host.to_str()))
        else {
            return false;
        };
        origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
    }
}

fn name_of(authority: &str) -> &str {
    match authority.rfind(':') {
        // `[::1]:7077` has colons inside the brackets too.
        Some(at) if !authority[at..].contains(']') => &authority[..at],
        _ => authority,
    }
}

fn is_loopback_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost"
        || name.ends_with(".localhost")
        || name == "[::1]"
        || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_rebound_name_is_strange() {
        let ours = Addresses::read(&["https://muster.example.com/".into(), "http://intern:8080".into()]);
        for (host, named) in [
            ("localhost:7077", Named::Loopback),
            ("127.0.0.1", Named::Loopback),
            ("[::1]:7077", Named::Loopback),
            ("Muster.Example.com", Named::Ours { https: true }),
            ("muster.example.com:443", Named::Ours { https: true }),
            ("intern:8080", Named::Ours { https: false }),
            ("intern", Named::Strange),
            ("evil.example", Named::Strange),
            ("localhost.evil.example", Named::Strange),
            ("127.0.0.1.evil.example", Named::Strange),
            ("", Named::Strange),
        ] {
            assert_eq!(ours.host(&headers(&[("host", host)])), named, "{host:?}");
        }
        assert_eq!(ours.host(&HeaderMap::new()), Named::Strange);
    }

    #[test]
    fn another_sites_post_is_recognised() {
        let ours = Addresses::default();
        let host = ("host", "localhost:7077");
        assert!(ours.is_same_origin(&headers(&[host])));
        assert!(ours.is_same_origin(&headers(&[host, ("origin", "http://localhost:7077")])));
        assert!(!ours.is_same_origin(&headers(&[host, ("origin", "http://localhost:9999")])));
        assert!(!ours.is_same_origin(&headers(&[host, ("origin", "null")])));
        assert!(!ours.is_same_origin(&headers(&[host, ("sec-fetch-site", "cross-site")])));
        assert!(!ours.is_same_origin(&headers(&[host, ("sec-fetch-site", "same-site")])));
        assert!(ours.is_same_origin(&headers(&[host, ("sec-fetch-site", "same-origin")])));
    }
}
