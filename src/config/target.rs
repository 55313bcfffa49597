//! What a connector is to do, whatever it does at the moment.

/// What a connector is to do: Kafka Connect's `TargetState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Run.
    Running,
    /// Keep its connections, and produce nothing.
    Paused,
    /// Have no task, so that its offsets may be changed.
    Stopped,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Running, Self::Paused, Self::Stopped];

    /// Connect's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
        }
    }

    /// The one of that name, whose case does not count.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name().eq_ignore_ascii_case(name))
    }
}
