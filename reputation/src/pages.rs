//! A persistent array: immutable once shared, cheap to share, cheap to change at one position.
//!
//! There are three levels. After a copy was shared, the first change of a value copies one page and the two short lists
//! above it (some 5 kB at a million values). A look-up goes through two lists, which stay in the cache.

use std::sync::Arc;

use rayon::prelude::*;

use crate::ids::Slot;
use crate::threads::shared_by;

/// Values in a page.
const PAGE: usize = 128;
/// Pages in a list.
const LIST: usize = 64;

type Page<T> = Arc<[T; PAGE]>;
type PageList<T> = Arc<Vec<Page<T>>>;

/// An array of `T`, one value per slot. A slot that was never set reads as the default. A clone is one pointer, and
/// never changes.
#[derive(Clone)]
pub(crate) struct Pages<T> {
    lists: Arc<Vec<PageList<T>>>,
}

impl<T: Copy + Default> Pages<T> {
    /// No values.
    pub(crate) fn new() -> Self {
        Self { lists: Arc::new(Vec::new()) }
    }

    /// The value of a slot.
    pub(crate) fn at(&self, slot: Slot) -> T {
        let (list, page, value) = split(slot);
        let page = self.lists.get(list).and_then(|pages| pages.get(page));
        page.map_or_else(T::default, |page| page[value])
    }

    /// The value of a slot, to be changed. Clones made before do not change.
    pub(crate) fn at_mut(&mut self, slot: Slot) -> &mut T {
        let (list, page, value) = split(slot);
        let lists = Arc::make_mut(&mut self.lists);
        if lists.len() <= list {
            lists.resize_with(list + 1, PageList::default);
        }
        let pages = Arc::make_mut(&mut lists[list]);
        if pages.len() <= page {
            pages.resize_with(page + 1, || Arc::new([T::default(); PAGE]));
        }
        &mut Arc::make_mut(&mut pages[page])[value]
    }
}

impl<T: Copy + Default + Send + Sync> Pages<T> {
    /// An array of `len` values, each computed from its slot, on the caller's [`crate::threads`].
    pub(crate) fn filled(len: usize, value: impl Fn(Slot) -> T + Sync) -> Self {
        let page = |begin: usize| {
            let mut page = [T::default(); PAGE];
            page.iter_mut().zip(begin..len).for_each(|(it, index)| *it = value(Slot::at(index)));
            Arc::new(page)
        };
        let list = |number: usize| {
            let begin = number * PAGE * LIST;
            Arc::new((begin..len.min(begin + PAGE * LIST)).step_by(PAGE).map(page).collect())
        };
        let lists = (0..len.div_ceil(PAGE * LIST)).into_par_iter().with_min_len(shared_by(1));
        Self { lists: Arc::new(lists.map(list).collect()) }
    }
}

/// The positions of a slot's list, of its page in the list, and of its value in the page.
fn split(slot: Slot) -> (usize, usize, usize) {
    let index = slot.index();
    (index / (PAGE * LIST), index / PAGE % LIST, index % PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_an_array_and_clones_do_not_change(start in prop::collection::vec(any::<u32>(), 0..18_000),
                                          changes in prop::collection::vec((0u32..20_000, any::<u32>()), 0..40)) {
            let mut model = start.clone();
            model.resize(20_000, 0);
            let mut pages: Pages<u32> = Pages::filled(start.len(), |slot| start[slot.index()]);
            for (index, value) in changes {
                let slot = Slot::new(index);
                let before = pages.clone();
                let was = pages.at(slot);
                prop_assert_eq!(was, model[slot.index()]);
                *pages.at_mut(slot) = value;
                model[slot.index()] = value;
                prop_assert_eq!((before.at(slot), pages.at(slot)), (was, value));
            }
            prop_assert!((0..20_000).map(Slot::new).all(|slot| pages.at(slot) == model[slot.index()]));
        }
    }
}
