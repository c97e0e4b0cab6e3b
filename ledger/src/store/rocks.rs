//! Tables in RocksDB, one column family each. The only place that knows RocksDB.

use std::path::Path;
use std::sync::{PoisonError, RwLock};

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    Direction, ErrorKind, IteratorMode, LogLevel, Options, ReadOptions, WriteBatch, WriteOptions,
};

use super::{Batch, Row, Store, StoreError, Table};

/// What is read at once, at least a row: a full tile is one block and not half of one.
const BLOCK_BYTES: usize = 8 << 10;
/// Blocks kept in memory, shared by all tables, indexes and filters among them; half of it is kept for these.
///
/// The cache consists of 64 parts, and a block that is larger than a part is not kept at all. So no index and no filter is
/// one block: each is cut into pieces of [`PIECE_BYTES`], of which a lookup needs one. The filters of 25 million keys fit; beyond
/// that, a lookup reads a piece or two more often.
const BLOCK_CACHE_BYTES: usize = 64 << 20;
/// A piece of a file's index or filter: about 3,000 keys' filter.
const PIECE_BYTES: usize = 4 << 10;
/// One table's unwritten rows, and those of all tables together.
const TABLE_BUFFER_BYTES: usize = 16 << 20;
const ALL_BUFFERS_BYTES: usize = 64 << 20;
/// Log of rows that are not in table files yet. Replaying it is most of the time that opening takes: about a second.
const LOG_BYTES_MAX: u64 = 64 << 20;
/// Bloom filter bits per key: one in a hundred lookups of an absent key reads a block.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// What a small database gets of all these.
const SMALL: usize = 8;
/// The share of a table's buffer that tells at once that a key is not in it: most ids that are looked up are new.
const MEMTABLE_BLOOM_SHARE: f64 = 0.05;
/// Table files that a database has open at most. Without this it keeps all of them open, and a large ledger takes the file
/// descriptors that everything else needs. Files have 64 MB, so that 10 GB are open at a time.
pub const OPEN_FILES_MAX: usize = 160;
/// The same for one of many databases in a process. RocksDB keeps ten of them for itself; a table file that is not open is
/// read from its footer on, sixty kilobytes for a lookup.
pub const SMALL_OPEN_FILES_MAX: usize = 40;
/// RocksDB's own diaries (`LOG`) that are kept, one of each start.
const DIARIES_MAX: usize = 4;

/// A [`Store`] in a directory, held by one process at a time.
pub struct RocksStore {
    db: DB,
    /// Guarded commits hold it alone, so that nothing changes between the guard's check and the write. The others
    /// share it, so that RocksDB can sync several of them at once.
    guard: RwLock<()>,
}

impl RocksStore {
    /// Opens or creates the database in a directory, with these tables beside those that it has already.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, [`StoreError::Corrupt`], [`StoreError::Failed`]
    pub fn open(path: impl AsRef<Path>, tables: &[Table]) -> Result<Self, StoreError> {
        Self::open_sharing(path.as_ref(), tables, 1)
    }

    /// As [`RocksStore::open`], for one of many databases in a process: with an eighth of the memory, about 16 MiB, and of the open files.
    ///
    /// # Errors
    /// As [`RocksStore::open`].
    pub fn open_small(path: impl AsRef<Path>, tables: &[Table]) -> Result<Self, StoreError> {
        Self::open_sharing(path.as_ref(), tables, SMALL)
    }

    fn open_sharing(path: &Path, tables: &[Table], among: usize) -> Result<Self, StoreError> {
        let options = database_options(among);
        let families = families(path, tables, &options, among)?;
        let db = DB::open_cf_descriptors(&options, path, families).map_err(|error| opening(path, error))?;
        Ok(Self { db, guard: RwLock::new(()) })
    }

