//! C2SP tlog-tiles: which tile is where, and how it is asked for.
//!
//! `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`; N in groups of three digits, all but the last prefixed
//! with `x`: 1234067 is `x001/x234/067`.

use std::fmt;
use std::str::FromStr;

use crate::malformed::Malformed;

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// Tree levels that one tile level spans.
pub const TILE_HEIGHT: u32 = 8;
/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;
/// Highest tile level that a path may name.
const LEVEL_MAX: u8 = 63;
/// Longest path: the largest N has 20 digits.
const PATH_BYTES_MAX: usize = 64;

/// What a path of the read API asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TilePath {
    /// Hashes of the tree.
    Hashes {
        /// Tile level, 0 for leaf hashes.
        level: u8,
        /// Which tile of the level.
        n: u64,
        /// Hashes asked for, 1..=256; below 256 a partial tile.
        width: u16,
    },
    /// Entries.
    Entries {
        /// Which bundle.
        n: u64,
        /// Entries asked for, 1..=256.
        width: u16,
    },
}

impl TilePath {
    /// Hashes or entries asked for, 1..=256.
    pub fn width(self) -> u16 {
        match self {
            TilePath::Hashes { width, .. } | TilePath::Entries { width, .. } => width,
        }
    }

    /// The full file in the same place.
    #[must_use]
    pub fn full(self) -> Self {
        match self {
            TilePath::Hashes { level, n, .. } => TilePath::Hashes { level, n, width: TILE_WIDTH },
            TilePath::Entries { n, .. } => TilePath::Entries { n, width: TILE_WIDTH },
        }
    }
}

/// How many hashes tile `n` of `level` holds in a tree of this size, 0..=256.
pub fn width_at(level: u8, n: u64, tree_size: u64) -> u16 {
    let hashes = tree_size.checked_shr(u32::from(level) * TILE_HEIGHT).unwrap_or(0);
    let before = n.saturating_mul(u64::from(TILE_WIDTH));
    hashes.saturating_sub(before).min(u64::from(TILE_WIDTH)) as u16
}

impl FromStr for TilePath {
    type Err = Malformed;

    fn from_str(path: &str) -> Result<Self, Malformed> {
        let fault = || Malformed::value("tile path", path, "must be tile/<L>/<N>[.p/<W>] or tile/entries/<N>[.p/<W>]");
        if path.len() > PATH_BYTES_MAX {
            return Err(fault());
        }
        let (level, rest) = path.strip_prefix("tile/").and_then(|rest| rest.split_once('/')).ok_or_else(fault)?;
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, decimal(width).filter(|w| (1..256).contains(w)).ok_or_else(fault)?),
            None => (rest, u64::from(TILE_WIDTH)),
        };
        let n = parse_number(number).ok_or_else(fault)?;
        let width = width as u16;
        if level == "entries" {
            return Ok(TilePath::Entries { n, width });
        }
        let level = decimal(level).filter(|level| *level <= u64::from(LEVEL_MAX)).ok_or_else(fault)?;
        Ok(TilePath::Hashes { level: level as u8, n, width })
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, width) = match self {
            TilePath::Hashes { level, n, width } => {
                write!(f, "tile/{level}/")?;
                (*n, *width)
            }
            TilePath::Entries { n, width } => {
                f.write_str("tile/entries/")?;
                (*n, *width)
            }
        };
        write_number(f, n)?;
        if width < TILE_WIDTH { write!(f, ".p/{width}") } else { Ok(()) }
    }
}

fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    (canonical && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn parse_number(text: &str) -> Option<u64> {
    let mut n: u64 = 0;
    let mut groups = text.split('/').peekable();
    while let Some(group) = groups.next() {
        let digits = if groups.peek().is_some() { group.strip_prefix('x')? } else { group };
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // A leading group of zeros would be a second spelling.
        if n == 0 && digits == "000" && groups.peek().is_some() {
            return None;
        }
        n = n.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some(n)
}

fn write_number(f: &mut fmt::Formatter<'_>, n: u64) -> fmt::Result {
    if n >= 1000 {
        write_group(f, n / 1000)?;
    }
    write!(f, "{:03}", n % 1000)
}

fn write_group(f: &mut fmt::Formatter<'_>, n: u64) -> fmt::Result {
    if n >= 1000 {
        write_group(f, n / 1000)?;
    }
    write!(f, "x{:03}/", n % 1000)
}
