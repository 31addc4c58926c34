//! Which keys systemd and supervisor know, by section. What they do not know they pass over.

/// `[Unit]`, without `Assert…`, of which there is one for each `Condition…` (systemd.unit(5)).
const UNIT: &str = "\
    After AllowIsolate Before BindTo BindsTo CollectMode ConditionACPower ConditionArchitecture \
    ConditionCPUFeature ConditionCPUPressure ConditionCPUs ConditionCapability \
    ConditionControlGroupController ConditionCredential ConditionDirectoryNotEmpty ConditionEnvironment \
    ConditionFileIsExecutable ConditionFileNotEmpty ConditionFirmware ConditionFirstBoot ConditionFraction \
    ConditionGroup ConditionHost ConditionIOPressure ConditionKernelCommandLine ConditionKernelModuleLoaded \
    ConditionKernelVersion ConditionMemory ConditionMemoryPressure ConditionNeedsUpdate ConditionOSRelease \
    ConditionPathExists ConditionPathExistsGlob ConditionPathIsDirectory ConditionPathIsEncrypted \
    ConditionPathIsMountPoint ConditionPathIsReadWrite ConditionPathIsSocket ConditionPathIsSymbolicLink \
    ConditionSecurity ConditionUser ConditionVersion ConditionVirtualization Conflicts DebugInvocation \
    DefaultDependencies Description Documentation FailureAction FailureActionExitStatus IgnoreOnIsolate \
    JobRunningTimeoutSec JobTimeoutAction JobTimeoutRebootArgument JobTimeoutSec JoinsNamespaceOf OnFailure \
    OnFailureIsolate OnFailureJobMode OnSuccess OnSuccessJobMode PartOf PropagateReloadFrom \
    PropagateReloadTo PropagatesReloadTo PropagatesStopTo RebootArgument RefuseManualStart RefuseManualStop \
    ReloadPropagatedFrom Requires RequiresMountsFor RequiresOverridable Requisite RequisiteOverridable \
    SourcePath StartLimitAction StartLimitBurst StartLimitInterval StartLimitIntervalSec StopPropagatedFrom \
    StopWhenUnneeded SuccessAction SuccessActionExitStatus SurviveFinalKillSignal Upholds Wants \
    WantsMountsFor";
/// `[Install]`.
const INSTALL: &str = "\
    Alias Also DefaultInstance RequiredBy UpheldBy WantedBy";
