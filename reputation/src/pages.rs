//! A shared array: immutable once shared, cheap to share, cheap to change in one place.
//!
//! Three levels, so that after a copy is shared the first change of a value copies one page and the short lists of
//! pages above it (some 5 kB at a million values), and a look-up goes through two lists that stay in the cache.

use std::sync::Arc;

use rayon::prelude::*;

use crate::threads::shared_by;

/// Values on a page.
const PAGE: usize = 128;
/// Pages in a chapter.
const CHAPTER: usize = 64;

type Page<T> = Arc<[T; PAGE]>;
type Chapter<T> = Arc<Vec<Page<T>>>;

/// An array of `T` that reads as default beyond what was set. A clone is two words and never changes.
#[derive(Clone)]
pub(crate) struct Pages<T> {
    chapters: Arc<Vec<Chapter<T>>>,
}

impl<T: Copy + Default> Pages<T> {
    /// No values.
    pub(crate) fn new() -> Self {
        Self { chapters: Arc::new(Vec::new()) }
    }

    /// The value at a place.
    pub(crate) fn at(&self, place: u32) -> T {
        let (chapter, page, value) = split(place);
        let page = self.chapters.get(chapter).and_then(|pages| pages.get(page));
        page.map_or_else(T::default, |page| page[value])
    }

    /// The value at a place, to be changed; copies that were taken before do not see it.
    pub(crate) fn at_mut(&mut self, place: u32) -> &mut T {
        let (chapter, page, value) = split(place);
        let chapters = Arc::make_mut(&mut self.chapters);
        if chapters.len() <= chapter {
            chapters.resize_with(chapter + 1, Chapter::default);
        }
        let pages = Arc::make_mut(&mut chapters[chapter]);
        if pages.len() <= page {
            pages.resize_with(page + 1, || Arc::new([T::default(); PAGE]));
        }
        &mut Arc::make_mut(&mut pages[page])[value]
    }
}

impl<T: Copy + Default + Send + Sync> Pages<T> {
    /// An array of `len` values, each from its place, on the caller's [`crate::threads`].
    pub(crate) fn filled(len: usize, value: impl Fn(u32) -> T + Sync) -> Self {
        let page = |begin: usize| {
            let mut page = [T::default(); PAGE];
            page.iter_mut().zip(begin..len).for_each(|(it, place)| *it = value(place as u32));
            Arc::new(page)
        };
        let chapter = |number: usize| {
            let begin = number * PAGE * CHAPTER;
            Arc::new((begin..len.min(begin + PAGE * CHAPTER)).step_by(PAGE).map(page).collect())
        };
        let chapters = (0..len.div_ceil(PAGE * CHAPTER)).into_par_iter().with_min_len(shared_by(1));
        Self { chapters: Arc::new(chapters.map(chapter).collect()) }
    }
}

/// Chapter, page and place on the page.
fn split(place: u32) -> (usize, usize, usize) {
    let place = place as usize;
    (place / (PAGE * CHAPTER), place / PAGE % CHAPTER, place % PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_an_array_and_copies_stay(start in prop::collection::vec(any::<u32>(), 0..18_000),
                                          changes in prop::collection::vec((0u32..20_000, any::<u32>()), 0..40)) {
            let mut model = start.clone();
            model.resize(20_000, 0);
            let mut pages: Pages<u32> = Pages::filled(start.len(), |place| start[place as usize]);
            for (place, value) in changes {
                let before = pages.clone();
                let was = pages.at(place);
                prop_assert_eq!(was, model[place as usize]);
                *pages.at_mut(place) = value;
                model[place as usize] = value;
                prop_assert_eq!((before.at(place), pages.at(place)), (was, value));
            }
            prop_assert!((0..20_000).all(|place| pages.at(place) == model[place as usize]));
        }
    }
}
