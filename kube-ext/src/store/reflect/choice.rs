//! Which list is asked for next: streamed or in pages, and how many objects in a page.

use std::time::Duration;

use super::{Lists, TIMEOUT, error::Cause};

/// How many streamed lists in a row may fail before there are thought to be none.
const FAILURES: u32 = 2;
/// How many times as many objects there are in a page after one that came too late. After another there is no limit.
const MORE: u32 = 10;

/// What is known of the server's lists.
pub(super) struct Choice {
    lists: Lists,
    page_size: Option<u32>,
    /// There are no streamed lists.
    is_paged: bool,
    /// Only until a list was whole.
    is_paged_once: bool,
    /// How many streamed lists in a row went on for as long as they could, without an end, or with one that says no version.
    endless: u32,
    /// How many of them in a row broke off.
    broken: u32,
    /// How many lists in a row got no further page because the server had forgotten them.
    forgotten: u32,
}

impl Choice {
    pub(super) fn new(lists: Lists, page_size: Option<u32>) -> Self {
        Self { lists, page_size, is_paged: false, is_paged_once: false, endless: 0, broken: 0, forgotten: 0 }
    }

    /// Whether the next list is streamed.
    pub(super) fn is_streamed(&self) -> bool {
        match self.lists {
            Lists::Auto => !self.is_paged && !self.is_paged_once,
            Lists::Paged => false,
            Lists::Streamed => true,
        }
    }

    /// How many objects there are in a page of the next list.
    pub(super) fn page_size(&self) -> Option<u32> {
        match self.forgotten {
            0 => self.page_size,
            1 => self.page_size.map(|size| size.saturating_mul(MORE)),
            _ => None,
        }
    }

    /// The server has no streamed lists.
    pub(super) fn refused(&mut self) {
        self.is_paged = true;
    }

    /// A streamed list was not whole, after so long.
    ///
    /// A server that knows nothing of it may take it for a watch, and never tell the end of the list: there is silence, or it ends when its time is
    /// over. An end from which no watch can go on is none either. One that ends sooner looks like a connection that is cut, but may be one that something in between does not let live as long.
    pub(super) fn broke_off(&mut self, cause: &Cause, after: Duration) {
        match cause {
            Cause::Silent(_) | Cause::NoVersion => self.endless = self.endless.saturating_add(1),
            Cause::Broken if after.as_secs() >= TIMEOUT.into() => {
                self.endless = self.endless.saturating_add(1);
            }
            Cause::Broken | Cause::Server(kube::Error::ReadEvents(_)) => {
                self.broken = self.broken.saturating_add(1);
                self.is_paged_once = self.broken >= FAILURES;
                return;
            }
            _ => return,
        }
        self.is_paged_once = true;
        self.is_paged = self.endless >= FAILURES;
    }

    /// The server no longer knew the list when a further page was asked for.
    pub(super) fn was_too_slow(&mut self) {
        self.forgotten = self.forgotten.saturating_add(1);
    }

    /// The list was whole.
    pub(super) fn was_whole(&mut self) {
        if self.is_streamed() {
            (self.endless, self.broken) = (0, 0);
        }
        (self.is_paged_once, self.forgotten) = (false, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    fn auto() -> Choice {
        Choice::new(Lists::Auto, Some(2))
    }

    fn cut() -> Cause {
        Cause::Server(kube::Error::ReadEvents(std::io::Error::other("reset")))
    }

    #[test]
    fn pages_once_or_for_good() {
        let over = Duration::from_secs(TIMEOUT.into());
        for (cause, after) in [(Cause::Silent(SOON), SOON), (Cause::NoVersion, SOON), (Cause::Broken, over)] {
            let mut choice = auto();
            choice.broke_off(&cause, after);
            assert!(!choice.is_streamed());
            choice.was_whole();
            assert!(choice.is_streamed());
            choice.was_whole();
            choice.broke_off(&cause, after);
            choice.was_whole();
            assert!(choice.is_streamed());
            choice.broke_off(&cause, after);
            choice.was_whole();
            assert!(!choice.is_streamed());
        }
        let mut choice = auto();
        choice.refused();
        choice.was_whole();
        assert!(!choice.is_streamed());
    }

    #[test]
    fn pages_after_two_that_broke_off() {
        for cause in [Cause::Broken, cut()] {
            let mut choice = auto();
            choice.broke_off(&cause, SOON);
            assert!(choice.is_streamed());
            choice.was_whole();
            choice.broke_off(&cause, SOON);
            assert!(choice.is_streamed());
            choice.broke_off(&cause, SOON);
            assert!(!choice.is_streamed());
            choice.was_whole();
            assert!(choice.is_streamed());
            // They are in a row as long as no streamed list was whole.
            choice.broke_off(&cause, SOON);
            assert!(!choice.is_streamed());
        }
        let mut choice = auto();
        for _ in 0..9 {
            choice.broke_off(&Cause::Unreadable, SOON);
        }
        assert!(choice.is_streamed());
    }

    #[test]
    fn no_choice() {
        let mut choice = Choice::new(Lists::Streamed, None);
        choice.refused();
        for _ in 0..3 {
            choice.broke_off(&Cause::Silent(SOON), SOON);
            choice.broke_off(&Cause::Broken, SOON);
        }
        assert!(choice.is_streamed());
        assert!(!Choice::new(Lists::Paged, None).is_streamed());
    }

    #[test]
    fn page_sizes() {
        let mut choice = auto();
        let mut sizes = vec![choice.page_size()];
        for _ in 0..3 {
            choice.was_too_slow();
            sizes.push(choice.page_size());
        }
        choice.was_whole();
        sizes.push(choice.page_size());
        assert_eq!(sizes, [Some(2), Some(20), None, None, Some(2)]);
        let mut none = Choice::new(Lists::Paged, None);
        none.was_too_slow();
        assert_eq!(none.page_size(), None);
    }
}
