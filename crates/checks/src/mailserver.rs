//! A mail server as a check meets it: the keys that name it, the way to it, and what each failure means.

use std::path::PathBuf;
use std::time::Duration;

use muster_config::assertion::facts::Value;
use muster_config::field::{Field, Shape};
use muster_config::secret::SecretRef;
use muster_config::section::Section;
use muster_host::clock;
use muster_net::certificate::Certificate;
use muster_net::endpoint::Endpoint;
use muster_net::inspect::{Offer, Peer, inspect};
use muster_net::line::{LineError, Sink};
use muster_net::mail::error::MailError;
use muster_net::mail::{imap, sasl, smtp};
use muster_net::reach::{Family, reach};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::contact::{CERT_EXPIRES_IN, TLS_VERSION, give_up, left, miss, time};
use crate::notebook::Notebook;
use crate::probe::{Class, Miss, Scene};

/// How the connection is secured.
pub(crate) const TLS: Field = Field::new(
    "tls",
    Shape::Choice(&["tls", "starttls", "none"]),
    "TLS from the first byte, an upgrade that must succeed, or none; else by the port: `tls` on 465 and 993, `starttls` on \
     others.",
    "\"starttls\"",
);
/// Who logs in.
pub(crate) const USER: Field =
    Field::new("user", Shape::Text, "User name; logs in where it is given.", "\"probe@example.com\"");
/// With which password.
pub(crate) const PASSWORD: Field =
    Field::new("password", Shape::Secret, "Password.", "{ env = \"PROBE_PASSWORD\" }");
/// A stream that may be private or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}
/// A connection, private or not.
pub(crate) type Wire = Box<dyn Stream>;

/// How the connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    None,
    StartTls,
    Tls,
}

/// A mail server, and who logs in there.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) endpoint: Endpoint,
    pub(crate) security: Security,
    pub(crate) login: Option<(String, SecretRef)>,
    ca: Option<PathBuf>,
}

/// A server that was met: what it says, and the session with it.
pub(crate) struct Met<S> {
    pub(crate) session: S,
    /// Its first words.
    pub(crate) banner: String,
    /// What it can do, over the secured connection.
    pub(crate) offers: Vec<String>,
    peer: Option<Peer>,
    times: Vec<(&'static str, Duration)>,
}

impl Server {
    /// Reads the keys of a server: `key` holds host and port, the others are [`TLS`], [`USER`], [`PASSWORD`],
    /// [`CA`](crate::contact::CA).
    pub(crate) fn read(section: &Section<'_>, key: &str) -> Option<Self> {
        let endpoint: Endpoint = match section.text(key)?.parse() {
            Ok(endpoint) => endpoint,
            Err(why) => {
                section.refuse(key, why, "write host and port: \"mail.example.com:587\"");
                return None;
            }
        };
        let security = match (section.choice("tls"), endpoint.port) {
            (Some("none"), _) => Security::None,
            (Some("tls"), _) | (None, 465 | 993) => Security::Tls,
            _ => Security::StartTls,
        };
        let login = match (section.text("user"), section.secret("password")) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (user, _) => {
                // A password that is written badly was reported already.
                if user.is_none() || !section.has("password") {
                    section.missing("`user` and `password` go together", "write both or none");
                }
                return None;
            }
        };
        if security == Security::None && login.is_some() && !is_loopback(&endpoint.host) {
            section.refuse(
                "tls",
                "the password would cross a network in the open",
                "use \"starttls\" or \"tls\"",
            );
            return None;
        }
        if security == Security::None && section.has("ca") {
            section.no_effect("ca", "without TLS nobody shows a certificate");
        }
        Some(Self { endpoint, security, login, ca: section.path_to("ca") })
    }