/// `[Service]`, with what it shares with other kinds (systemd.service, .exec, .kill, .resource-control(5)), up to version 258.
const SERVICE: &str = "\
    AllowedCPUs AllowedMemoryNodes AmbientCapabilities AppArmorProfile BPFDelegateAttachments \
    BPFDelegateCommands BPFDelegateMaps BPFDelegatePrograms BPFProgram BindLogSockets BindPaths \
    BindReadOnlyPaths BlockIOAccounting BlockIODeviceWeight BlockIOReadBandwidth BlockIOWeight \
    BlockIOWriteBandwidth BusName CPUAccounting CPUAffinity CPUPressureThresholdSec CPUPressureWatch \
    CPUQuota CPUQuotaPeriodSec CPUSchedulingPolicy CPUSchedulingPriority CPUSchedulingResetOnFork CPUShares \
    CPUWeight CacheDirectory CacheDirectoryAccounting CacheDirectoryMode CacheDirectoryQuota \
    CapabilityBoundingSet ConfigurationDirectory ConfigurationDirectoryMode CoredumpFilter CoredumpReceive \
    DebugInvocation DefaultMemoryLow DefaultMemoryMin DefaultStartupMemoryLow Delegate DelegateSubgroup \
    DeviceAllow DevicePolicy DisableControllers DynamicUser Environment EnvironmentFile ExecCondition \
    ExecPaths ExecReload ExecReloadPost ExecSearchPath ExecStart ExecStartPost ExecStartPre ExecStop \
    ExecStopPost ExitType ExtensionDirectories ExtensionImagePolicy ExtensionImages FailureAction \
    FileDescriptorStoreMax FileDescriptorStorePreserve FinalKillSignal Group GuessMainPID IOAccounting \
    IODeviceLatencyTargetSec IODeviceWeight IOPressureThresholdSec IOPressureWatch IOReadBandwidthMax \
    IOReadIOPSMax IOSchedulingClass IOSchedulingPriority IOWeight IOWriteBandwidthMax IOWriteIOPSMax \
    IPAccounting IPAddressAllow IPAddressDeny IPCNamespacePath IPEgressFilterPath IPIngressFilterPath \
    IgnoreSIGPIPE ImportCredential InaccessibleDirectories InaccessiblePaths KeyringMode KillMode KillSignal \
    LimitAS LimitCORE LimitCPU LimitDATA LimitFSIZE LimitLOCKS LimitMEMLOCK LimitMSGQUEUE LimitNICE \
    LimitNOFILE LimitNPROC LimitRSS LimitRTPRIO LimitRTTIME LimitSIGPENDING LimitSTACK LoadCredential \
    LoadCredentialEncrypted LockPersonality LogExtraFields LogLevelMax LogNamespace LogRateLimitBurst \
    LogRateLimitIntervalSec LogsDirectory LogsDirectoryAccounting LogsDirectoryMode LogsDirectoryQuota \
    ManagedOOMMemoryPressure ManagedOOMMemoryPressureDurationSec ManagedOOMMemoryPressureLimit \
    ManagedOOMPreference ManagedOOMSwap MemoryAccounting MemoryDenyWriteExecute MemoryHigh MemoryKSM \
    MemoryLimit MemoryLow MemoryMax MemoryMin MemoryPressureThresholdSec MemoryPressureWatch MemorySwapMax \
    MemoryTHP MemoryZSwapMax MemoryZSwapWriteback MountAPIVFS MountFlags MountImagePolicy MountImages NFTSet \
    NUMAMask NUMAPolicy NetworkNamespacePath Nice NoExecPaths NoNewPrivileges NonBlocking NotifyAccess \
    OOMPolicy OOMScoreAdjust OpenFile PAMName PIDFile PassEnvironment PermissionsStartOnly Personality \
    PrivateBPF PrivateDevices PrivateIPC PrivateMounts PrivateNetwork PrivatePIDs PrivateTmp PrivateUsers \
    ProcSubset ProtectClock ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs \
    ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem ReadOnlyDirectories ReadOnlyPaths \
    ReadWriteDirectories ReadWritePaths RebootArgument RefreshOnReload ReloadSignal RemainAfterExit \
    RemoveIPC Restart RestartForceExitStatus RestartKillSignal RestartMaxDelaySec RestartMode \
    RestartPreventExitStatus RestartSec RestartSteps RestrictAddressFamilies RestrictFileSystems \
    RestrictNamespaces RestrictNetworkInterfaces RestrictRealtime RestrictSUIDSGID RootDirectory \
    RootDirectoryStartOnly RootEphemeral RootHash RootHashSignature RootImage RootImageOptions \
    RootImagePolicy RootVerity RuntimeDirectory RuntimeDirectoryMode RuntimeDirectoryPreserve RuntimeMaxSec \
    RuntimeRandomizedExtraSec SELinuxContext SecureBits SendSIGHUP SendSIGKILL SetCredential \
    SetCredentialEncrypted SetLoginEnvironment Slice SmackProcessLabel SocketBindAllow SocketBindDeny \
    Sockets StandardError StandardInput StandardInputData StandardInputText StandardOutput StartLimitAction \
    StartLimitBurst StartLimitInterval StartupAllowedCPUs StartupAllowedMemoryNodes StartupBlockIOWeight \
    StartupCPUShares StartupCPUWeight StartupIOWeight StartupMemoryHigh StartupMemoryLow StartupMemoryMax \
    StartupMemorySwapMax StartupMemoryZSwapMax StateDirectory StateDirectoryAccounting StateDirectoryMode \
    StateDirectoryQuota SuccessExitStatus SupplementaryGroups SyslogFacility SyslogIdentifier SyslogLevel \
    SyslogLevelPrefix SystemCallArchitectures SystemCallErrorNumber SystemCallFilter SystemCallLog \
    TTYColumns TTYPath TTYReset TTYRows TTYVHangup TTYVTDisallocate TasksAccounting TasksMax \
    TemporaryFileSystem TimeoutAbortSec TimeoutCleanSec TimeoutSec TimeoutStartFailureMode TimeoutStartSec \
    TimeoutStopFailureMode TimeoutStopSec TimerSlackNSec Type UMask USBFunctionDescriptors \
    USBFunctionStrings UnsetEnvironment User UserNamespacePath UtmpIdentifier UtmpMode WatchdogSec \
    WatchdogSignal WorkingDirectory";
/// `[Timer]` (systemd.timer(5)).
const TIMER: &str = "\
    AccuracySec DeferReactivation FixedRandomDelay OnActiveSec OnBootSec OnCalendar OnClockChange \
    OnStartupSec OnTimezoneChange OnUnitActiveSec OnUnitInactiveSec Persistent RandomizedDelaySec \
    RemainAfterElapse Unit WakeSystem";
/// `[Path]` (systemd.path(5)).
const PATH: &str = "\
    DirectoryMode DirectoryNotEmpty MakeDirectory PathChanged PathExists PathExistsGlob PathModified \
    TriggerLimitBurst TriggerLimitIntervalSec Unit";
/// `[program:x]`, and with a few more `[eventlistener:x]` and `[fcgi-program:x]`, as supervisor 4 reads them.
const PROGRAM: &str = "\
    autorestart autostart command directory environment exitcodes killasgroup numprocs numprocs_start \
    priority process_name redirect_stderr serverurl startretries startsecs stderr_capture_maxbytes \
    stderr_events_enabled stderr_logfile stderr_logfile_backups stderr_logfile_maxbytes stderr_syslog \
    stdout_capture_maxbytes stdout_events_enabled stdout_logfile stdout_logfile_backups \
    stdout_logfile_maxbytes stdout_syslog stopasgroup stopsignal stopwaitsecs umask user";
