//! On how many threads an epoch is computed: on the threads of the pool (`rayon`) that the caller runs in, or on one
//! thread if the caller runs outside any pool. The parts are sums of integers, so the number of threads changes the
//! time an epoch takes and nothing else.

/// How many parts a thread takes at a time at least: `least`, or all of them if the caller runs outside any pool.
pub(crate) fn shared_by(least: usize) -> usize {
    if rayon::current_thread_index().is_some() { least } else { usize::MAX }
}
