//! Making proofs from the hashes of perfect subtrees, which is what tiles hold.

use super::{Hash, empty_root, node_hash};

/// A perfect subtree: the `n`th of its height from the left, over the leaves `n·2^height … (n+1)·2^height`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subtree {
    /// Levels above the leaves.
    pub height: u32,
    /// Which one of its height, from 0.
    pub n: u64,
}

/// The path that [`super::verify_inclusion`] takes for the leaf at `index` in the tree of this size (RFC 6962 §2.1.1),
/// from O(log n) hashes of perfect subtrees. Empty when there is no such leaf.
///
/// # Errors
/// Whatever `hash` answers.
pub fn prove_inclusion<E>(
    index: u64,
    tree_size: u64,
    mut hash: impl FnMut(Subtree) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut path = Vec::new();
    let (mut start, mut end) = (0, tree_size);
    while index < tree_size && end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(root_of(middle, end, &mut hash)?);
            end = middle;
        } else {
            path.push(root_of(start, middle, &mut hash)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that [`super::verify_consistency`] takes for a tree and an earlier size of it (RFC 6962 §2.1.2), from
/// O(log n) hashes of perfect subtrees of the later one. Empty unless `0 < old_size < new_size`.
///
/// # Errors
/// Whatever `hash` answers.
pub fn prove_consistency<E>(
    old_size: u64,
    new_size: u64,
    mut hash: impl FnMut(Subtree) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    if old_size == 0 || old_size >= new_size {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new_size);
    while old_size != end {
        let middle = start + split(end - start);
        if old_size <= middle {
            proof.push(root_of(middle, end, &mut hash)?);
            end = middle;
        } else {
            proof.push(root_of(start, middle, &mut hash)?);
            start = middle;
        }
    }
    // A subtree that begins at the first leaf is the old tree itself, whose root the verifier has.
    if start > 0 {
        proof.push(root_of(start, end, &mut hash)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The root of the first `size` leaves of a tree that has them, from O(log n) hashes of its perfect subtrees.
///
/// # Errors
/// Whatever `hash` answers.
pub fn prefix_root<E>(size: u64, mut hash: impl FnMut(Subtree) -> Result<Hash, E>) -> Result<Hash, E> {
    root_of(0, size, &mut hash)
}

/// The largest power of two below `len`, which is at least 2.
fn split(len: u64) -> u64 {
    1 << (len - 1).ilog2()
}

/// The root over a range of leaves that begins where a subtree of the tree does.
fn root_of<E>(start: u64, end: u64, hash: &mut impl FnMut(Subtree) -> Result<Hash, E>) -> Result<Hash, E> {
    let mut roots = Vec::new();
    let mut at = start;
    while at < end {
        let height = (end - at).ilog2();
        roots.push(hash(Subtree { height, n: at >> height })?);
        at += 1 << height;
    }
    let Some(last) = roots.pop() else { return Ok(empty_root()) };
    Ok(roots.iter().rev().fold(last, |right, left| node_hash(left, &right)))
}
