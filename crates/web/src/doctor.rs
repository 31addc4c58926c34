//! The chart of this host: what the doctor found when the agent last had it examined.

use std::io;

use muster_doctor::chart::Chart;
use muster_host::state::Layout;

use crate::records::blocking;

/// Largest chart that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// Reads it; none where the host was not examined yet.
///
/// # Errors
/// In words: it cannot be read.
pub async fn chart(layout: &Layout) -> Result<Option<Chart>, String> {
    let path = layout.chart();
    let read = move || {
        let size = match std::fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|error| error.to_string())?.len(),
        };
        if size > LARGEST {
            return Err(format!("it has {size} bytes"));
        }
        let text = std::fs::read(&path).map_err(|error| error.to_string())?;
        serde_json::from_slice(&text).map(Some).map_err(|error| error.to_string())
    };
    blocking(read).await.unwrap_or_else(|| Err("it could not be read in time".to_owned()))
}
