//! Who may do what: one table of roles and operations, which every endpoint asks.
//!
//! What of it a limited role reaches (its chain, region or branches, its own visits) is checked where the object is
//! read; outside it, the answer is 404.

use poem_openapi::Enum;
use serde::{Deserialize, Serialize};

use crate::words::Role;
use crate::words::Role::{Auditor, BranchManager, ChainViewer, FirmAdmin, Reviewer};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Operation {
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
    /// Import, check and publish standards.
    ManageStandards,
    /// Read standards.
    ReadStandards,
    /// Make assignments.
    ManageAssignments,
    /// Read assignments.
    ReadAssignments,
    /// File visits and their evidence.
    FileVisits,
    /// Read visits, their scores and their evidence.
    ReadVisits,
    /// Review, correct and publish visits.
    ReviewVisits,
    /// Read scorecards, action plans and reports.
    ReadResults,
    /// Work on actions.
    WorkActions,
    /// Read the firm's history.
    ReadEvents,
}

/// The table.
const TABLE: &[(Operation, &[Role])] = &[
    (Operation::ManageFirm, &[FirmAdmin]),
    (Operation::ManageUsers, &[FirmAdmin]),
    (Operation::ManageApiKeys, &[FirmAdmin, Reviewer, Auditor, ChainViewer, BranchManager]),
    (Operation::ManageChains, &[FirmAdmin]),
    (Operation::ReadChains, &[FirmAdmin, Reviewer, Auditor, ChainViewer, BranchManager]),
    (Operation::ManageStandards, &[FirmAdmin]),
    (Operation::ReadStandards, &[FirmAdmin, Reviewer, Auditor, ChainViewer, BranchManager]),
    (Operation::ManageAssignments, &[FirmAdmin]),
    (Operation::ReadAssignments, &[FirmAdmin, Reviewer, Auditor]),
    (Operation::FileVisits, &[Auditor]),
    (Operation::ReadVisits, &[FirmAdmin, Reviewer, Auditor]),
    (Operation::ReviewVisits, &[FirmAdmin, Reviewer]),
    (Operation::ReadResults, &[FirmAdmin, Reviewer, ChainViewer, BranchManager]),
    (Operation::WorkActions, &[FirmAdmin, Reviewer, BranchManager]),
    (Operation::ReadEvents, &[FirmAdmin]),
];

/// Operations that no API key is ever given: what decides who may do what stays with people.
const NEVER_FOR_KEYS: &[Operation] = &[Operation::ManageFirm, Operation::ManageUsers, Operation::ManageApiKeys];

/// Whether an API key of a role may be given an operation: never more than the role itself may do.
pub fn may_be_granted(role: Role, operation: Operation) -> bool {
    !NEVER_FOR_KEYS.contains(&operation) && allows(role, operation)
}

/// Whether a firm may demand a second factor of a role.
pub fn needs_second_factor(role: Role) -> bool {
    matches!(role, FirmAdmin | Reviewer)
}

/// Whether a role may do an operation. What the table does not name is forbidden.
pub fn allows(role: Role, operation: Operation) -> bool {
    TABLE.iter().any(|(named, roles)| *named == operation && roles.contains(&role))
}
