//! What the first frame of a stream shows of its job or brand: one read for all viewers who come at once, and kept for a
//! moment as long as nothing can have happened since.
//! Must not answer who is not a viewer, or decide from what was kept that a stream need not begin or must begin anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{BrandView, Engine, EngineError, JobView};
use crate::event::{Seq, Subject};
use crate::event_log::shared_read::SharedReads;
use crate::job::{BrandId, JobId};
use crate::store::StoreError;

/// For how long a view is kept: what it shows besides events, such as an estimate, may be so old.
const KEPT: Duration = Duration::from_secs(1);

/// The views of all subjects of one kind.
pub(super) struct Views<T> {
    kept: Arc<Mutex<Kept<T>>>,
    reads: SharedReads<Subject, Result<Arc<T>, EngineError>>,
}

struct Kept<T> {
    /// With when their reading began.
    views: HashMap<Subject, (Instant, Arc<T>)>,
    /// When those that are too old were removed last.
    swept: Instant,
}

/// What has a place in the stream of its subject.
pub(super) trait View: Send + Sync + 'static {
    /// The position up to which it shows the subject.
    fn last_seq(&self) -> Seq;
}

impl View for JobView {
    fn last_seq(&self) -> Seq {
        self.job.last_seq
    }
}

impl View for BrandView {
    fn last_seq(&self) -> Seq {
        self.stream.last_seq
    }
}

impl Engine {
    /// One job, for the first frame of its stream.
    ///
    /// It is read together with all others who ask before the read begins. A view that was read less than a second ago
    /// serves as well if the job is watched here, nothing has happened to it since, and it `will_do`.
    ///
    /// # Errors
    /// [`Refusal::NotFound`](crate::write::Refusal::NotFound) when there is none; [`EngineError::Store`] when the database does not answer.
    pub async fn job_to_watch(
        &self,
        id: JobId,
        will_do: impl FnOnce(&JobView) -> bool,
    ) -> Result<Arc<JobView>, EngineError> {
        let engine = self.clone();
        let read = move || {
            let engine = engine.clone();
            async move { engine.job(id).await }
        };
        self.shared.job_views.view(self, Subject::Job(id), will_do, read).await
    }

    /// The stream of a brand and its newest jobs, for the first frame of the stream; see [`Engine::job_to_watch`].
    ///
    /// # Errors
    /// [`EngineError::Store`] when the database does not answer.
    pub async fn brand_to_watch(
        &self,
        brand_id: BrandId,
        will_do: impl FnOnce(&BrandView) -> bool,
    ) -> Result<Arc<BrandView>, EngineError> {
        let engine = self.clone();
        let read = move || {
            let engine = engine.clone();
            async move { engine.brand(brand_id).await }
        };
        self.shared.brand_views.view(self, Subject::Brand(brand_id), will_do, read).await
    }
}

impl<T: View> Views<T> {
    async fn view<F>(
        &self,
        engine: &Engine,
        subject: Subject,
        will_do: impl FnOnce(&T) -> bool,
        read: impl Fn() -> F + Send + 'static,
    ) -> Result<Arc<T>, EngineError>
    where
        F: Future<Output = Result<T, EngineError>> + Send + 'static,
    {
        if let Some(view) = self.kept_of(subject)
            && engine.event_log().end(subject) == Some(view.last_seq())
            && will_do(&view)
        {
            return Ok(view);
        }
        let (kept, event_log) = (self.kept.clone(), engine.event_log().clone());
        let read = move || {
            let (began, read, kept, event_log) = (Instant::now(), read(), kept.clone(), event_log.clone());
            async move {
                let view = Arc::new(read.await?);
                // What the first frame speaks of, the stream must have.
                event_log.is_stored(subject, view.last_seq());
                keep(&kept, subject, began, view.clone());
                Ok(view)
            }
        };
        let broke_off = || StoreError::Unavailable(format!("the read of {subject:?} broke off"));
        self.reads.ask(subject, read).await.unwrap_or_else(|| Err(broke_off().into()))
    }

    /// The view of a subject, unless it is too old.
    fn kept_of(&self, subject: Subject) -> Option<Arc<T>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, view) = kept.views.get(&subject)?;
        (began.elapsed() < KEPT).then(|| view.clone())
    }
}

/// Keeps a view. Those that are too old go, at most once in their time, so that this takes no longer for many.
fn keep<T>(kept: &Mutex<Kept<T>>, subject: Subject, began: Instant, view: Arc<T>) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.swept.elapsed() >= KEPT {
        kept.views.retain(|_, (began, _)| began.elapsed() < KEPT);
        kept.swept = Instant::now();
    }
    kept.views.insert(subject, (began, view));
}

impl<T> Default for Views<T> {
    fn default() -> Views<T> {
        let kept = Kept { views: HashMap::new(), swept: Instant::now() };
        Views { kept: Arc::new(Mutex::new(kept)), reads: SharedReads::default() }
    }
}
