//! What a browser would keep from one answer and send with the next request (RFC 6265, with the prefixes of its
//! successor). Bounded; no list of public suffixes: a cookie for a whole top-level domain is refused, one for a
//! registry below it is not.

use std::net::IpAddr;

use jiff::civil;
use jiff::tz::TimeZone;
use muster_net::url::Url;

use crate::notebook::Notebook;

/// Most cookies that are kept.
const MOST: usize = 64;
/// Most bytes of one, name and value.
const LONGEST: usize = 4096;
/// Shorter values are words and no secrets.
const SHORTEST_SECRET: usize = 8;

/// The cookies of one flow.
#[derive(Debug, Default)]
pub(crate) struct Jar(Vec<Cookie>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    /// Only for the very host that set it.
    is_host_only: bool,
    path: String,
    is_secure: bool,
    /// When it is over, in milliseconds since the epoch; else with the flow.
    ends: Option<i64>,
}

impl Jar {
    /// Keeps what an answer from there sets.
    pub(crate) fn keep(&mut self, url: &Url, headers: &[(String, String)], notebook: &Notebook) {
        let now = muster_host::clock::now().wall.millis();
        for (_, line) in headers.iter().filter(|(name, _)| name == "set-cookie") {
            match Cookie::parse(line, url, now) {
                Ok(cookie) => {
                    if cookie.value.len() >= SHORTEST_SECRET {
                        notebook.hide(&cookie.value);
                    }
                    self.put(cookie, now, notebook);
                }
                Err(why) => notebook.say(format!("a cookie is not kept: {why}")),
            }
        }
    }

    fn put(&mut self, cookie: Cookie, now: i64, notebook: &Notebook) {
        let is_over = cookie.ends.is_some_and(|end| end <= now);
        let is_same = |own: &Cookie| {
            (&own.name, &own.domain, &own.path) == (&cookie.name, &cookie.domain, &cookie.path)
        };
        match (self.0.iter().position(is_same), is_over) {
            (Some(at), true) => drop(self.0.remove(at)),
            (Some(at), false) => self.0[at] = cookie,
            (None, true) => {}
            (None, false) if self.0.len() == MOST => {
                notebook.say(format!("cookie {} is not kept: there are {MOST} already", cookie.name));
            }
            (None, false) => self.0.push(cookie),
        }
    }

    /// The value of `Cookie` for a request there, if there is anything to send.
    pub(crate) fn header(&self, url: &Url) -> Option<String> {
        let now = muster_host::clock::now().wall.millis();
        let (host, path) = (host(url), path(url));
        let mut sent: Vec<&Cookie> = self
            .0
            .iter()
            .filter(|cookie| {
                (cookie.domain == host || (!cookie.is_host_only && is_within(&host, &cookie.domain)))
                    && is_below(path, &cookie.path)
                    && (url.secure || !cookie.is_secure)
                    && cookie.ends.is_none_or(|end| end > now)
            })
            .collect();
        // Longer paths first; of equal ones, the one that was set first.
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> =
            sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

impl Cookie {
    /// Reads a `Set-Cookie` (section 5.2); the words of a mistake hold no value.
    fn parse(line: &str, url: &Url, now: i64) -> Result<Self, String> {
        let mut parts = line.split(';');
        let (name, value) =
            parts.next().and_then(|pair| pair.split_once('=')).ok_or("it has no name and value")?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() {
            return Err("it has no name".into());
        }
        if name.len() + value.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} bytes"));
        }
        let host = host(url);
        let mut cookie = Self {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: host.clone(),
            is_host_only: true,
            path: folder(path(url)).to_owned(),
            is_secure: false,
            ends: None,
        };
        let (mut lasts, mut has_root) = (None, false);
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "expires" => cookie.ends = date(value).or(cookie.ends),
                "max-age" => lasts = value.parse::<i64>().ok().or(lasts),
                "domain" => {
                    let domain = value.trim_start_matches('.').to_ascii_lowercase();
                    if !domain.is_empty() {
                        cookie.is_host_only = false;
                        cookie.domain = domain;
                    }
                }
                "path" => {
                    has_root = value == "/";
                    if value.starts_with('/') {
                        cookie.path = value.to_owned();
                    }
                }
                "secure" => cookie.is_secure = true,
                _ => {}
            }
        }
        if let Some(seconds) = lasts {
            cookie.ends = Some(now.saturating_add(seconds.saturating_mul(1000)));
        }
        cookie.judge(&host, url.secure, has_root)?;
        Ok(cookie)
    }

    fn judge(&self, host: &str, is_private: bool, has_root: bool) -> Result<(), String> {
        let Self { name, domain, .. } = self;
        if !self.is_host_only && domain != host && (!is_within(host, domain) || !domain.contains('.')) {
            return Err(format!("{name} is for {domain}, and {host} may not set it"));
        }
        if self.is_secure && !is_private {
            return Err(format!("{name} is for https only, and came without"));
        }
        let lower = name.to_ascii_lowercase();
        if lower.starts_with("__secure-") && !self.is_secure {
            return Err(format!("{name} is not marked as secure"));
        }
        if lower.starts_with("__host-") && !(self.is_secure && self.is_host_only && has_root) {
            return Err(format!("{name} is not for this host alone"));
        }
        Ok(())
    }
}

fn host(url: &Url) -> String {
    url.endpoint.host.to_ascii_lowercase()
}

fn path(url: &Url) -> &str {
    let whole = url.path_and_query();
    whole.split('?').next().unwrap_or(whole)
}

