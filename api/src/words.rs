//! The closed lists of words that stand in the database, in answers and in requests.

use poem_openapi::Enum;
use sea_orm::sea_query::StringLen;
use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::{Deserialize, Serialize};

/// Declares an enum whose variants are words: stored as text, written to JSON and read from it in the same form.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
        #[sea_orm(rs_type = "String", db_type = "String(StringLen::N(24))")]
        #[oai(rename_all = "snake_case")]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_doc])* #[sea_orm(string_value = $word)] $variant),+
        }

        impl $name {
            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The variant of a word, if it is one of the list.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            /// Every word of the list.
            pub const ALL: &'static [&'static str] = &[$($word),+];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                Self::from_word(word).ok_or_else(|| format!("is one of: {}", Self::ALL.join(", ")))
            }
        }
    };
}

words! {
    /// What somebody is in a firm.
    Role {
        /// Runs the firm, schedules, makes users.
        FirmAdmin = "firm_admin",
        /// Checks, corrects and publishes visits.
        Reviewer = "reviewer",
        /// Visits branches.
        Auditor = "auditor",
        /// Reads a chain or a region.
        ChainViewer = "chain_viewer",
        /// Reads some branches and works on their actions.
        BranchManager = "branch_manager",
    }
}

words! {
    /// How far a membership has come.
    MembershipState { Pending = "pending", Active = "active", Disabled = "disabled" }
}

words! {
    /// What a credential is.
    CredentialKind { Password = "password", Totp = "totp", RecoveryCode = "recovery_code" }
}

words! {
    /// What a one-time link is for.
    LinkKind { Invitation = "invitation", Reset = "reset" }
}

words! {
    /// Whether a chain is the firm's client or a client's rival.
    ChainKind { Client = "client", Competitor = "competitor" }
}

words! {
    /// What may happen to call recordings of a chain.
    RecordingPolicy { Refuse = "refuse", NeedsProof = "needs_proof", Allow = "allow" }
}

words! {
    /// On what basis people may be recorded.
    ConsentBasis {
        /// Their contract of employment says that calls and visits may be recorded.
        EmployeeContract = "employee_contract",
        /// An agreement of the chain with its works council or union.
        WorksAgreement = "works_agreement",
        /// The person said or signed that they agree.
        ExplicitConsent = "explicit_consent",
        /// They were told of the recording at its beginning and went on.
        SpokenNotice = "spoken_notice",
        /// The law of the country lets whoever takes part in a conversation record it.
        OnePartyLaw = "one_party_law",
    }
}

words! {
    /// What a consent is about, the widest first.
    ConsentScope {
        /// All recordings at a chain's branches, over a time.
        Chain = "chain",
        /// All recordings at a branch, over a time.
        Branch = "branch",
        /// All recordings of a visit.
        Visit = "visit",
        /// One recording.
        Recording = "recording",
    }
}

words! {
    /// What a standard is for.
    StandardKind { Audit = "audit", Survey = "survey" }
}

words! {
    /// Where a scenario is played.
    ScenarioChannel { StoreVisit = "store_visit", Phone = "phone", Written = "written", Any = "any" }
}

words! {
    /// How far a version of a standard has come.
    VersionState { Draft = "draft", Published = "published", Retired = "retired" }
}

words! {
    /// What a wave is. Averages are over regular waves; the other kinds stand beside them.
    WaveKind {
        Regular = "regular", Baseline = "baseline", Preventive = "preventive",
        Competitor = "competitor", Dealer = "dealer", Peak = "peak",
    }
}

words! {
    /// How far an upload has come. `ended` is expired or given up.
    UploadState {
        Open = "open", Finished = "finished", Refused = "refused", Ended = "ended", Dropped = "dropped",
    }
}

words! {
    /// How far a wave has come.
    WaveState { Planned = "planned", Open = "open", Closed = "closed" }
}

words! {
    /// How far an assignment has come.
    AssignmentState {
        Open = "open", Claimed = "claimed", Assigned = "assigned", Started = "started",
        Fulfilled = "fulfilled", Declined = "declined", Cancelled = "cancelled", Expired = "expired",
    }
}

words! {
    /// How far a rehearsal has come.
    RehearsalState { Queued = "queued", Running = "running", Done = "done", Failed = "failed" }
}

words! {
    /// How far a visit has come.
    VisitState {
        Draft = "draft", Submitted = "submitted", InReview = "in_review", Returned = "returned",
        Resubmitted = "resubmitted", Approved = "approved", Published = "published", Rejected = "rejected",
    }
}

