//! Numbers to bytes and back, through a block that is hashed as a whole: BLAKE3 is fast on long inputs only.

use std::io::{self, Read, Write};

use crate::error::Unreadable;

/// How many bytes are hashed and moved at once.
const BLOCK: usize = 1 << 18;
/// Length of the digest at the end.
pub(super) const DIGEST: u64 = 32;

/// Writes numbers and bytes, and at the end their digest.
pub(super) struct BlockWriter<W> {
    out: W,
    block: Vec<u8>,
    hasher: blake3::Hasher,
}

impl<W: Write> BlockWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, block: Vec::with_capacity(BLOCK), hasher: blake3::Hasher::new() }
    }

    pub(super) fn u64(&mut self, number: u64) -> io::Result<()> {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn u32(&mut self, number: u32) -> io::Result<()> {
        self.bytes(&number.to_be_bytes())
    }

    /// Writes a few bytes, fewer than a block.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.block.len() + bytes.len() > BLOCK {
            self.pass_on()?;
        }
        self.block.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.pass_on()?;
        self.out.write_all(self.hasher.finalize().as_bytes())?;
        self.out.flush()
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.hasher.update(&self.block);
        self.out.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }
}

/// Reads what a [`BlockWriter`] wrote, and never more bytes than the length it was given.
pub(super) struct BlockReader<R> {
    input: R,
    block: Vec<u8>,
    /// How many bytes of the block were read.
    taken: usize,
    /// How many bytes before the digest are not in the block yet.
    left: u64,
    hasher: blake3::Hasher,
}

impl<R: Read> BlockReader<R> {
    /// `len_bytes` is the length of the whole input, including the digest.
    pub(super) fn new(input: R, len_bytes: u64) -> Result<Self, Unreadable> {
        let left = len_bytes.checked_sub(DIGEST).ok_or(Unreadable::Damaged("too short for a digest"))?;
        Ok(Self { input, block: Vec::new(), taken: 0, left, hasher: blake3::Hasher::new() })
    }

    pub(super) fn u64(&mut self) -> Result<u64, Unreadable> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Unreadable> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Unreadable> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A number of items that take at least `size` bytes each. An error if they do not fit into the bytes that are
    /// left.
    pub(super) fn count(&mut self, size: u64) -> Result<usize, Unreadable> {
        let count = self.u64()?;
        let left = self.left + (self.block.len() - self.taken) as u64;
        let fits = count.checked_mul(size).is_some_and(|bytes| bytes <= left) && count <= u64::from(u32::MAX);
        if fits {
            Ok(count as usize)
        } else {
            Err(Unreadable::Damaged("a count is larger than the bytes that follow it"))
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        self.bytes(N)?.try_into().map_err(|_| Unreadable::Damaged("the end is missing"))
    }

    /// The next few bytes, fewer than a block.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&[u8], Unreadable> {
        if self.block.len() - self.taken < count {
            self.refill()?;
            if self.block.len() < count {
                return Err(Unreadable::Damaged("the end is missing"));
            }
        }
        let bytes = &self.block[self.taken..self.taken + count];
        self.taken += count;
        Ok(bytes)
    }

    /// Checks that everything was read and that the digest is right.
    pub(super) fn finish(mut self) -> Result<(), Unreadable> {
        if self.left > 0 || self.taken < self.block.len() {
            return Err(Unreadable::Damaged("there are bytes after the end"));
        }
        let mut digest = [0; DIGEST as usize];
        self.input.read_exact(&mut digest)?;
        let right = blake3::Hash::from(digest) == self.hasher.finalize();
        if right { Ok(()) } else { Err(Unreadable::Damaged("wrong digest")) }
    }

    fn refill(&mut self) -> Result<(), Unreadable> {
        self.block.drain(..self.taken);
        self.taken = 0;
        let kept = self.block.len();
        let more = self.left.min((BLOCK - kept) as u64) as usize;
        self.block.resize(kept + more, 0);
        self.input.read_exact(&mut self.block[kept..])?;
        self.hasher.update(&self.block[kept..]);
        self.left -= more as u64;
        Ok(())
    }
}
