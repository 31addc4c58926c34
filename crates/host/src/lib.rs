//! Contact with this machine: clock, processes, files, locks, schedules.