/// The folder of a path (section 5.1.4).
fn folder(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &path[..end],
    }
}

/// A name below a domain (section 5.1.3); an address is below nothing.
fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')) && host.parse::<IpAddr>().is_err()
}

/// A path at or below another (section 5.1.4).
fn is_below(path: &str, above: &str) -> bool {
    match path.strip_prefix(above) {
        Some(rest) => rest.is_empty() || above.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

/// A date as servers have written it since 1994 (section 5.1.1), in milliseconds since the epoch.
fn date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter(|word| !word.is_empty());
    for word in words {
        let lower = word.to_ascii_lowercase();
        let named = MONTHS.iter().position(|name| lower.starts_with(name));
        if time.is_none() && word.contains(':') {
            let mut parts = word.split(':').map(str::parse::<i8>);
            let mut next = || parts.next()?.ok();
            time = Some((next()?, next()?, next()?));
        } else if day.is_none() && word.len() <= 2 && word.parse::<i8>().is_ok() {
            day = word.parse::<i8>().ok();
        } else if month.is_none() && named.is_some() {
            month = named.and_then(|at| i8::try_from(at + 1).ok());
        } else if year.is_none() && matches!(word.len(), 2..=4) {
            year = word.parse::<i16>().ok().map(|year| match year {
                70..=99 => year + 1900,
                0..=69 => year + 2000,
                year => year,
            });
        }
    }
    let (hour, minute, second) = time?;
    let moment = civil::DateTime::new(year?, month?, day?, hour, minute, second, 0).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    fn jar(from: &str, lines: &[&str]) -> (Jar, Vec<String>) {
        let (mut jar, notebook) = (Jar::default(), Notebook::default());
        let headers: Vec<_> =
            lines.iter().map(|line| ("set-cookie".to_owned(), (*line).to_owned())).collect();
        jar.keep(&url(from), &headers, &notebook);
        (jar, notebook.take().trace)
    }

    #[test]
    fn a_cookie_goes_where_a_browser_would_send_it() {
        for (line, to, sent) in [
            ("a=1", "https://app.example.com/x/z", true),
            ("a=1", "https://app.example.com/x", true),
            ("a=1", "https://app.example.com/xy", false),
            ("a=1", "https://www.app.example.com/x/", false),
            ("a=1; path=/", "http://app.example.com/", true),
            ("a=1; Path=/; Secure", "http://app.example.com/", false),
            ("a=1; Path=/; Secure", "https://APP.example.com/", true),
            ("a=1; domain=.Example.com; path=/", "https://www.example.com/", true),
            ("a=1; domain=example.com; path=/", "https://badexample.com/", false),
            ("a=1; domain=com; path=/", "https://app.example.com/", false),
            ("a=1; domain=other.com; path=/", "https://app.example.com/", false),
            ("a=1; path=/; Max-Age=60", "https://app.example.com/", true),
            ("a=1; path=/; Max-Age=0", "https://app.example.com/", false),
            ("a=1; path=/; expires=Wed, 21 Oct 2015 07:28:00 GMT", "https://app.example.com/", false),
            ("a=1; path=/; expires=Wed, 21-Oct-99 07:28:00 GMT", "https://app.example.com/", false),
            ("a=1; path=/; expires=nonsense", "https://app.example.com/", true),
            (
                "a=1; path=/; expires=Wed, 21 Oct 2015 07:28:00 GMT; max-age=9",
                "https://app.example.com/",
                true,
            ),
            ("__Host-a=1; path=/; secure", "https://app.example.com/", true),
            ("__Host-a=1; path=/; secure; domain=example.com", "https://app.example.com/", false),
            ("__Secure-a=1; path=/", "https://app.example.com/", false),
            ("=1; path=/", "https://app.example.com/", false),
            ("nonsense", "https://app.example.com/x/", false),
        ] {
            let (jar, _) = jar("https://app.example.com/x/y?z=/q/", &[line]);
            assert_eq!(jar.header(&url(to)).is_some(), sent, "{line} to {to}");
        }
        assert!(
            jar("http://127.0.0.1/", &["a=1; domain=0.0.1; path=/"])
                .0
                .header(&url("http://127.0.0.1/"))
                .is_none()
        );
    }

    #[test]
    fn a_cookie_is_replaced_ended_and_sent_in_order() {
        let (first, _) =
            jar("http://a/x/", &["a=1", "b=2; path=/", "a=3", "c=4; path=/", "c=; path=/; max-age=-1"]);
        assert_eq!(first.header(&url("http://a/x/y")).as_deref(), Some("a=3; b=2"));
        assert_eq!(first.header(&url("http://a/")).as_deref(), Some("b=2"));
    }

    #[test]
    fn the_jar_is_bounded_and_its_values_are_secrets() {
        let lines: Vec<String> = (0..100).map(|n| format!("n{n}=value-{n}")).collect();
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let long = format!("long={}", "x".repeat(5000));
        lines.push(&long);
        let (full, trace) = jar("http://a/", &lines);
        assert_eq!(full.0.len(), MOST);
        assert!(trace.iter().any(|line| line.contains("longer than 4096 bytes")), "{trace:?}");
        let notebook = Notebook::default();
        let mut jar = Jar::default();
        notebook.say("before: 0123456789abcdef");
        jar.keep(&url("http://a/"), &[("set-cookie".into(), "sid=0123456789abcdef".into())], &notebook);
        assert_eq!(notebook.take().trace, ["before: ***"]);
    }
}
