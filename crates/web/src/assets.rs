//! The style sheet and the script, inside the program. Their names carry a digest, so they may be cached for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::guard::digest::hex;

/// Largest script in bytes: it is an addition, not the page.
pub const SCRIPT_LIMIT: usize = 8 * 1024;

static STYLE: &[u8] = include_bytes!("../assets/muster.css");
static SCRIPT: &[u8] = include_bytes!("../assets/muster.js");
static MARK: &[u8] = include_bytes!("../assets/mark.svg");

/// One file.
struct Asset {
    address: String,
    kind: &'static str,
    bytes: &'static [u8],
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        ("muster", "css", "text/css; charset=utf-8", STYLE),
        ("muster", "js", "text/javascript; charset=utf-8", SCRIPT),
        ("mark", "svg", "image/svg+xml", MARK),
    ]
    .map(|(name, ending, kind, bytes)| {
        let digest = hex(&Sha256::digest(bytes)[..6]);
        Asset { address: format!("/assets/{name}.{digest}.{ending}"), kind, bytes }
    })
});

/// Address of the style sheet.
pub fn style() -> &'static str {
    &ASSETS[0].address
}

/// Address of the script.
pub fn script() -> &'static str {
    &ASSETS[1].address
}

/// Address of the mark.
pub fn mark() -> &'static str {
    &ASSETS[2].address
}

/// `GET /assets/{file}`.
pub async fn get(Path(file): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.address.strip_prefix("/assets/") == Some(file.as_str())) {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ],
            asset.bytes,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_stays_small() {
        assert!(SCRIPT.len() <= SCRIPT_LIMIT, "{} bytes", SCRIPT.len());
    }

    #[test]
    fn a_name_carries_its_digest() {
        assert!(style().starts_with("/assets/muster.") && style().ends_with(".css"));
        assert_ne!(style(), script());
    }
}
