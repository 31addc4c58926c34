//! Reads the keys that say which object of which store it is, and with what the store is asked.

use muster_config::secret::{MaybeSecret, SecretRef};
use muster_config::section::Section;
use muster_net::url::Url;
use rusty_s3::{Bucket, Credentials, UrlStyle};

use super::ask::is_askable;
use super::find::Place;
use crate::probe::{Miss, Scene};

/// What is looked for.
pub(super) fn place(section: &Section<'_>) -> Option<Place> {
    match (section.has("object"), section.has("prefix")) {
        (true, true) => {
            section.contradiction("prefix", "`object` names the object already", "take one of them out");
            None
        }
        (false, false) => {
            let path = section.path();
            section.missing(
                format!("[{path}] lacks `object` or `prefix`"),
                "add `object = \"backups/app.tar.zst\"` or `prefix = \"backups/app-\"`",
            );
            None
        }
        (true, false) => {
            for key in ["which", "max_count"].into_iter().filter(|key| section.has(key)) {
                section.no_effect(key, format!("`{key}` does nothing where `object` names one object"));
            }
            let object = section.text("object")?;
            if !is_askable(&object) {
                section.refuse(
                    "object",
                    "`.` and `..` between slashes cannot be asked for",
                    "look at its `prefix`",
                );
                return None;
            }
            Some(Place::Object(object))
        }
        (false, true) => section.text("prefix").map(Place::Prefix),
    }
}

/// With what requests are signed, before it is fetched.
#[derive(Debug)]
pub(super) struct Signer {
    key: MaybeSecret,
    secret: SecretRef,
    token: Option<SecretRef>,
}

/// With what requests are signed; none within, and the look is anonymous.
pub(super) fn credentials(section: &Section<'_>) -> Option<Option<Signer>> {
    let lacks = |key: &str, other: &str| {
        let path = section.path();
        section.missing(
            format!("[{path}] has a `{other}` without `{key}`"),
            format!("add `{key} = {{ env = \"S3_{}\" }}`, or take `{other}` out", key.to_uppercase()),
        );
        None
    };
    match (section.has("key"), section.has("secret"), section.has("token")) {
        (false, true, _) => lacks("key", "secret"),
        (true, false, _) => lacks("secret", "key"),
        (false, false, true) => lacks("key", "token"),
        (false, false, false) => Some(None),
        (true, true, _) => Some(Some(Signer {
            key: section.maybe_secret("key")?,
            secret: section.secret("secret")?,
            token: section.secret("token"),
        })),
    }
}

/// Where the store is, and the bucket there.
pub(super) fn bucket(section: &Section<'_>) -> Option<(Url, Bucket)> {
    let (text, name) = (section.text("endpoint")?, section.text("bucket")?);
    let endpoint = Url::parse(&text).ok()?;
    if endpoint.user().is_some() || text.contains(['?', '#']) {
        section.refuse("endpoint", "it is more than an address", "write it as in \"https://s3.example.com\"");
        return None;
    }
    if name.contains('/') {
        let help = "write what follows the slash in `object` or `prefix`";
        section.refuse("bucket", "the name of a bucket has no slash", help);
        return None;
    }
    let style = if section.choice("style")? == "host" { UrlStyle::VirtualHost } else { UrlStyle::Path };
    let address = text.parse().ok()?;
    match Bucket::new(address, style, name, section.text("region")?) {
        Ok(bucket) => Some((endpoint, bucket)),
        Err(error) => {
            section.refuse("bucket", format!("it makes no address: {error}"), "write `style = \"path\"`");
            None
        }
    }
}

impl Signer {
    /// Fetches the secrets.
    pub(super) async fn fetch(&self, scene: &Scene) -> Result<Credentials, Miss> {
        let key = scene.value(&self.key).await?;
        let secret = scene.secret(&self.secret).await?;
        Ok(match &self.token {
            None => Credentials::new(key, secret.expose()),
            Some(token) => {
                let token = scene.secret(token).await?;
                Credentials::new_with_token(key, secret.expose(), token.expose())
            }
        })
    }
}
