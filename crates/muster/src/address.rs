//! Where the web page of the running agent is. The agent writes it down when it listens, because the configuration may
//! leave the port to the kernel.

use std::io;
use std::path::PathBuf;

use muster_host::atomic::{self, Durability};
use muster_host::state::Layout;

use crate::refusal::Refusal;

fn file(layout: &Layout) -> PathBuf {
    layout.root().join("agent.address")
}

/// Writes the address, such as `http://127.0.0.1:7077`.
///
/// # Errors
/// When the state directory cannot be written.
pub(crate) fn write(layout: &Layout, address: &str) -> io::Result<()> {
    atomic::write(&file(layout), format!("{address}\n").as_bytes(), 0o600, Durability::Kernel)
}

/// Takes it away at the end.
pub(crate) fn forget(layout: &Layout) {
    // A stale address only ever stands beside an agent that is not running, which is asked first.
    drop(std::fs::remove_file(file(layout)));
}

/// Reads it back.
///
/// # Errors
/// [`Refusal`] when it was never written or cannot be read.
pub(crate) fn read(layout: &Layout) -> Result<String, Refusal> {
    std::fs::read_to_string(file(layout)).map(|text| text.trim().to_owned()).map_err(|error| {
        Refusal::system("nobody wrote down where the web page is", &error).help("restart the agent")
    })
}
