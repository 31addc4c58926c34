//! What a host, or the deployer itself, can be asked to do.

use serde::{Deserialize, Serialize};

/// One thing to do on one host. Doing it twice is doing it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Looks whether everything is there; changes nothing.
    Preflight,
    /// Runs the command of the deployer that comes before everything that changes anything.
    Before,
    /// Brings the release to the host.
    Fetch,
    /// Runs the command that runs once for each deploy.
    Once,
    /// Starts the release on the side that serves nobody.
    Start,
    /// Stops the old release, then starts the new one: only one may run.
    Swap,
    /// Waits until the release was well so many times in a row.
    Probation,
    /// Leads requests to the new release.
    Flip,
    /// Watches for some time how the new release does.
    Watch,
    /// Asks through the front whether the new release answers.
    Verify,
    /// Asks through the public address, from where the deployer is.
    Public,
    /// The new release stays.
    Confirm,
    /// Waits for the requests that the old release still has.
    Drain,
    /// Writes the record, has the old release stopped when its time is over, removes what is too old.
    Finish,
    /// Runs the command of the deployer that follows a release which stays.
    After,
    /// Runs the command of the deployer that follows a release which does not stay.
    Failed,
    /// Leads requests to the old release, which is started again if it was stopped.
    Back,
    /// Stops the new release; it is kept with its last words.
    Withdraw,
}

impl Act {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Before => "before",
            Self::Fetch => "fetch",
            Self::Once => "once",
            Self::Start => "start",
            Self::Swap => "swap",
            Self::Probation => "probation",
            Self::Flip => "flip",
            Self::Watch => "watch",
            Self::Verify => "verify",
            Self::Public => "public",
            Self::Confirm => "confirm",
            Self::Drain => "drain",
            Self::Finish => "finish",
            Self::After => "after",
            Self::Failed => "failed",
            Self::Back => "back",
            Self::Withdraw => "withdraw",
        }
    }
}

/// What becomes of the deploy when a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It ends; nothing was touched.
    Abort,
    /// The new release is stopped everywhere; nobody was led to it.
    Withdraw,
    /// Every host goes back to the old release, then the new one is stopped.
    Back,
    /// It is decided: whoever did not hear of it is told again, and led to the new release again if need be.
    Insist,
    /// It is told, and the deploy goes on.
    Tell,
}
