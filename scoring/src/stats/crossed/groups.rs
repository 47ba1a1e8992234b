//! Which branches and shoppers are linked by visits.

use super::super::failure::ConnectedGroup;
use super::ids::Numbered;

/// The parts that share no visit, by their first branch; one part when all hangs together.
pub(super) fn connected(branches: &Numbered, shoppers: &Numbered) -> Vec<ConnectedGroup> {
    let offset = branches.ids.len();
    let mut parents: Vec<usize> = (0..offset + shoppers.ids.len()).collect();
    for (&branch, &shopper) in branches.of_row.iter().zip(&shoppers.of_row) {
        let (one, other) = (root(&mut parents, branch as usize), root(&mut parents, offset + shopper as usize));
        // The smaller number stays on top, so every part is named after its first branch.
        parents[one.max(other)] = one.min(other);
    }
    let mut parts: Vec<Option<ConnectedGroup>> = vec![None; parents.len()];
    for member in 0..parents.len() {
        let root = root(&mut parents, member);
        let empty = || ConnectedGroup { branches: Vec::new(), shoppers: Vec::new() };
        let part = parts[root].get_or_insert_with(empty);
        if member < offset {
            part.branches.push(branches.ids[member].clone());
        } else {
            part.shoppers.push(shoppers.ids[member - offset].clone());
        }
    }
    parts.into_iter().flatten().collect()
}

fn root(parents: &mut [usize], mut member: usize) -> usize {
    while parents[member] != member {
        parents[member] = parents[parents[member]];
        member = parents[member];
    }
    member
}
