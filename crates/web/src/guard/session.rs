//! Sessions, one-time links and tokens: 256 random bits each, of which the store keeps a digest.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use muster_core::time::{Span, Timestamp};
use muster_store::contract::{Store, StoreError};
use muster_store::credential::{Credential, CredentialKind};

use crate::guard::digest::{NoRandomness, digest, secret};
use crate::guard::who::{Scopes, Who};
use crate::records::ask;

/// How long a session lasts.
pub const SESSION_LASTS: Span = Span::days(7);
/// How long a one-time link waits.
pub const LINK_LASTS: Span = Span::minutes(10);
/// How often the last use of a token is written down.
const NOTE_USE_EVERY: Span = Span::minutes(5);

/// Why a credential could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// See [`NoRandomness`].
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a credential and returns its secret, which is shown once.
///
/// # Errors
/// [`CredentialError`].
pub async fn issue(
    store: &Arc<dyn Store>,
    kind: CredentialKind,
    by: &str,
    scope: &str,
    now: Timestamp,
    lasts: Option<Span>,
) -> Result<String, CredentialError> {
    let secret = secret()?;
    let credential = Credential {
        digest: digest(kind.word(), &secret),
        kind,
        scope: scope.to_owned(),
        by: by.to_owned(),
        created: now,
        expires: lasts.map(|span| now + span),
        used: None,
    };
    ask(store, move |store| store.put_credential(&credential)).await?;
    Ok(secret)
}

/// Spends a one-time link; none if it is unknown, used or too old.
///
/// # Errors
/// [`StoreError`].
pub async fn spend_link(
    store: &Arc<dyn Store>,
    secret: &str,
    now: Timestamp,
) -> Result<Option<Credential>, StoreError> {
    let key = digest(CredentialKind::Link.word(), secret);
    let spent = ask(store, move |store| store.spend_credential(&key, now)).await?;
    Ok(spent.filter(|credential| credential.kind == CredentialKind::Link))
}

/// Ends a session.
///
/// # Errors
/// [`StoreError`].
pub async fn end(store: &Arc<dyn Store>, session: String) -> Result<bool, StoreError> {
    ask(store, move |store| store.drop_credential(&session)).await
}

/// Who the headers say is asking. A token wins over a cookie; one that is not known is nobody.
///
/// # Errors
/// [`StoreError`]: then nobody can be recognised.
pub async fn recognise(
    store: &Arc<dyn Store>,
    headers: &HeaderMap,
    https: bool,
    now: Timestamp,
) -> Result<Who, StoreError> {
    if let Some(token) = bearer(headers) {
        let found = find(store, CredentialKind::Token, token, now).await?;
        let Some(credential) = found else { return Ok(Who::Nobody) };
        let scopes: Scopes = credential.scope.parse().unwrap_or_else(|_| Scopes::new(Vec::new()));
        let name = credential.by.clone();
        if credential.used.is_none_or(|used| now.since(used) >= NOTE_USE_EVERY) {
            let used = Credential { used: Some(now), ..credential };
            // Not worth a refusal: the token is good whether or not its use can be noted.
            drop(ask(store, move |store| store.put_credential(&used)).await);
        }
        return Ok(Who::Program { name, scopes });
    }
    let Some(cookie) = cookie(headers, https) else { return Ok(Who::Nobody) };
    Ok(match find(store, CredentialKind::Session, &cookie, now).await? {
        Some(credential) => {
            Who::Person { name: credential.by, csrf: digest("csrf", &cookie), session: credential.digest }
        }
        None => Who::Nobody,
    })
}

async fn find(
    store: &Arc<dyn Store>,
    kind: CredentialKind,
    secret: &str,
    now: Timestamp,
) -> Result<Option<Credential>, StoreError> {
    let key = digest(kind.word(), secret);
    let found = ask(store, move |store| store.credential(&key)).await?;
    Ok(found.filter(|credential| credential.kind == kind && !credential.is_expired(now)))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn cookie_name(https: bool) -> &'static str {
    // The prefix makes browsers refuse it from anywhere but this host over TLS; without TLS they would not keep it.
    if https { "__Host-muster" } else { "muster" }
}

fn cookie(headers: &HeaderMap, https: bool) -> Option<String> {
    let wanted = cookie_name(https);
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
}

/// The header that keeps a session in the browser.
pub fn set_cookie(secret: &str, https: bool) -> String {
    cookie_text(https, secret, SESSION_LASTS.as_millis() / 1000)
}

/// The header that takes it away again.
pub fn clear_cookie(https: bool) -> String {
    cookie_text(https, "", 0)
}

fn cookie_text(https: bool, value: &str, seconds: u64) -> String {
    let secure = if https { "; Secure" } else { "" };
    format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", cookie_name(https))
}
