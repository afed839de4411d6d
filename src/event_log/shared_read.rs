//! Reads of the store that all who ask for the same share, so that a crowd costs what one reader does.
//! Must not keep an answer: whoever asks later causes another read.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// The pause between two reads of the same, in which those who ask gather for the second. Whoever asks while nobody else
/// does is not held up.
const GATHERING: Duration = Duration::from_millis(5);

/// Reads by what they read.
pub(crate) struct SharedReads<K, T> {
    under_way: Arc<Mutex<HashMap<K, UnderWay<T>>>>,
}

/// Those who wait for a read hold the receiver; it has the answer, or its sender is gone.
type Answer<T> = watch::Receiver<Option<T>>;

struct UnderWay<T> {
    /// The read that has begun.
    begun: Answer<T>,
    /// The one that will follow it, if anybody waits for it.
    next: Option<(watch::Sender<Option<T>>, Answer<T>)>,
}

impl<K, T> SharedReads<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// The answer of a read that begins after this call, together with all others who ask before it does.
    ///
    /// The read runs in a task that ends with it, whether or not anybody still waits; `None` if it broke off.
    pub(crate) async fn ask<F>(&self, key: K, read: impl Fn() -> F + Send + 'static) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let answer = {
            let mut all = self.lock();
            match all.get_mut(&key) {
                Some(under_way) => under_way.next.get_or_insert_with(|| watch::channel(None)).1.clone(),
                None => self.begin(&mut all, key, read),
            }
        };
        answer_of(answer).await
    }

    /// The answer of the read that is under way, which may have begun before this call, or of one that begins now; and
    /// whether it is the latter. Not for reads that others [`ask`](Self::ask) for.
    pub(crate) async fn join<F>(&self, key: K, read: impl Fn() -> F + Send + 'static) -> Option<(T, bool)>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (answer, begins) = {
            let mut all = self.lock();
            match all.get(&key) {
                Some(under_way) => (under_way.begun.clone(), false),
                None => (self.begin(&mut all, key, read), true),
            }
        };
        Some((answer_of(answer).await?, begins))
    }

    fn begin<F>(&self, all: &mut HashMap<K, UnderWay<T>>, key: K, read: impl Fn() -> F + Send + 'static) -> Answer<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (sender, begun) = watch::channel(None);
        all.insert(key.clone(), UnderWay { begun: begun.clone(), next: None });
        let mut place = Place { reads: self.clone(), key, held: true };
        tokio::spawn(async move {
            let mut sender = sender;
            loop {
                let answer = read().await;
                // Given back first, so that nobody finds an answer that is there already.
                let awaited = place.is_awaited_again();
                sender.send_replace(Some(answer));
                if !awaited {
                    return;
                }
                tokio::time::sleep(GATHERING).await;
                match place.next() {
                    Some(next) => sender = next,
                    None => return,
                }
            }
        });
        begun
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, UnderWay<T>>> {
        lock(&self.under_way)
    }
}

fn lock<K, T>(under_way: &Mutex<HashMap<K, UnderWay<T>>>) -> MutexGuard<'_, HashMap<K, UnderWay<T>>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer_of<T: Clone>(mut answer: Answer<T>) -> Option<T> {
    let answer = answer.wait_for(Option::is_some).await.ok()?;
    answer.clone()
}

/// The place of a read among those under way, for as long as its task runs.
struct Place<K: Eq + Hash, T> {
    reads: SharedReads<K, T>,
    key: K,
    /// Whether it has not been given back.
    held: bool,
}

impl<K: Eq + Hash, T> Place<K, T> {
    /// Whether anybody waits for another read of the same. Otherwise the place is given back.
    fn is_awaited_again(&mut self) -> bool {
        let mut all = lock(&self.reads.under_way);
        self.held = all.get(&self.key).is_some_and(|under_way| under_way.next.is_some());
        if !self.held {
            all.remove(&self.key);
        }
        self.held
    }

    /// Those who wait for another read of the same.
    fn next(&self) -> Option<watch::Sender<Option<T>>> {
        let mut all = lock(&self.reads.under_way);
        let under_way = all.get_mut(&self.key)?;
        let (sender, begun) = under_way.next.take()?;
        under_way.begun = begun;
        Some(sender)
    }
}

impl<K: Eq + Hash, T> Drop for Place<K, T> {
    /// Where the read broke off, those who wait for another learn of it.
    fn drop(&mut self) {
        if self.held {
            lock(&self.reads.under_way).remove(&self.key);
        }
    }
}

impl<K, T> Clone for SharedReads<K, T> {
    fn clone(&self) -> SharedReads<K, T> {
        SharedReads { under_way: self.under_way.clone() }
    }
}

impl<K, T> Default for SharedReads<K, T> {
    fn default() -> SharedReads<K, T> {
        SharedReads { under_way: Arc::default() }
    }
}
