//! Who may do what, in which state of the object, and how far it reaches: the tables that every endpoint asks.
//!
//! [`RIGHTS`] gives each role its rights and how far they reach; [`OPERATIONS`] says which right every operation of the
//! API takes and in which states its object allows it. `peegel openapi --rights` prints both as one
//! (`openapi/rights.md`). An object beyond the reach is not there: 404.

use poem_openapi::Enum;
use serde::{Deserialize, Serialize};

use crate::states;
use crate::words::Role;
use crate::words::Role::{Auditor, BranchManager, ChainViewer, FirmAdmin, Reviewer};

/// What a role may be given, and an API key of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Read and change what the firm demands of its members.
    ManageFirm,
    /// Make, list, change and sign out people.
    ManageUsers,
    /// Make, list and revoke API keys of one's own; firm admins list and revoke those of the whole firm.
    ManageApiKeys,
    /// Make chains, regions, branches and waves.
    ManageChains,
    /// Read chains, regions, branches and waves.
    ReadChains,
    /// Import, check, edit, publish and retire standards, and make scenarios.
    ManageStandards,
    /// Read standards.
    ReadStandards,
    /// Read the library of items and scenarios, and the firm's own scenarios.
    ReadLibrary,
    /// Make assignments.
    ManageAssignments,
    /// Read assignments.
    ReadAssignments,
    /// File visits and their evidence.
    FileVisits,
    /// Read visits, their scores, their evidence and the consents to it.
    ReadVisits,
    /// Record and withdraw consents to recordings.
    RecordConsents,
    /// Attach transcripts to recordings, and remove them.
    ManageTranscripts,
    /// Look for words in all transcripts of the firm.
    SearchTranscripts,
    /// Review, correct and publish visits.
    ReviewVisits,
    /// Write on questions about visits.
    AnswerQuestions,
    /// Read published results, scorecards, action plans, reports and appeals.
    ReadResults,
    /// Appeal against what was found, and take it back.
    FileAppeals,
    /// Work on actions.
    WorkActions,
    /// Read what one is told, and say how one wants to be told.
    ReadNotices,
    /// Read the firm's history.
    ReadEvents,
    /// Say how long data is kept, hold it, see what was purged, erase people and export what is held on them.
    ManagePrivacy,
    /// See what the firm's jobs wait for, and run again those that were given up.
    ManageJobs,
}

/// How far a right reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everything of the firm.
    Firm,
    /// What the scope of the membership names: a chain, one region of it, or branches.
    Scope,
    /// What is the caller's own: assignments in their hands or open to all, with the chains, branches, waves and
    /// standards of these; visits that they file; keys that they made; what they are told.
    Own,
}
use Reach::{Firm, Own, Scope};

