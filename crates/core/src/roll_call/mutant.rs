//! Known bugs of other programs, to be switched on one at a time by tests that prove that they would be noticed.

/// One bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    /// The first page is lost and only the end is told.
    ResolveOnly,
    /// An end within a pause is told to nobody.
    PauseEatsResolve,
    /// Every restart begins all deadlines anew.
    RestartPostpones,
    /// The failure that the watchdog itself records counts as a sign of life.
    OwnFailureIsLife,
    /// Whatever holds a page back also holds back the end.
    SilenceEatsResolve,
    /// What never reported at all is taken as healthy.
    NewMeansHealthy,
    /// What was not seen is shown as well.
    UnknownIsGreen,
    /// A schedule that cannot be computed is skipped without a word.
    PoisonSchedule,
    /// Only the newest of several overlapping runs has a deadline.
    OnlyNewestRunTimed,
    /// A skipped run counts as a success.
    SkipIsSuccess,
    /// A pause never ends.
    EndlessPause,
    /// The count of bad verdicts never leads to an incident.
    AfterIgnored,
    /// Absence in a blind interval is taken as proof.
    BlindIsEvidence,
}