    /// Meets it as a sender of mail: greeting, extensions, TLS, login.
    pub(crate) async fn send<'a>(
        &self,
        scene: &Scene,
        sink: Sink<'a>,
        hello: &str,
    ) -> Result<Met<smtp::Session<'a, Wire>>, Miss> {
        let deadline = give_up(scene);
        let (wire, mut times) = self.dial(scene).await?;
        let (wire, mut peer) = match self.security {
            Security::Tls => self.shake_hands(scene, wire, &mut times).await?,
            Security::StartTls | Security::None => (wire, None),
        };
        let mut session = smtp::Session::new(wire, sink, deadline);
        let banner = session.greeting().await.map_err(of_mail)?.lines.join(" ");
        let mut offers = session.hello(hello).await.map_err(of_mail)?;
        if self.security == Security::StartTls {
            let wire = session.start_tls(&offers).await.map_err(of_mail)?;
            let secured = self.shake_hands(scene, wire, &mut times).await?;
            peer = secured.1;
            session = smtp::Session::new(secured.0, sink, deadline);
            offers = session.hello(hello).await.map_err(of_mail)?;
        }
        if let Some((user, password)) = self.login(scene).await? {
            session.login(&offers, &user, &password).await.map_err(of_mail)?;
        }
        Ok(Met { session, banner, offers, peer, times })
    }

    /// Meets it as a reader of mail: greeting, TLS, login, capabilities.
    pub(crate) async fn receive<'a>(
        &self,
        scene: &Scene,
        sink: Sink<'a>,
    ) -> Result<Met<imap::Session<'a, Wire>>, Miss> {
        let deadline = give_up(scene);
        let (wire, mut times) = self.dial(scene).await?;
        let (wire, mut peer) = match self.security {
            Security::Tls => self.shake_hands(scene, wire, &mut times).await?,
            Security::StartTls | Security::None => (wire, None),
        };
        let mut session = imap::Session::new(wire, sink, deadline);
        let banner = session.greeting().await.map_err(of_mail)?;
        let mut offers = session.capabilities().await.map_err(of_mail)?;
        if self.security == Security::StartTls {
            let wire = session.start_tls(&offers).await.map_err(of_mail)?;
            let secured = self.shake_hands(scene, wire, &mut times).await?;
            peer = secured.1;
            session = imap::Session::new(secured.0, sink, deadline);
            offers = session.capabilities().await.map_err(of_mail)?;
        }
        if let Some((user, password)) = self.login(scene).await? {
            session.login(&offers, &user, &password).await.map_err(of_mail)?;
            // A server says more to those it knows.
            offers = session.capabilities().await.map_err(of_mail)?;
        }
        Ok(Met { session, banner, offers, peer, times })
    }

    async fn dial(&self, scene: &Scene) -> Result<(Wire, Vec<(&'static str, Duration)>), Miss> {
        let Endpoint { host, port } = &self.endpoint;
        let reached = reach(&scene.resolver, Family::Any, host, *port, give_up(scene)).await.map_err(miss)?;
        scene.notebook.phase("dns", reached.dns);
        scene.notebook.phase("connect", reached.connect);
        for tried in &reached.tried {
            scene.notebook.say(format!("{} was tried before: {}", tried.address, tried.why));
        }
        scene.notebook.say(format!("connected to {}", reached.address));
        let times = vec![("time.dns", reached.dns), ("time.connect", reached.connect)];
        Ok((Box::new(reached.stream), times))
    }

    async fn shake_hands(
        &self,
        scene: &Scene,
        wire: Wire,
        times: &mut Vec<(&'static str, Duration)>,
    ) -> Result<(Wire, Option<Peer>), Miss> {
        if let Some(ca) = &self.ca
            && let Err(error) = tokio::fs::metadata(ca).await
        {
            return Err(Miss::blind(format!("{}: {error}", ca.display())));
        }
        let offer = Offer { ca: self.ca.clone(), ..Offer::default() };
        let inspected = inspect(wire, &self.endpoint.host, &offer, give_up(scene)).await;
        let peer = inspected.peer.clone();
        scene.notebook.phase("tls", peer.took);
        times.push(("time.tls", peer.took));
        note_peer(&scene.notebook, &peer);
        let stream = inspected.trusted().map_err(miss)?;
        Ok((Box::new(stream), Some(peer)))
    }

    async fn login(&self, scene: &Scene) -> Result<Option<(String, String)>, Miss> {
        let Some((user, reference)) = &self.login else { return Ok(None) };
        let secret = scene.secret(reference).await?;
        let password = secret.expose().to_owned();
        // A server may repeat the line that it does not understand.
        scene.notebook.hide(&sasl::plain(user, &password));
        scene.notebook.hide(&sasl::encode(&password));
        Ok(Some((user.clone(), password)))
    }
}

impl<S> Met<S> {
    /// Notes what every kind of mail server has words for.
    pub(crate) fn note(&self, notebook: &Notebook) {
        notebook.fact("banner", Value::Text(self.banner.clone()));
        for (term, took) in &self.times {
            notebook.fact(term, time(*took));
        }
        let version = self.peer.as_ref().and_then(|peer| peer.version);
        if let Some(version) = version {
            notebook.fact(TLS_VERSION.name, Value::Text(version.to_owned()));
        }
        let shown = self.peer.as_ref().and_then(|peer| peer.chain.first());
        if let Some(certificate) = shown.and_then(|der| Certificate::from_der(der).ok()) {
            notebook.fact(CERT_EXPIRES_IN.name, left(certificate.not_after, clock::now().wall));
        }
    }
}

fn note_peer(notebook: &Notebook, peer: &Peer) {
    if let Some(certificate) = peer.chain.first().and_then(|der| Certificate::from_der(der).ok()) {
        let Certificate { subject, issuer, not_after, .. } = certificate;
        notebook.say(format!("certificate of {subject}, signed by {issuer}, good until {not_after}"));
    }
    if let (Some(version), Some(cipher)) = (peer.version, &peer.cipher) {
        notebook.say(format!("TLS {version}, {cipher}"));
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What a dialogue that came to no good end means.
pub(crate) fn of_mail(error: MailError) -> Miss {
    let class = match &error {
        MailError::Line { error: LineError::Silent, .. } => Class::Timeout,
        MailError::Line { error: LineError::Smuggled(_), .. } | MailError::Lacking("STARTTLS") => Class::Tls,
        MailError::Line { error: LineError::Injected, .. } => Class::Internal,
        MailError::Line { .. } | MailError::Foreign { .. } => Class::Protocol,
        MailError::Refused { .. } | MailError::Lacking(_) => Class::Refused,
    };
    Miss::down(class, error.to_string())
}