/// The rights of the roles. What is not named is forbidden.
const RIGHTS: &[(Right, &[(Role, Reach)])] = {
    use Right::*;
    &[
        (ManageFirm, &[(FirmAdmin, Firm)]),
        (ManageUsers, &[(FirmAdmin, Firm)]),
        (
            ManageApiKeys,
            &[(FirmAdmin, Firm), (Reviewer, Own), (Auditor, Own), (ChainViewer, Own), (BranchManager, Own)],
        ),
        (ManageChains, &[(FirmAdmin, Firm)]),
        (
            ReadChains,
            &[(FirmAdmin, Firm), (Reviewer, Firm), (Auditor, Own), (ChainViewer, Scope), (BranchManager, Scope)],
        ),
        (ManageStandards, &[(FirmAdmin, Firm)]),
        (
            ReadStandards,
            &[(FirmAdmin, Firm), (Reviewer, Firm), (Auditor, Own), (ChainViewer, Scope), (BranchManager, Scope)],
        ),
        (ReadLibrary, &[(FirmAdmin, Firm), (Reviewer, Firm)]),
        (ManageAssignments, &[(FirmAdmin, Firm)]),
        (ReadAssignments, &[(FirmAdmin, Firm), (Reviewer, Firm), (Auditor, Own)]),
        (FileVisits, &[(Auditor, Own)]),
        (ReadVisits, &[(FirmAdmin, Firm), (Reviewer, Firm), (Auditor, Own)]),
        (ManageTranscripts, &[(FirmAdmin, Firm), (Reviewer, Firm), (Auditor, Own)]),
        (SearchTranscripts, &[(FirmAdmin, Firm), (Reviewer, Firm)]),
        (RecordConsents, &[(FirmAdmin, Firm), (Reviewer, Firm), (Auditor, Own)]),
        (ReviewVisits, &[(FirmAdmin, Firm), (Reviewer, Firm)]),
        (AnswerQuestions, &[(FirmAdmin, Firm), (Reviewer, Firm), (Auditor, Own)]),
        (ReadResults, &[(FirmAdmin, Firm), (Reviewer, Firm), (ChainViewer, Scope), (BranchManager, Scope)]),
        (FileAppeals, &[(ChainViewer, Scope), (BranchManager, Scope)]),
        (WorkActions, &[(FirmAdmin, Firm), (Reviewer, Firm), (BranchManager, Scope)]),
        (ReadNotices, &[(FirmAdmin, Own), (Reviewer, Own), (Auditor, Own), (ChainViewer, Own), (BranchManager, Own)]),
        (ReadEvents, &[(FirmAdmin, Firm)]),
        (ManagePrivacy, &[(FirmAdmin, Firm)]),
        (ManageJobs, &[(FirmAdmin, Firm)]),
    ]
};

/// Rights that no API key is ever given: what decides who may do what stays with people.
const NEVER_FOR_KEYS: &[Right] = &[Right::ManageFirm, Right::ManageUsers, Right::ManageApiKeys, Right::ManagePrivacy];

/// What an operation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it tells nothing of anybody, or is how somebody comes to sign in.
    Nothing,
    /// A person who is signed in, whatever their memberships; it concerns nobody but themselves.
    Person,
    /// A right of the membership meant.
    To(Right),
}

