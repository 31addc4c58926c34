//! Known bugs of other programs, to be switched on one at a time by tests that prove that they would be noticed. The
//! bugs of delivery are in the simulation's post office.

/// One bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    /// The first page is lost and only the end is told.
    ResolveOnly,
    /// An end within a pause is told to nobody.
    PauseEatsResolve,
    /// What was not seen is shown as well.
    UnknownIsGreen,
    /// After a restart the rows are taken up one by one, a second each.
    StaggeredStart,
    /// At most one row is looked at in one tick.
    CrowdedTick,
    /// The failure that the watchdog itself records counts as a sign of life.
    OwnFailureIsLife,
    /// Every restart begins all deadlines anew.
    RestartPostpones,
    /// Whatever holds a page back also holds back the end.
    SilenceEatsResolve,
    /// People hear only when the state of the whole changes.
    OnlyGlobalStatus,
    /// What never reported at all is taken as healthy.
    NewMeansHealthy,
    /// One that hangs holds up those behind it.
    HungBlocksRest,
    /// An acknowledgement never expires.
    EndlessAcknowledgement,
    /// Every bad verdict is a page.
    PageStorm,
    /// A schedule that cannot be computed is skipped without a word.
    PoisonSchedule,
    /// Only the newest of several overlapping runs has a deadline.
    OnlyNewestRunTimed,
    /// A skipped run counts as a success.
    SkipIsSuccess,
    /// A pause never ends.
    EndlessPause,
    /// One good verdict makes all bad ones before it undone, where they count among several.
    GoodOnesForgiveAll,
    /// What nobody saw counts as good, and pushes bad ones out.
    UnknownPushesOut,
    /// Nobody looks when a maintenance ends.
    MaintenanceEndsUnseen,
    /// A maintenance goes on after its end.
    MaintenanceOutlivesItsEnd,
    /// An acknowledgement that ran out leaves the escalation where it was.
    StepsStopAtAcknowledgement,
    /// Whoever is told by a later step does not hear the end.
    StepForgetsWhomItTold,
    /// What lasts longer than usual is said when it ends.
    LongOnlyAtEnd,
    /// Absence in a blind interval is taken as proof.
    BlindIsEvidence,
}
