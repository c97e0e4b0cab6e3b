//! The tree, against the recursive definition of RFC 6962: roots, and proofs made and checked at every size to 300.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;

use ostrakon_ledger::merkle::{
    CompactRange, Hash, Subtree, empty_root, leaf_hash, node_hash, prove_consistency, prove_inclusion,
    verify_consistency, verify_inclusion,
};

/// The recursive definition (RFC 6962 §2.1).
fn root(leaves: &[Hash]) -> Hash {
    match leaves.len() {
        0 => empty_root(),
        1 => leaves[0],
        n => {
            let (left, right) = leaves.split_at(split(n));
            node_hash(&root(left), &root(right))
        }
    }
}

fn split(n: usize) -> usize {
    1 << (n - 1).ilog2()
}

fn inclusion(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return vec![];
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = if index < left.len() {
        (inclusion(index, left), root(right))
    } else {
        (inclusion(index - left.len(), right), root(left))
    };
    path.push(sibling);
    path
}

fn consistency(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { vec![] } else { vec![root(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if old <= k {
        (consistency(old, left, whole), root(right))
    } else {
        (consistency(old - k, right, false), root(left))
    };
    path.push(sibling);
    path
}

const SIZE_MAX: usize = 300;

fn leaves() -> Vec<Hash> {
    (0..SIZE_MAX as u64).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

/// The proof with one hash removed at either end, added at either end, or changed.
fn spoiled(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let junk = leaf_hash(b"junk");
    let mut all = vec![[proof, &[junk]].concat(), [&[junk], proof].concat()];
    if let Some((last, rest)) = proof.split_last() {
        all.push(rest.to_vec());
        all.push(proof[1..].to_vec());
        all.push([rest, &[node_hash(last, last)]].concat());
    }
    all
}

/// The perfect subtrees of a tree, by height and place.
fn subtrees(leaves: &[Hash]) -> Vec<Vec<Hash>> {
    let mut rows = vec![leaves.to_vec()];
    while let Some(row) = rows.last().filter(|row| row.len() > 1) {
        let next = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        rows.push(next);
    }
    rows
}

fn made_inclusion(index: usize, size: usize, rows: &[Vec<Hash>]) -> Vec<Hash> {
    let hash = |node: Subtree| Ok::<_, Infallible>(rows[node.height as usize][node.n as usize]);
    prove_inclusion(index as u64, size as u64, hash).unwrap()
}

fn made_consistency(old: usize, new: usize, rows: &[Vec<Hash>]) -> Vec<Hash> {
    let hash = |node: Subtree| Ok::<_, Infallible>(rows[node.height as usize][node.n as usize]);
    prove_consistency(old as u64, new as u64, hash).unwrap()
}

/// Calls `check` with every proof that differs from this one in a single bit; it must refuse them all.
fn every_bit_counts(proof: &[Hash], check: impl Fn(&[Hash]) -> bool) {
    let mut proof = proof.to_vec();
    for at in 0..proof.len() {
        for bit in 0..256 {
            proof[at][bit / 8] ^= 1 << (bit % 8);
            assert!(!check(&proof), "bit {bit} of hash {at}");
            proof[at][bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn the_hashes_are_those_of_the_rfc() {
    // The test vectors of certificate-transparency's Merkle tree.
    assert_eq!(hex::encode(empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(hex::encode(leaf_hash(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    let mut range = CompactRange::new();
    for leaf in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"] {
        range.push(leaf_hash(&hex::decode(leaf).unwrap()), |_, _| {});
    }
    assert_eq!(hex::encode(range.root()), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

#[test]
fn a_compact_range_has_the_root_of_the_definition() {
    let leaves = leaves();
    let mut range = CompactRange::new();
    for (size, leaf) in leaves.iter().enumerate() {
        assert_eq!(range.root(), root(&leaves[..size]));
        let mut seen = vec![];
        range.push(*leaf, |height, node| seen.push((height, node)));
        for (height, node) in seen {
            assert_eq!(node, root(&leaves[size + 1 - (1 << height)..=size]));
        }
    }
    assert!(CompactRange::from_parts(3, vec![leaves[0]]).is_none());
}

#[test]
fn inclusion_is_made_as_defined_and_accepted_exactly_when_it_is_true() {
    let all = leaves();
    for size in 1..=SIZE_MAX {
        let (leaves, root) = (&all[..size], root(&all[..size]));
        let rows = subtrees(leaves);
        for index in 0..size {
            let path = made_inclusion(index, size, &rows);
            assert_eq!(path, inclusion(index, leaves), "{index} in {size}");
            let check = |index: usize, leaf: &Hash, path: &[Hash]| {
                verify_inclusion(index as u64, size as u64, leaf, path, &root)
            };
            assert!(check(index, &leaves[index], &path), "{index} in {size}");
            assert!(!check(index, &leaf_hash(b"other"), &path));
            assert!(!check(index + 1, &leaves[index], &path), "{index} as its neighbour in {size}");
            assert!(!check(size, &leaves[index], &path));
            assert!(!verify_inclusion(index as u64, size as u64, &leaves[index], &path, &leaf_hash(b"root")));
            assert!(spoiled(&path).iter().all(|path| !check(index, &leaves[index], path)));
            if [0, size / 3, size - 1].contains(&index) {
                every_bit_counts(&path, |path| check(index, &leaves[index], path));
            }
        }
        assert!(made_inclusion(size, size, &rows).is_empty());
    }
}

#[test]
fn consistency_is_made_as_defined_and_accepted_exactly_when_it_is_true() {
    let leaves = leaves();
    let roots: Vec<Hash> = (0..=SIZE_MAX).map(|size| root(&leaves[..size])).collect();
    for new in 0..=SIZE_MAX {
        let new_root = roots[new];
        let rows = subtrees(&leaves[..new]);
        for (old, old_root) in roots.iter().enumerate().take(new + 1) {
            let old_root = *old_root;
            let proof = made_consistency(old, new, &rows);
            let defined = if old == 0 { vec![] } else { consistency(old, &leaves[..new], true) };
            assert_eq!(proof, defined, "{old} to {new}");
            let check = |old_root: &Hash, new_root: &Hash, proof: &[Hash]| {
                verify_consistency(old as u64, new as u64, old_root, new_root, proof)
            };
            assert!(check(&old_root, &new_root, &proof), "{old} to {new}");
            let other = leaf_hash(b"other");
            assert!(!check(&other, &new_root, &proof), "{old} to {new}");
            if old > 0 {
                assert!(!check(&old_root, &other, &proof), "{old} to {new}");
            }
            assert!(spoiled(&proof).iter().all(|proof| !check(&old_root, &new_root, proof)), "{old} to {new}");
            if [1, new / 2, new - new / 5].contains(&old) {
                every_bit_counts(&proof, |proof| check(&old_root, &new_root, proof));
            }
            if old < new {
                assert!(!verify_consistency(new as u64, old as u64, &new_root, &old_root, &proof));
                assert!(made_consistency(new, old, &rows).is_empty());
            }
        }
    }
}