words! {
    /// Whether the visit could be made.
    Outcome {
        /// It was made.
        Completed = "completed",
        /// The branch was closed, refused, or it was not safe; with proof.
        Attempted = "attempted",
    }
}

words! {
    /// Why a visit could not be made.
    AttemptedBecause {
        /// The branch was closed.
        Closed = "closed",
        /// The auditor was turned away.
        Refused = "refused",
        /// It was not safe.
        Unsafe = "unsafe",
    }
}

words! {
    /// How far a question has come.
    QuestionState {
        /// It waits for the auditor.
        Open = "open",
        /// It waits for a reviewer.
        Answered = "answered",
        /// It is settled.
        Closed = "closed",
    }
}

words! {
    /// The part of the day of a visit at its branch: what people outside the firm read instead of the time.
    PartOfDay {
        /// Before noon.
        Morning = "morning",
        /// From noon to five.
        Afternoon = "afternoon",
        /// From five on.
        Evening = "evening",
    }
}

words! {
    /// Whether a visit counts in reports. An excluded one may still be payable.
    Reporting { Included = "included", Excluded = "excluded" }
}

words! {
    /// Why a visit was kept and flagged instead of refused.
    QuarantineReason {
        ArrivedLate = "arrived_late", AssignmentWithdrawn = "assignment_withdrawn",
        AssignmentFulfilled = "assignment_fulfilled", WaveClosed = "wave_closed", Copy = "copy",
    }
}

words! {
    /// What a revision is.
    RevisionKind {
        Submission = "submission", Resubmission = "resubmission", Correction = "correction", Appeal = "appeal",
        /// More evidence for answers that stay as they are.
        Addition = "addition",
    }
}

words! {
    /// What a piece of evidence is.
    EvidenceKind { Photo = "photo", Recording = "recording", Document = "document" }
}

words! {
    /// How far a piece of evidence has come.
    EvidenceState {
        Declared = "declared", Uploading = "uploading", Stored = "stored", Processed = "processed",
        Unpreviewable = "unpreviewable", Refused = "refused", Lost = "lost", Purged = "purged",
    }
}

words! {
    /// What a transcript was made from.
    TranscriptFormat {
        /// A WebVTT file.
        Webvtt = "webvtt",
        /// A SubRip file (SRT).
        Subrip = "subrip",
        /// A plain text.
        Text = "text",
        /// The answer of the transcription service.
        Service = "service",
    }
}

words! {
    /// How far the work of the transcription service on a recording has come.
    TranscriptionState { Queued = "queued", Done = "done", Failed = "failed" }
}

words! {
    /// How far an action has come.
    ActionState {
        Proposed = "proposed", Open = "open", InProgress = "in_progress", Done = "done",
        Verified = "verified", Reopened = "reopened", Dropped = "dropped",
    }
}

words! {
    /// How far an appeal has come.
    AppealState {
        /// Not decided yet.
        Open = "open",
        /// The branch was right; the score was corrected.
        Upheld = "upheld",
        /// The finding stands.
        Declined = "declined",
        /// Taken back by whoever brought it.
        Withdrawn = "withdrawn",
    }
}

words! {
    /// A class of data with a period of its own.
    DataClass {
        /// Photos: what was sent, previews, what they look like.
        Photos = "photos",
        /// Recordings: what was sent, waveforms and transcripts.
        Recordings = "recordings",
        /// Documents.
        Documents = "documents",
        /// What cameras wrote into photos, and the originals that hold it; previews stay.
        Exif = "exif",
        /// Where auditors were, and with which phone.
        Positions = "positions",
        /// What people wrote: texts, comments, reasons, names of files, drafts.
        FreeText = "free_text",
        /// Names and addresses of auditors who left.
        AuditorIdentity = "auditor_identity",
    }
}

words! {
    /// What a hold is on.
    HeldObject { Visit = "visit", Branch = "branch", Chain = "chain", Person = "person" }
}

words! {
    /// Why something was purged: its period ended, or its person was erased.
    PurgeReason { Retention = "retention", Erasure = "erasure" }
}

words! {
    /// How far a purge has come.
    PurgeState { Running = "running", Done = "done" }
}

words! {
    /// Why somebody is erased. `retention`: they left, and the period of their identity ended.
    ErasureReason { Request = "request", Left = "left", Other = "other", Retention = "retention" }
}

words! {
    /// What is erased: everything that goes back to the person, or who they are alone.
    ErasureExtent { Person = "person", Identity = "identity" }
}

