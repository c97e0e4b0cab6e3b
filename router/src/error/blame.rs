//! What each error is called, and whose turn it is.

use super::{Blame, Error};

impl Error {
    /// A short stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Envelope(error) => error.code(),
            Self::Request(error) => error.code(),
            Self::Import(error) => error.code(),
            Self::Refused(refusal) => refusal.code(),
            Self::Unproven(_) => "unproven",
            Self::UnknownPeer(_) => "unknown_peer",
            Self::OtherKey { .. } => "already_admitted",
            Self::KeyTaken(_) => "key_taken",
            Self::Quota { .. } => "quota",
            Self::ShareFull { .. } => "share_full",
            Self::Malformed(_) => "malformed",
            Self::BadDecisionId => "bad_decision_id",
            Self::NoSuchDecision => "no_such_decision",
            Self::NoSuchHold => "no_such_hold",
            Self::NoSuchDeadLetter => "no_such_dead_letter",
            Self::RouteGone(_) => "route_gone",
            Self::IdReused { .. } => "id_reused",
            Self::NoSuchPeer(_) => "no_such_peer",
            Self::NoSuchViewpoint { .. } => "no_such_viewpoint",
            Self::NotFollowed(_) => "not_followed",
            Self::NoSuchRecord(_) => "no_such_record",
            Self::NotConvicted(_) => "not_convicted",
            Self::NoEvidence(_) => "no_evidence",
            Self::Erased(_) => "erased",
            Self::OtherEvidence(_) => "other_evidence",
            Self::Unsigned => "unsigned",
            Self::Stale => "stale",
            Self::EvidenceFull => "evidence_full",
            Self::NotImported(_) => "not_imported",
            Self::BadRequest(_) => "bad_request",
            Self::BodyTooLarge { .. } => "too_large",
            Self::BodyTooSlow => "too_slow",
            Self::BodyCut => "cut_short",
            Self::Busy => "busy",
            Self::Unauthorised | Self::WrongToken => "unauthorised",
            Self::NoHost => "no_host",
            Self::ForeignHost(_) => "foreign_host",
            Self::ForeignOrigin => "foreign_origin",
            Self::UnsupportedType(_) => "unsupported_type",
            Self::PoolFull => "pool_full",
            Self::JournalFull => "journal_full",
            Self::QueueFull => "queue_full",
            Self::HoldsFull => "holds_full",
            Self::NoRoute(_) => "no_route",
            Self::CatchingUp => "catching_up",
            Self::ClockInDoubt => "clock_in_doubt",
            Self::Starting => "starting",
            Self::Deadline => "deadline",
            Self::Listen { .. } => "listen",
            Self::Remote { .. } | Self::Answered { .. } => "remote",
            Self::Output(_) => "output",
            Self::NotServed(_) => "not_served",
            Self::ForeignFolder { .. } => "foreign_folder",
            Self::InUse { .. } => "in_use",
            Self::RolledBack(_) => "rolled_back",
            Self::Stopped { .. } => "stopped",
            Self::ShuttingDown => "shutting_down",
            Self::System { .. } => "system",
            Self::Broken { .. } => "broken",
            Self::Ledger(_) => "ledger",
            Self::Store(_) => "store",
            Self::DamagedRow { .. } => "damaged_row",
            Self::Config(_) => "config",
            Self::Policy(_) => "policy",
            Self::NoSuchTile => "no_such_tile",
            Self::Shared(error) => error.code(),
            Self::File { .. } => "file",
        }
    }

    /// Whose turn it is.
    #[expect(clippy::too_many_lines, reason = "a closed table: a new error has to be placed here")]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Envelope(error) => error.blame(),
            Self::Request(error) => error.blame(),
            Self::Import(error) => error.blame(),
            Self::Refused(refusal) => refusal.blame(),
            Self::Ledger(error) => error.blame(),
            Self::Shared(error) => error.blame(),
            Self::Unproven(_)
            | Self::UnknownPeer(_)
            | Self::Quota { .. }
            | Self::ShareFull { .. }
            | Self::IdReused { signed: true, .. } => Blame::Peer,
            Self::Malformed(_)
            | Self::BadDecisionId
            | Self::NoSuchDecision
            | Self::NoSuchHold
            | Self::NoSuchDeadLetter
            | Self::RouteGone(_)
            | Self::IdReused { signed: false, .. }
            | Self::NoSuchPeer(_)
            | Self::NoSuchViewpoint { .. }
            | Self::NotFollowed(_)
            | Self::NoSuchRecord(_)
            | Self::NotConvicted(_)
            | Self::NoEvidence(_)
            | Self::Erased(_)
            | Self::OtherEvidence(_)
            | Self::Unsigned
            | Self::Stale
            | Self::NoSuchTile
            | Self::NotServed(_)
            | Self::ForeignFolder { .. }
            | Self::OtherKey { .. }
            | Self::KeyTaken(_)
            | Self::Config(_)
            | Self::Policy(_)
            | Self::NotImported(_)
            | Self::BadRequest(_)
            | Self::BodyTooLarge { .. }
            | Self::BodyTooSlow
            | Self::BodyCut
            | Self::Unauthorised
            | Self::WrongToken
            | Self::NoHost
            | Self::ForeignHost(_)
            | Self::ForeignOrigin
            | Self::UnsupportedType(_) => Blame::Caller,
            Self::EvidenceFull
            | Self::Busy
            | Self::PoolFull
            | Self::JournalFull
            | Self::QueueFull
            | Self::HoldsFull
            | Self::NoRoute(_)
            | Self::CatchingUp
            | Self::ClockInDoubt
            | Self::Starting
            | Self::Deadline
            | Self::Listen { .. }
            | Self::Remote { .. }
            | Self::Answered { .. }
            | Self::InUse { .. }
            | Self::Output(_)
            | Self::RolledBack(_)
            | Self::Stopped { .. }
            | Self::ShuttingDown
            | Self::System { .. }
            | Self::Broken { .. }
            | Self::Store(_)
            | Self::DamagedRow { .. }
            | Self::File { .. } => Blame::Us,
        }
    }
}
