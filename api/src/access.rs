//! Who may do what: one table of roles and operations, which every endpoint asks.
//!
//! What of it a limited role reaches (its chain, region or branches, its own visits) is checked where the object is
//! read; outside it, the answer is 404.

use crate::words::Role;
use crate::words::Role::{Auditor, BranchManager, ChainViewer, FirmAdmin, Reviewer};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Make and list people.
    ManageUsers,
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
    (Operation::ManageUsers, &[FirmAdmin]),
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

/// Whether a role may do an operation. What the table does not name is forbidden.
pub fn allows(role: Role, operation: Operation) -> bool {
    TABLE.iter().any(|(named, roles)| *named == operation && roles.contains(&role))
}