words! {
    /// How far an erasure has come; `waiting` for holds to end.
    ErasureState { Running = "running", Waiting = "waiting", Done = "done" }
}

words! {
    /// How far a job has come.
    JobState { Ready = "ready", Running = "running", Dead = "dead" }
}

words! {
    /// What a signal says: that something about a visit does not fit together. A reason to look, never a verdict.
    SignalCode {
        /// The auditor was there, or filed, outside the window of the assignment.
        OutsideWindow = "outside_window",
        /// Shorter at the branch than its questions take.
        ShortStay = "short_stay",
        /// A position farther from the branch than its own error explains.
        OutsideFence = "outside_fence",
        /// The phone says that an app made up the position.
        MockPosition = "mock_position",
        /// A position without any error, which no receiver measures.
        AccuracyZero = "accuracy_zero",
        /// Two visits of one auditor that nobody can have made one after the other.
        ImpossibleTravel = "impossible_travel",
        /// The phone's clock was wrong when it sent the visit.
        ClockSkew = "clock_skew",
        /// The phone's clock was set back, or its times are in an impossible order.
        ClockBackwards = "clock_backwards",
        /// A file that was taken at another time than that of the visit.
        CaptureTime = "capture_time",
        /// The same file was stored with another visit before.
        SameFile = "same_file",
        /// A photo that looks like one of another visit.
        NearDuplicate = "near_duplicate",
        /// A photo that a program for editing photos has written.
        EditorSoftware = "editor_software",
        /// A picture of a screen where a photo is asked for.
        Screenshot = "screenshot",
        /// A recording shorter than the call that it is to prove.
        ShortRecording = "short_recording",
        /// What was written stands in another visit too.
        SameText = "same_text",
        /// The same answer again and again.
        StraightLining = "straight_lining",
        /// Filled in far faster than others do.
        Speeding = "speeding",
        /// The same answers as in another visit of the auditor.
        DuplicateAnswers = "duplicate_answers",
        /// One phone, several auditors.
        SharedDevice = "shared_device",
    }
}

words! {
    /// What a reviewer made of a signal.
    SignalVerdict {
        /// Something was wrong with the visit, as it said.
        Right = "right",
        /// Nothing was wrong.
        Wrong = "wrong",
    }
}

words! {
    /// What a notice tells.
    NoticeKind {
        /// An assignment was given to an auditor.
        AssignmentGiven = "assignment_given",
        /// An assignment of an auditor was taken back for good.
        AssignmentCancelled = "assignment_cancelled",
        /// A visit came back to its auditor, to be filed again.
        VisitReturned = "visit_returned",
        /// A visit was not accepted.
        VisitRejected = "visit_rejected",
        /// A visit was accepted.
        VisitApproved = "visit_approved",
        /// A reviewer corrected a visit.
        VisitCorrected = "visit_corrected",
        /// A visit was published: for who filed it.
        VisitPublished = "visit_published",
        /// A reviewer asks the auditor about something that does not fit together.
        SignalShared = "signal_shared",
        /// A reviewer asks the auditor.
        QuestionAsked = "question_asked",
        /// The auditor answered a question.
        QuestionAnswered = "question_answered",
        /// An appeal waits for its decision.
        AppealOpened = "appeal_opened",
        /// An appeal waits no longer.
        AppealWithdrawn = "appeal_withdrawn",
        /// An appeal was decided: for who filed it.
        AppealDecided = "appeal_decided",
        /// A visit was drawn for a second scoring.
        SecondScoringWaiting = "second_scoring_waiting",
        /// A result was published: for its chain.
        ResultPublished = "result_published",
        /// A result was withdrawn: for its chain.
        ResultWithdrawn = "result_withdrawn",
    }
}

words! {
    /// What kind of object a notice is about.
    NoticeAbout { Assignment = "assignment", Visit = "visit", Result = "result", Appeal = "appeal" }
}

words! {
    /// When notices go out by mail.
    NoticeDigest {
        /// As soon as something happens.
        Immediate = "immediate",
        /// Once a day, at 06:00 UTC.
        Daily = "daily",
        /// Never.
        Off = "off",
    }
}

words! {
    /// How far a second scoring has come.
    SecondScoringState {
        /// It was drawn.
        Waiting = "waiting",
        /// Answers are kept and not yet submitted.
        Scoring = "scoring",
        /// It is done.
        Submitted = "submitted",
        /// It will not be done.
        Dropped = "dropped",
    }
}
