//! The Merkle tree of RFC 6962 §2.1 with SHA-256: hashes, appending, making proofs and checking them.

mod prove;

pub use prove::{Subtree, prefix_root, prove_consistency, prove_inclusion};
use sha2::{Digest, Sha256};

/// A hash of the tree.
pub type Hash = [u8; 32];

/// The root of the empty tree, SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// A leaf: SHA-256(0x00 ‖ entry).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

/// A node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// What has to be remembered of a tree to append to it: the roots of its perfect subtrees, largest first, one for
/// each bit set in the tree size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactRange {
    tree_size: u64,
    nodes: Vec<Hash>,
}

impl CompactRange {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree of this size; `None` when the number of subtree roots does not fit it.
    pub fn from_parts(tree_size: u64, nodes: Vec<Hash>) -> Option<Self> {
        (nodes.len() == tree_size.count_ones() as usize).then_some(Self { tree_size, nodes })
    }

    /// Number of leaves.
    pub fn tree_size(&self) -> u64 {
        self.tree_size
    }

    /// Appends a leaf hash. `on_node` is told of every perfect subtree that this completes, as (height, root),
    /// beginning with the leaf at height 0.
    pub fn push(&mut self, leaf: Hash, mut on_node: impl FnMut(u32, Hash)) {
        let mut node = leaf;
        on_node(0, node);
        for height in 1..=self.tree_size.trailing_ones() {
            let Some(left) = self.nodes.pop() else { break };
            node = node_hash(&left, &node);
            on_node(height, node);
        }
        self.nodes.push(node);
        self.tree_size += 1;
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut nodes = self.nodes.iter().rev();
        let Some(last) = nodes.next() else { return empty_root() };
        nodes.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Whether `path` (leaf side first) proves that `leaf` stands at `index` in the tree of this size and root
/// (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(index: u64, tree_size: u64, leaf: &Hash, path: &[Hash], root: &Hash) -> bool {
    if index >= tree_size {
        return false;
    }
    let (mut first, mut last, mut node) = (index, tree_size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if first & 1 == 1 || first == last {
            node = node_hash(sibling, &node);
            while first & 1 == 0 && first != 0 {
                (first, last) = (first >> 1, last >> 1);
            }
        } else {
            node = node_hash(&node, sibling);
        }
        (first, last) = (first >> 1, last >> 1);
    }
    last == 0 && node == *root
}

/// Whether `proof` shows that the tree of `old_size` and `old_root` is a prefix of the one of `new_size` and
/// `new_root` (RFC 9162 §2.1.4.2).
pub fn verify_consistency(old_size: u64, new_size: u64, old_root: &Hash, new_root: &Hash, proof: &[Hash]) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    let (mut first, mut last) = (old_size - 1, new_size - 1);
    while first & 1 == 1 {
        (first, last) = (first >> 1, last >> 1);
    }
    let mut path = proof.iter();
    // A power of two is a node of the new tree itself: the proof begins with the old root, unwritten.
    let start = if old_size.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(start) = start else { return false };
    let (mut old, mut new) = (*start, *start);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if first & 1 == 1 || first == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            while first & 1 == 0 && first != 0 {
                (first, last) = (first >> 1, last >> 1);
            }
        } else {
            new = node_hash(&new, sibling);
        }
        (first, last) = (first >> 1, last >> 1);
    }
    last == 0 && old == *old_root && new == *new_root
}