    /// Opens an existing database to look at it as it is now, also while another process writes to it. Commits fail.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Failed`]
    pub fn open_read_only(path: impl AsRef<Path>, tables: &[Table]) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let mut options = database_options(1);
        options.create_if_missing(false);
        let families = families(path, tables, &options, 1)?;
        let db =
            DB::open_cf_descriptors_read_only(&options, path, families, false).map_err(|error| opening(path, error))?;
        Ok(Self { db, guard: RwLock::new(()) })
    }

    fn family(&self, table: Table) -> Result<&ColumnFamily, StoreError> {
        self.db.cf_handle(table.0).ok_or(StoreError::NoTable(table.0))
    }

    fn rows(&self, table: Table, mode: IteratorMode<'_>, limit: usize) -> Result<Vec<Row>, StoreError> {
        let mut options = ReadOptions::default();
        options.set_verify_checksums(true);
        let rows = self.db.iterator_cf_opt(self.family(table)?, options, mode);
        rows.take(limit)
            .map(|row| row.map(|(key, value)| (key.into_vec(), value.into_vec())).map_err(failing))
            .collect()
    }

    fn write(&self, mut batch: Batch) -> Result<(), StoreError> {
        without_counters();
        // In order, neighbours in a memtable are found from one another. The sort is stable: the later put wins.
        batch.puts.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let mut writes = WriteBatch::default();
        for (table, key) in &batch.deletes {
            writes.delete_cf(self.family(*table)?, key);
        }
        for (table, key, value) in &batch.puts {
            writes.put_cf(self.family(*table)?, key, value);
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(writes, &options).map_err(failing)
    }
}

impl Store for RocksStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        without_counters();
        self.db.get_cf(self.family(table)?, key).map_err(failing)
    }

    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.rows(table, IteratorMode::From(from, Direction::Forward), limit)
    }

    fn scan_back(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.rows(table, IteratorMode::From(from, Direction::Reverse), limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let Some(expect) = &batch.expect else {
            let _shared = self.guard.read().unwrap_or_else(PoisonError::into_inner);
            return self.write(batch);
        };
        let _alone = self.guard.write().unwrap_or_else(PoisonError::into_inner);
        if self.get(expect.table, &expect.key)? != expect.value {
            return Err(StoreError::Conflict);
        }
        self.write(batch)
    }
}

/// RocksDB counts every key comparison of a thread unless told not to; nobody reads these counters.
fn without_counters() {
    rocksdb::perf::set_perf_stats(rocksdb::perf::PerfStatsLevel::Disable);
}

fn database_options(among: usize) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_db_write_buffer_size(ALL_BUFFERS_BYTES / among);
    options.set_max_total_wal_size(LOG_BYTES_MAX / among as u64);
    // Its options and no more: a diary that meets a full disk twice ends the process, before the error can be answered.
    options.set_log_level(LogLevel::Fatal);
    options.set_keep_log_file_num(DIARIES_MAX);
    options.set_bytes_per_sync(1 << 20);
    options.set_max_background_jobs(2);
    let open_files_max = if among == 1 { OPEN_FILES_MAX } else { SMALL_OPEN_FILES_MAX };
    options.set_max_open_files(i32::try_from(open_files_max).unwrap_or(i32::MAX));
    // Opening need not look into every file first.
    options.set_skip_stats_update_on_db_open(true);
    options
}

/// All tables of the database and those asked for: RocksDB opens all or none.
fn families(
    path: &Path,
    tables: &[Table],
    options: &Options,
    among: usize,
) -> Result<Vec<ColumnFamilyDescriptor>, StoreError> {
    let cache = Cache::new_lru_cache(BLOCK_CACHE_BYTES / among).map_err(failing)?;
    let mut names = if path.join("CURRENT").exists() {
        DB::list_cf(options, path).map_err(|error| opening(path, error))?
    } else {
        Vec::new()
    };
    names.push(rocksdb::DEFAULT_COLUMN_FAMILY_NAME.to_owned());
    names.extend(tables.iter().map(|table| table.0.to_owned()));
    names.sort();
    names.dedup();
    Ok(names.into_iter().map(|name| ColumnFamilyDescriptor::new(name, table_options(&cache, among))).collect())
}

fn table_options(cache: &Cache, among: usize) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    blocks.set_block_size(BLOCK_BYTES);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    blocks.set_partition_filters(true);
    blocks.set_metadata_block_size(PIECE_BYTES);
    // The tables of contents over the pieces: some kilobytes a file.
    blocks.set_pin_top_level_index_and_filter(true);
    blocks.set_format_version(5);
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_write_buffer_size(TABLE_BUFFER_BYTES / among);
    options.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM_SHARE);
    options.set_memtable_whole_key_filtering(true);
    options.set_compression_type(DBCompressionType::Lz4);
    options
}

fn opening(path: &Path, error: rocksdb::Error) -> StoreError {
    let message = error.to_string();
    if error.kind() == ErrorKind::IOError && message.to_ascii_lowercase().contains("lock") {
        return StoreError::Locked { path: path.display().to_string() };
    }
    failing(error)
}

fn failing(error: rocksdb::Error) -> StoreError {
    match error.kind() {
        ErrorKind::Corruption => StoreError::Corrupt(error.to_string()),
        _ => StoreError::Failed(error.to_string()),
    }
}
