//! The viewers in a room, and which of them have gone: each is asked once, and all again only when one of them has news.
//! Must not ask all whenever the room wakes for something else, which is for each event.

use std::future::poll_fn;
use std::slice::{Iter, IterMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

use super::viewer::Viewer;

/// Who may go at any time.
pub(super) trait Guest {
    /// Ready once the guest has gone.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

impl Guest for Viewer {
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Viewer::poll_gone(self, cx)
    }
}

/// Those who sit in one room.
pub(super) struct Seated<G> {
    guests: Vec<G>,
    /// The guests at the places before this one will ring when they have news.
    asked: usize,
    bell: Arc<Bell>,
    /// What rings the bell.
    waker: Waker,
}

/// What a guest with news rings; it wakes the room.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    room: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.room.wake();
    }
}

impl<G: Guest> Seated<G> {
    pub(super) fn is_empty(&self) -> bool {
        self.guests.is_empty()
    }

    pub(super) fn push(&mut self, guest: G) {
        self.guests.push(guest);
    }

    pub(super) fn get(&self, place: usize) -> Option<&G> {
        self.guests.get(place)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut G> {
        self.guests.get_mut(place)
    }

    pub(super) fn iter(&self) -> Iter<'_, G> {
        self.guests.iter()
    }

    pub(super) fn iter_mut(&mut self) -> IterMut<'_, G> {
        self.guests.iter_mut()
    }

    /// Takes the guest at this place out; the last one, who may not have been asked yet, has the place then.
    pub(super) fn take_out(&mut self, place: usize) -> G {
        self.asked = self.asked.min(place);
        self.guests.swap_remove(place)
    }

    /// Returns when some have gone, without them.
    pub(super) async fn departures(&mut self) {
        poll_fn(|cx| self.poll_departures(cx)).await;
    }

    fn poll_departures(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // In this order: who rings in between is heard.
        self.bell.room.register(cx.waker());
        if self.bell.rung.swap(false, Ordering::AcqRel) {
            self.asked = 0;
        }
        let before = self.guests.len();
        let mut rings = Context::from_waker(&self.waker);
        while let Some(guest) = self.guests.get_mut(self.asked) {
            match guest.poll_gone(&mut rings) {
                Poll::Ready(()) => drop(self.guests.swap_remove(self.asked)),
                Poll::Pending => self.asked += 1,
            }
        }
        if self.guests.len() < before { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<G> Default for Seated<G> {
    fn default() -> Seated<G> {
        let bell = Arc::<Bell>::default();
        Seated { guests: Vec::new(), asked: 0, waker: bell.clone().into(), bell }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Counts how often it is asked, and goes when it is told to.
    #[derive(Clone, Default)]
    struct Someone(Arc<Mutex<(usize, bool, Option<Waker>)>>);

    impl Someone {
        fn asked(&self) -> usize {
            self.0.lock().unwrap().0
        }

        fn goes(&self) {
            let mut this = self.0.lock().unwrap();
            this.1 = true;
            this.2.take().expect("it was asked").wake();
        }
    }

    impl Guest for Someone {
        fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            let mut this = self.0.lock().unwrap();
            this.0 += 1;
            this.2 = Some(cx.waker().clone());
            if this.1 { Poll::Ready(()) } else { Poll::Pending }
        }
    }

    /// Whether the room was woken.
    #[derive(Default)]
    struct Room(AtomicBool);

    impl Wake for Room {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_guest_is_asked_once_until_one_has_news() {
        let room = Arc::<Room>::default();
        let waker = Waker::from(room.clone());
        let mut cx = Context::from_waker(&waker);
        let mut seated = Seated::default();
        let guests: Vec<Someone> = (0..4).map(|_| Someone::default()).collect();
        let asked = || guests.iter().map(Someone::asked).collect::<Vec<_>>();

        guests[..3].iter().for_each(|guest| seated.push(guest.clone()));
        for _ in 0..10 {
            assert!(seated.poll_departures(&mut cx).is_pending());
        }
        assert_eq!(asked(), [1, 1, 1, 0]);

        // The last has not been asked when it comes to sit at the first place.
        seated.push(guests[3].clone());
        drop(seated.take_out(0));
        assert!(seated.poll_departures(&mut cx).is_pending());
        assert_eq!(asked()[3], 1);

        assert!(!room.0.load(Ordering::SeqCst));
        guests[1].goes();
        assert!(room.0.load(Ordering::SeqCst), "the room wakes");
        assert!(seated.poll_departures(&mut cx).is_ready());
        assert_eq!(seated.iter().count(), 2, "without the one who went");
        assert!(seated.poll_departures(&mut cx).is_pending());
    }
}