/// In which states of its object an operation is possible; everywhere else it is 409.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// In every state, or there is no object yet.
    Always,
    /// While the wave is not closed.
    WaveNotClosed,
    /// Where the table of assignments has this move.
    Assignment(&'static str),
    /// Where the table of visits has this move.
    Visit(&'static str),
    /// Where the table of visits has the first of these moves; and the second, under conditions of its own (in the notes).
    Write(&'static str, &'static str),
    /// Where the table of questions has this move, or the other for auditors.
    Question(&'static str),
    /// Where the table of evidence has this move.
    Evidence(&'static str),
    /// Where the bytes of the file are stored.
    Stored,
    /// Where the table of appeals has this move.
    Appeal(&'static str),
    /// Where the table of waves has this move.
    Wave(&'static str),
    /// Where the table of versions of standards has this move.
    Version(&'static str),
    /// Where the table of second scorings has this move.
    SecondScoring(&'static str),
    /// Where the job was given up.
    Job,
    /// Where the table of actions leads to the state that the change names.
    Action,
}

/// Declares the operations together with their rows.
macro_rules! operations {
    ($($operation:ident $id:literal => $needs:expr, $when:expr;)+) => {
        /// An operation of the API, by its id in the document.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation {
            $(#[doc = concat!("`", $id, "`.")] $operation),+
        }

        /// One row an operation.
        const OPERATIONS: &[(Operation, &str, Needs, When)] = {
            use Needs::{Nothing, Person, To};
            use Right::*;
            use When::*;
            &[$((Operation::$operation, $id, $needs, $when)),+]
        };
    };
}

operations! {
    GetLivez "get_livez" => Nothing, Always;
    GetReadyz "get_readyz" => Nothing, Always;
    GetKeys "get_keys" => Nothing, Always;
    CreateSession "create_session" => Nothing, Always;
    RefreshSession "refresh_session" => Nothing, Always;
    RequestPasswordReset "request_password_reset" => Nothing, Always;
    FinishPasswordReset "finish_password_reset" => Nothing, Always;
    AcceptInvitation "accept_invitation" => Nothing, Always;
    GetUnsubscribePage "get_unsubscribe_page" => Nothing, Always;
    EndMails "end_mails" => Nothing, Always;

    GetMe "get_me" => Person, Always;
    AcceptMembership "accept_membership" => Person, Always;
    ListSessions "list_sessions" => Person, Always;
    EndSession "end_session" => Person, Always;
    DeleteSession "delete_session" => Person, Always;
    ChangePassword "change_password" => Person, Always;
    BeginTotp "begin_totp" => Person, Always;
    ConfirmTotp "confirm_totp" => Person, Always;
    RemoveTotp "remove_totp" => Person, Always;
    RenewRecoveryCodes "renew_recovery_codes" => Person, Always;
    ExportMyData "export_my_data" => Person, Always;

    GetFirm "get_firm" => To(ManageFirm), Always;
    UpdateFirm "update_firm" => To(ManageFirm), Always;
    CreateUser "create_user" => To(ManageUsers), Always;
    ListUsers "list_users" => To(ManageUsers), Always;
    UpdateUser "update_user" => To(ManageUsers), Always;
    InviteUser "invite_user" => To(ManageUsers), Always;
    SignOutUser "sign_out_user" => To(ManageUsers), Always;
    CreateApiKey "create_api_key" => To(ManageApiKeys), Always;
    ListApiKeys "list_api_keys" => To(ManageApiKeys), Always;
    RevokeApiKey "revoke_api_key" => To(ManageApiKeys), Always;
    ListNotices "list_notices" => To(ReadNotices), Always;
    ReadNotice "read_notice" => To(ReadNotices), Always;
    ReadNotices "read_notices" => To(ReadNotices), Always;
    GetNoticeSettings "get_notice_settings" => To(ReadNotices), Always;
    PutNoticeSettings "put_notice_settings" => To(ReadNotices), Always;
    ListEvents "list_events" => To(ReadEvents), Always;
    GetFirmRetention "get_firm_retention" => To(ManagePrivacy), Always;
    PutFirmRetention "put_firm_retention" => To(ManagePrivacy), Always;
    GetChainRetention "get_chain_retention" => To(ManagePrivacy), Always;
    PutChainRetention "put_chain_retention" => To(ManagePrivacy), Always;
    CreateHold "create_hold" => To(ManagePrivacy), Always;
    ListHolds "list_holds" => To(ManagePrivacy), Always;
    ReleaseHold "release_hold" => To(ManagePrivacy), Always;
    ListPurges "list_purges" => To(ManagePrivacy), Always;
    ListPurgeLines "list_purge_lines" => To(ManagePrivacy), Always;
    EraseUser "erase_user" => To(ManagePrivacy), Always;
    ListErasures "list_erasures" => To(ManagePrivacy), Always;
    ExportUserData "export_user_data" => To(ManagePrivacy), Always;
    ListJobs "list_jobs" => To(ManageJobs), Always;
    RetryJob "retry_job" => To(ManageJobs), Job;

    CreateChain "create_chain" => To(ManageChains), Always;
    ListChains "list_chains" => To(ReadChains), Always;
    GetChain "get_chain" => To(ReadChains), Always;
    UpdateChain "update_chain" => To(ManageChains), Always;
    CreateRegions "create_regions" => To(ManageChains), Always;
    ListRegions "list_regions" => To(ReadChains), Always;
    CreateBranches "create_branches" => To(ManageChains), Always;
    ListBranches "list_branches" => To(ReadChains), Always;
    GetBranch "get_branch" => To(ReadChains), Always;
    CreateWave "create_wave" => To(ManageChains), Always;
    ListWaves "list_waves" => To(ReadChains), Always;
    GetWave "get_wave" => To(ReadChains), Always;
    UpdateWave "update_wave" => To(ManageChains), Always;
    OpenWave "open_wave" => To(ManageChains), Wave("open");
    CloseWave "close_wave" => To(ManageChains), Wave("close");

    ImportStandard "import_standard" => To(ManageStandards), Always;
    CheckStandard "check_standard" => To(ManageStandards), Always;
    PublishStandard "publish_standard" => To(ManageStandards), Version("publish");
    ListStandards "list_standards" => To(ReadStandards), Always;
    GetStandardVersion "get_standard_version" => To(ReadStandards), Always;
    PutStandardVersion "put_standard_version" => To(ManageStandards), Version("edit");
    UpdateStandardVersion "update_standard_version" => To(ManageStandards), Version("edit");
    PutStandardItem "put_standard_item" => To(ManageStandards), Version("edit");
    DeleteStandardItem "delete_standard_item" => To(ManageStandards), Version("edit");
    CompareStandardVersions "compare_standard_versions" => To(ReadStandards), Always;
    CopyStandardVersion "copy_standard_version" => To(ManageStandards), Always;
    RetireStandardVersion "retire_standard_version" => To(ManageStandards), Version("retire");
    ListLibraryItems "list_library_items" => To(ReadLibrary), Always;
    GetLibraryItem "get_library_item" => To(ReadLibrary), Always;
    ListLibraryScenarios "list_library_scenarios" => To(ReadLibrary), Always;
    GetLibraryScenario "get_library_scenario" => To(ReadLibrary), Always;
    CreateScenario "create_scenario" => To(ManageStandards), Always;
    ListScenarios "list_scenarios" => To(ReadLibrary), Always;
    GetScenario "get_scenario" => To(ReadLibrary), Always;
    PutScenario "put_scenario" => To(ManageStandards), Always;
    GetScenarioVersion "get_scenario_version" => To(ReadLibrary), Always;
    CreateRehearsal "create_rehearsal" => To(ManageStandards), Always;
    ListRehearsals "list_rehearsals" => To(ManageStandards), Always;
    GetRehearsal "get_rehearsal" => To(ManageStandards), Always;
    GetRehearsalReport "get_rehearsal_report" => To(ManageStandards), Always;

    CreateAssignments "create_assignments" => To(ManageAssignments), WaveNotClosed;
    ListAssignments "list_assignments" => To(ReadAssignments), Always;
    GetAssignment "get_assignment" => To(ReadAssignments), Always;
    ClaimAssignment "claim_assignment" => To(FileVisits), Assignment("claim");
    DeclineAssignment "decline_assignment" => To(FileVisits), Assignment("decline");
    HandBackAssignment "hand_back_assignment" => To(FileVisits), Assignment("hand_back");
    CancelAssignment "cancel_assignment" => To(ManageAssignments), Assignment("cancel");

    PutVisit "put_visit" => To(FileVisits), Write("submit", "add_evidence");
    ListVisits "list_visits" => To(ReadVisits), Always;
    GetVisit "get_visit" => To(ReadVisits), Always;
    GetVisitScores "get_visit_scores" => To(ReadVisits), Always;
    GetVisitReceipt "get_visit_receipt" => To(ReadVisits), Always;
    GetEvidenceReceipt "get_evidence_receipt" => To(ReadVisits), Always;
    ListChanges "list_changes" => To(FileVisits), Always;
    PushVisits "push_visits" => To(FileVisits), Always;
    PutEvidenceContent "put_evidence_content" => To(FileVisits), Evidence("store");
    LoseEvidence "lose_evidence" => To(FileVisits), Evidence("lose");
    DiscoverUploads "discover_uploads" => Nothing, Always;
    CreateUpload "create_upload" => To(FileVisits), Evidence("upload");
    GetUpload "get_upload" => Nothing, Always;
    AppendUpload "append_upload" => Nothing, Always;
    DeleteUpload "delete_upload" => Nothing, Always;
    GetEvidenceContent "get_evidence_content" => To(ReadVisits), Always;
    GetEvidencePreview "get_evidence_preview" => To(ReadVisits), Always;
    PutEvidenceTranscript "put_evidence_transcript" => To(ManageTranscripts), Stored;
    GetEvidenceTranscript "get_evidence_transcript" => To(ReadVisits), Always;
    DeleteEvidenceTranscript "delete_evidence_transcript" => To(ManageTranscripts), Always;
    SearchTranscripts "search_transcripts" => To(SearchTranscripts), Always;
    CreateTranscription "create_transcription" => To(ReviewVisits), Stored;
    GetTranscription "get_transcription" => To(ReadVisits), Always;
    UpdateEvidence "update_evidence" => To(ReviewVisits), Always;
    CreateConsent "create_consent" => To(RecordConsents), Always;
    ListConsents "list_consents" => To(ReadVisits), Always;
    GetConsent "get_consent" => To(ReadVisits), Always;
    WithdrawConsent "withdraw_consent" => To(RecordConsents), Always;
    CreateEvidenceLink "create_evidence_link" => To(ReadVisits), Always;
    GetLink "get_link" => Nothing, Always;
    GetEvidenceWaveform "get_evidence_waveform" => To(ReadVisits), Always;
    ListSuggestions "list_suggestions" => To(ReadVisits), Always;
    ListSimilarEvidence "list_similar_evidence" => To(ReviewVisits), Always;

    ReviewVisit "review_visit" => To(ReviewVisits), Write("review", "take_over");
    ReleaseVisit "release_visit" => To(ReviewVisits), Visit("release");
    ReturnVisit "return_visit" => To(ReviewVisits), Visit("return");
    RejectVisit "reject_visit" => To(ReviewVisits), Visit("reject");
    ReopenVisit "reopen_visit" => To(ReviewVisits), Visit("reopen");
    ApproveVisit "approve_visit" => To(ReviewVisits), Visit("approve");
    PublishVisit "publish_visit" => To(ReviewVisits), Visit("publish");
    UnpublishVisit "unpublish_visit" => To(ReviewVisits), Visit("unpublish");

    ListReviewQueue "list_review_queue" => To(ReviewVisits), Always;
    GetReviewView "get_review_view" => To(ReviewVisits), Always;
    ListRevisions "list_revisions" => To(ReadVisits), Always;
    CorrectVisit "correct_visit" => To(ReviewVisits), Visit("correct");
    PutCorrectionDraft "put_correction_draft" => To(ReviewVisits), Always;
    GetCorrectionDraft "get_correction_draft" => To(ReviewVisits), Always;
    DeleteCorrectionDraft "delete_correction_draft" => To(ReviewVisits), Always;
    CreateQuestion "create_question" => To(ReviewVisits), Always;
    ListQuestions "list_questions" => To(ReadVisits), Always;
    AddQuestionMessage "add_question_message" => To(AnswerQuestions), Question("ask");
    CloseQuestion "close_question" => To(ReviewVisits), Question("close");
    ExcludeVisit "exclude_visit" => To(ReviewVisits), Visit("exclude");
    IncludeVisit "include_visit" => To(ReviewVisits), Visit("include");
    ClearQuarantine "clear_quarantine" => To(ReviewVisits), Visit("clear_quarantine");
    ListSecondScorings "list_second_scorings" => To(ReviewVisits), Always;
    GetSecondScoring "get_second_scoring" => To(ReviewVisits), Always;
    PutSecondScoring "put_second_scoring" => To(ReviewVisits), SecondScoring("save");
    SubmitSecondScoring "submit_second_scoring" => To(ReviewVisits), SecondScoring("submit");
    DropSecondScoring "drop_second_scoring" => To(ReviewVisits), SecondScoring("drop");
    GetAgreement "get_agreement" => To(ReviewVisits), Always;
    GetVisitPreview "get_visit_preview" => To(ReviewVisits), Always;
    ListWavePreview "list_wave_preview" => To(ReviewVisits), Always;
    PublishWave "publish_wave" => To(ReviewVisits), Always;
    GetWaveChecklist "get_wave_checklist" => To(ReviewVisits), Always;

    ListSignals "list_signals" => To(ReadVisits), Always;
    ShareSignal "share_signal" => To(ReviewVisits), Always;
    AnswerSignal "answer_signal" => To(FileVisits), Always;
    JudgeSignal "judge_signal" => To(ReviewVisits), Always;
    GetSignalPrecision "get_signal_precision" => To(ReviewVisits), Always;

    ListResults "list_results" => To(ReadResults), Always;
    GetResult "get_result" => To(ReadResults), Always;
    GetResultReceipt "get_result_receipt" => To(ReadResults), Always;
    GetResultPhoto "get_result_photo" => To(ReadResults), Always;
    CreateResultPhotoLink "create_result_photo_link" => To(ReadResults), Always;
    CreateAppeal "create_appeal" => To(FileAppeals), Always;
    ListAppeals "list_appeals" => To(ReadResults), Always;
    GetAppeal "get_appeal" => To(ReadResults), Always;
    PutAppealFile "put_appeal_file" => To(FileAppeals), Appeal("attach");
    GetAppealFile "get_appeal_file" => To(ReadResults), Always;
    CreateAppealFileLink "create_appeal_file_link" => To(ReadResults), Always;
    WithdrawAppeal "withdraw_appeal" => To(FileAppeals), Appeal("withdraw");
    UpholdAppeal "uphold_appeal" => To(ReviewVisits), Appeal("uphold");
    DeclineAppeal "decline_appeal" => To(ReviewVisits), Appeal("decline");
    GetAppealRates "get_appeal_rates" => To(ReadEvents), Always;
    GetBranchScorecard "get_branch_scorecard" => To(ReadResults), Always;
    GetRegionScorecard "get_region_scorecard" => To(ReadResults), Always;
    GetChainScorecard "get_chain_scorecard" => To(ReadResults), Always;
    GetActionPlan "get_action_plan" => To(ReadResults), Always;
    GetActionPlanPdf "get_action_plan_pdf" => To(ReadResults), Always;
    CreateActionPlanLink "create_action_plan_link" => To(ReadResults), Always;
    UpdateAction "update_action" => To(WorkActions), Action;
}

/// What is true of many rows and stands in none; printed under the table.
const NOTES: &str = "\
- `firm`: everything of the firm. `chain`, `branches`: what the scope of the membership names (a chain or one region of
  it; branches). `own`: assignments in the auditor's hands or open to all, the chains,
  branches, waves and standards of these, visits that they file, keys that one made.
  What lies beyond the reach is 404, like what does not exist; what the role may not do at all is 403.
- Chain and region scorecards are of whole chains and regions: a branch manager reaches none of them, a viewer of one
  region only that region's.
- Results are visits that are published and counted, as their chain sees them; before they are not there, and what was
  taken back is 410 `withdrawn`.
- Appeals are decided by somebody who neither filed the visit (403 `own_visit`) nor had it for review, approved or
  corrected it (403 `first_reviewer`) nor brought the appeal (403 `own_appeal`). Who brought one takes it back, or a chain
  viewer who reaches it (403 `not_yours`).
- Lists hold what the reach holds. Standards reach chain viewers and branch managers as far as their chain was measured
  by them; drafts of standards only firm admins and reviewers.
- Nobody reviews a visit that they filed themselves (under any membership): 403 `own_visit`. A visit taken for review is
  moved on by who took it or by a firm admin: 403 `not_the_reviewer`.
- A visit that was drawn for a second scoring is scored by one other reviewer, whom the draw chooses: 403 `not_the_scorer`
  for everybody else; firm admins may drop it too. Until it is submitted or dropped, everything else of the visit is 403
  `blind` for who scores it, and their answers are so for everybody else until the visit is approved too.
- Everybody reads their own notices and no others. The address that a letter holds ends its mails for whoever has it:
  `get_unsubscribe_page` and `end_mails` ask for nothing else.
- Recordings and their transcripts are for those who see the visit and only where the recording may be heard: 403
  `recording_not_permitted`. An auditor replaces and removes no transcript but their own: 403 `transcript_of_others`.
- Auditors see the signals of their visits that a reviewer shared, and answer each once (409 `already_answered`). Of a
  visit that they filed themselves, reviewers and firm admins see no others, and share and judge none (403 `own_visit`).
- `review_visit` with `take_over` also takes a visit in review from its reviewer, who has done nothing about it for four
  hours (409 `not_idle`). What concerns a visit in review (corrections, drafts of them, excluding, clearing) is for who
  took it or a firm admin: 403 `not_the_reviewer`. A correction is put aside where one can be made.
- Questions are asked about visits that were filed. Auditors write on those about their own visits.
- `put_visit` also adds files to a visit that waits for its review (submitted, resubmitted), when the answers stay as
  they are.
- Auditors read the scenario that they play with its assignment, without what is looked for; a chain reads its name with
  the result.
- An operation in a state that the last column does not name is 409 `illegal_state`. A write that comes again is answered
  as the first time, whatever the state.
- The address of an upload is a secret that `create_upload` gives to an auditor: whoever has it can go on with that one
  upload for 7 days, as long as the membership may file visits. `get_upload`, `append_upload` and `delete_upload` ask for
  nothing else.
- The address that `create_evidence_link` and its like give opens that one file for five minutes, for whoever has it: as
  long as its maker is signed in, has the same role and may read the file. `get_link` asks for nothing else.
- Auditors record and withdraw consents for visits that they file, not for branches and chains.
- `person`: everybody who is signed in, for themselves alone; no API key. API keys are given rights (second column) that
  the role has; never manage_firm, manage_users, manage_api_keys or manage_privacy.
";

impl Operation {
    fn row(self) -> Option<&'static (Self, &'static str, Needs, When)> {
        OPERATIONS.iter().find(|(operation, ..)| *operation == self)
    }

    /// The right that it takes; none for what needs no membership.
    pub fn right(self) -> Option<Right> {
        match self.row()?.2 {
            Needs::To(right) => Some(right),
            Needs::Nothing | Needs::Person => None,
        }
    }
}

/// How far a right reaches for a role; none when the role does not have it.
pub fn reach(role: Role, right: Right) -> Option<Reach> {
    let (_, roles) = RIGHTS.iter().find(|(named, _)| *named == right)?;
    roles.iter().find(|(named, _)| *named == role).map(|(_, reach)| *reach)
}

/// Whether an API key of a role may be given a right: never more than the role itself has.
pub fn may_be_granted(role: Role, right: Right) -> bool {
    !NEVER_FOR_KEYS.contains(&right) && reach(role, right).is_some()
}

/// Whether a firm may demand a second factor of a role.
pub fn needs_second_factor(role: Role) -> bool {
    matches!(role, FirmAdmin | Reviewer)
}

/// Whether a role sees standards that are not published yet.
pub fn sees_drafts(role: Role) -> bool {
    matches!(role, FirmAdmin | Reviewer)
}

/// What an operation needs, by its id in the document; none when it has no row.
pub fn needs(id: &str) -> Option<Needs> {
    OPERATIONS.iter().find(|(_, named, ..)| *named == id).map(|(_, _, needs, _)| *needs)
}

/// The roles that may call an operation.
pub fn roles(right: Right) -> impl Iterator<Item = Role> {
    RIGHTS.iter().filter(move |(named, _)| *named == right).flat_map(|(_, roles)| roles.iter().map(|(role, _)| *role))
}

/// Both tables as one, in Markdown.
pub fn table() -> String {
    const ROLES: [Role; 5] = [FirmAdmin, Reviewer, Auditor, ChainViewer, BranchManager];
    let mut text = "# Who may do what\n\n| operation | right |".to_owned();
    for role in ROLES {
        text.push_str(&format!(" {role} |"));
    }
    text.push_str(" in the states |\n|---|---|---|---|---|---|---|---|\n");
    for (_, id, needs, when) in OPERATIONS {
        let (right, cells) = match needs {
            Needs::Nothing => ("-".to_owned(), ["anybody"; 5]),
            Needs::Person => ("-".to_owned(), ["person"; 5]),
            Needs::To(right) => (word(*right), ROLES.map(|role| cell(role, reach(role, *right)))),
        };
        text.push_str(&format!("| {id} | {right} | {} | {} |\n", cells.join(" | "), when.text()));
    }
    text.push('\n');
    text.push_str(NOTES);
    text
}

fn word(right: Right) -> String {
    serde_json::to_value(right).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn cell(role: Role, reach: Option<Reach>) -> &'static str {
    match (reach, role) {
        (None, _) => "-",
        (Some(Firm), _) => "firm",
        (Some(Own), _) => "own",
        (Some(Scope), BranchManager) => "branches",
        (Some(Scope), _) => "chain",
    }
}

impl When {
    /// The states in words, from the tables of moves.
    fn text(self) -> String {
        match self {
            Self::Always => "any".to_owned(),
            Self::WaveNotClosed => "wave: planned, open".to_owned(),
            Self::Job => "job: dead".to_owned(),
            Self::SecondScoring(mv) => format!("second_scoring: {}", before(states::SECOND_SCORING_MOVES, mv)),
            Self::Assignment(mv) => format!("assignment: {}", before(states::ASSIGNMENT_MOVES, mv)),
            Self::Visit(mv) => format!("visit: {}", before(states::VISIT_MOVES, mv)),
            Self::Write(mv, _) => format!("visit: {}", before(states::VISIT_MOVES, mv)),
            Self::Question(mv) => format!("question: {}", before(states::QUESTION_MOVES, mv)),
            Self::Evidence(mv) => format!("evidence: {}", before(states::EVIDENCE_MOVES, mv)),
            Self::Stored => "evidence: stored, processed, unpreviewable".to_owned(),
            Self::Appeal(mv) => format!("appeal: {}", before(states::APPEAL_MOVES, mv)),
            Self::Wave(mv) => format!("wave: {}", before(states::WAVE_MOVES, mv)),
            Self::Version(mv) => format!("version: {}", before(states::VERSION_MOVES, mv)),
            Self::Action => {
                let mut from: Vec<String> = Vec::new();
                for (state, ..) in states::ACTION_MOVES {
                    if !from.contains(&state.to_string()) {
                        from.push(state.to_string());
                    }
                }
                format!("action: {}", from.join(", "))
            }
        }
    }
}

fn before<S: Copy + std::fmt::Display>(moves: states::Moves<S>, mv: &str) -> String {
    let from: Vec<_> = moves.iter().filter(|(_, name, _)| *name == mv).map(|(from, ..)| from.to_string()).collect();
    from.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_move_that_a_row_names_is_in_its_table() {
        for (_, id, _, when) in OPERATIONS {
            assert!(!when.text().ends_with(": "), "{id}: {when:?}");
        }
    }

    #[test]
    fn every_move_of_a_visit_has_one_row() {
        for (_, mv, _) in states::VISIT_MOVES {
            let has = |when: When| {
                when == When::Visit(mv) || matches!(when, When::Write(one, other) if one == *mv || other == *mv)
            };
            let rows = OPERATIONS.iter().filter(|(.., when)| has(*when));
            assert_eq!(rows.count(), 1, "{mv}");
        }
    }

    #[test]
    fn every_right_is_given_and_used() {
        for (right, roles) in RIGHTS {
            assert!(!roles.is_empty(), "{right:?}");
            assert!(OPERATIONS.iter().any(|(_, _, needs, _)| *needs == Needs::To(*right)), "{right:?}");
        }
    }

    #[test]
    fn no_operation_has_two_rows() {
        let mut ids: Vec<_> = OPERATIONS.iter().map(|(_, id, ..)| *id).collect();
        ids.sort_unstable();
        let n = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), n);
    }
}