/// What an event listener has beyond that.
const LISTENER: &str = "\
    buffer_size events result_handler";
/// What a FastCGI program has beyond that.
const FCGI: &str = "\
    socket socket_backlog socket_mode socket_owner";

/// Sections of a unit and their keys.
const SECTIONS: [(&str, &str); 5] =
    [("Unit", UNIT), ("Install", INSTALL), ("Service", SERVICE), ("Timer", TIMER), ("Path", PATH)];

/// Sections whose keys are left alone.
const OTHERS: [&str; 7] = ["Socket", "Mount", "Automount", "Swap", "Slice", "Scope", "Target"];

/// What is wrong with a key of a unit; none where systemd knows it there, or it is not for us to say.
pub(super) fn of_unit(section: &str, key: &str) -> Option<String> {
    // Left to the programs that write them.
    if key.starts_with("X-") || section.starts_with("X-") {
        return None;
    }
    let known = |keys: &str| {
        let twin = key.strip_prefix("Assert").map(|rest| format!("Condition{rest}"));
        has(keys, key) || twin.is_some_and(|twin| has(keys, &twin))
    };
    if section.is_empty() {
        return Some("it stands before the first section".to_owned());
    }
    let Some((_, keys)) = SECTIONS.iter().find(|(name, _)| *name == section) else {
        let same = SECTIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(section));
        return match same {
            Some((name, _)) => Some(format!("there is no section [{section}]; [{name}] is meant")),
            None if OTHERS.contains(&section) => None,
            None => Some(format!("there is no section [{section}]")),
        };
    };
    if known(keys) {
        return None;
    }
    if let Some((name, _)) = SECTIONS.iter().find(|(_, keys)| known(keys)) {
        return Some(format!("it belongs to [{name}], not to [{section}]"));
    }
    if let Some((_, whose)) = FOREIGN.iter().find(|(word, _)| *word == key) {
        return Some(format!("systemd has no such key: it is {whose}"));
    }
    let folded = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    Some(match keys.split_whitespace().find(|name| folded(name) == folded(key)) {
        Some(name) => format!("systemd has no such key; {name} is meant"),
        None => "systemd has no such key".to_owned(),
    })
}

fn has(keys: &str, key: &str) -> bool {
    keys.split_whitespace().any(|known| known == key)
}

/// Words of others, and whose.
const FOREIGN: [(&str, &str); 8] = [
    ("memory_limit", "no key of systemd's (MemoryMax= is)"),
    ("max_memory_restart", "PM2's (MemoryMax= is systemd's)"),
    ("autorestart", "supervisor's (Restart= is systemd's)"),
    ("autostart", "supervisor's (`systemctl enable` is systemd's)"),
    ("mem_limit", "compose's (MemoryMax= is systemd's)"),
    ("command", "supervisor's (ExecStart= is systemd's)"),
    ("directory", "supervisor's (WorkingDirectory= is systemd's)"),
    ("Cwd", "no key of systemd's (WorkingDirectory= is)"),
];

/// What is wrong with a key of supervisor; none where it has an effect, or it is not for us to say.
pub(super) fn of_supervisor(section: &str, key: &str) -> Option<String> {
    let (kind, _) = section.split_once(':')?;
    let more = match kind {
        "program" => "",
        "eventlistener" => LISTENER,
        "fcgi-program" => FCGI,
        _ => return None,
    };
    let key = key.to_ascii_lowercase();
    if has(PROGRAM, &key) || has(more, &key) {
        return None;
    }
    Some(match key.as_str() {
        "memory_limit" | "max_memory" | "mem_limit" | "maxmem" | "memory_max" | "max_memory_restart" => {
            "supervisor limits no memory and passes it over".to_owned()
        }
        _ => "supervisor has no such key and passes it over".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_where_they_belong() {
        for (section, key) in [
            ("Service", "Restart"),
            ("Service", "StartLimitBurst"),
            ("Unit", "StartLimitIntervalSec"),
            ("Unit", "AssertPathExists"),
            ("Service", "RestartSteps"),
            ("Service", "X-Note"),
            ("X-Ours", "anything"),
            ("Mount", "What"),
        ] {
            assert_eq!(of_unit(section, key), None, "{section} {key}");
        }
        for (section, key, word) in [
            ("Unit", "Restart", "[Service]"),
            ("Service", "StartLimitIntervalSec", "[Unit]"),
            ("Service", "OnFailure", "[Unit]"),
            ("Service", "memory_limit", "MemoryMax"),
            ("Service", "restart_sec", "RestartSec"),
            ("service", "Restart", "[Service]"),
            ("", "Restart", "before"),
            ("Servcie", "Restart", "no section"),
        ] {
            assert!(of_unit(section, key).is_some_and(|why| why.contains(word)), "{section} {key}");
        }
        assert!(of_supervisor("program:a", "memory_limit").is_some());
        assert_eq!(of_supervisor("program:a", "stopasgroup"), None);
        assert_eq!(of_supervisor("eventlistener:a", "events"), None);
        assert_eq!(of_supervisor("supervisord", "memory_limit"), None);
    }
}
