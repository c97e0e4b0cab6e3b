//! On how many threads an epoch is computed: on those of the pool (`rayon`) that the caller runs in, or, outside any pool,
//! on one. What is computed in parts are sums of integers, so the number shows in the time it takes and in nothing else.

/// Least number of parts that a thread takes at a time: `least`, or all of them for a caller that runs in no pool.
pub(crate) fn shared_by(least: usize) -> usize {
    if rayon::current_thread_index().is_some() { least } else { usize::MAX }
}
