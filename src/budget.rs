//! Memory that connectors share, in bytes: what waits between source and line, and what is on its way in the sinks.
//!
//! However many connectors there are, and however far behind their sinks, all of them together hold no more than the budget
//! and one batch each at either end. Whoever holds nothing never waits, so that connectors that are stuck cannot bring one
//! that is not to a stand; those that wait are served in turn.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// What a permit stands for.
const UNIT: usize = 1024;

/// The memory of all connectors.
#[derive(Clone, Debug)]
pub struct Budget {
    units: Arc<Semaphore>,
    units_max: u32,
}

impl Budget {
    /// So many bytes.
    #[must_use]
    pub fn of(bytes: usize) -> Self {
        let units_max = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).clamp(1, 1 << 28);
        Self { units: Arc::new(Semaphore::new(units_max as usize)), units_max }
    }

    /// How many bytes there are.
    #[must_use]
    pub fn max(&self) -> usize {
        self.units_max as usize * UNIT
    }

    /// How many bytes are not taken.
    #[must_use]
    pub fn left(&self) -> usize {
        self.units.available_permits() * UNIT
    }
}

/// One end of one connector: what it holds of the budget, batch by batch, in order.
#[derive(Debug, Default)]
pub struct Share {
    /// `None`: there is no limit.
    budget: Option<Budget>,
    /// `None`: it was more than there was, when nothing else was held.
    held: Mutex<VecDeque<Option<OwnedSemaphorePermit>>>,
    emptied: Notify,
}

impl Share {
    /// A share of that budget, nothing of which is held yet.
    #[must_use]
    pub fn of(budget: Option<Budget>) -> Self {
        Self { budget, ..Self::default() }
    }

    /// Takes so many bytes for the next batch; waits while there are not so many, unless nothing is held.
    pub async fn take(&self, bytes: usize) {
        let permit = match &self.budget {
            Some(budget) if bytes > 0 => self.permit(budget, bytes).await,
            _ => None,
        };
        self.held().push_back(permit);
    }

    async fn permit(&self, budget: &Budget, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(budget.units_max);
        if let Ok(permit) = Arc::clone(&budget.units).try_acquire_many_owned(units) {
            return Some(permit);
        }
        let acquired = Arc::clone(&budget.units).acquire_many_owned(units);
        tokio::pin!(acquired);
        loop {
            let emptied = self.emptied.notified();
            if self.held().is_empty() {
                return None;
            }
            tokio::select! {
                permit = &mut acquired => return permit.ok(),
                () = emptied => {}
            }
        }
    }

    /// Gives back what was taken for the oldest batch.
    pub fn give_back(&self) {
        let mut held = self.held();
        drop(held.pop_front());
        if held.is_empty() {
            self.emptied.notify_one();
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, VecDeque<Option<OwnedSemaphorePermit>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn waits(share: &Share, bytes: usize) -> bool {
        tokio::time::timeout(Duration::from_millis(20), share.take(bytes)).await.is_err()
    }

    #[tokio::test]
    async fn nobody_starves_and_nothing_grows() {
        let budget = Budget::of(10 * UNIT);
        let [greedy, modest] = [(); 2].map(|()| Share::of(Some(budget.clone())));
        greedy.take(8 * UNIT).await;
        assert!(waits(&greedy, 8 * UNIT).await, "it holds something, and there is not as much");
        modest.take(8 * UNIT).await;
        assert_eq!(budget.left(), 2 * UNIT, "who holds nothing goes on without");
        assert!(waits(&modest, 8 * UNIT).await);
        modest.take(2 * UNIT).await;
        assert_eq!(budget.left(), 0);
        greedy.give_back();
        assert_eq!(budget.left(), 8 * UNIT);
        modest.take(8 * UNIT).await;
        for _ in 0..3 {
            modest.give_back();
        }
        assert_eq!(budget.left(), 10 * UNIT);
    }

    #[tokio::test]
    async fn who_has_given_back_all_need_not_wait() {
        let budget = Budget::of(4 * UNIT);
        let [stuck, other] = [(); 2].map(|()| Arc::new(Share::of(Some(budget.clone()))));
        stuck.take(3 * UNIT).await;
        other.take(UNIT).await;
        let waiting = Arc::clone(&other);
        let taken = tokio::spawn(async move { waiting.take(2 * UNIT).await });
        tokio::task::yield_now().await;
        assert!(!taken.is_finished());
        other.give_back();
        tokio::time::timeout(Duration::from_secs(120), taken).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_batch_larger_than_all_of_it_passes_alone() {
        let budget = Budget::of(2 * UNIT);
        let share = Share::of(Some(budget.clone()));
        share.take(100 * UNIT).await;
        assert_eq!(budget.left(), 0);
        assert!(waits(&share, 1).await);
        share.give_back();
        assert_eq!(budget.left(), 2 * UNIT);
        Share::default().take(usize::MAX).await;
    }
}
