//! Which rooms there are, and the seats in them; a room is there for as long as a seat in it is taken.
//! Must not write to a viewer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Delivery;
use super::room::Room;
use super::viewer::Viewer;
use crate::event::{Seq, Subject};
use crate::http::connections::Connections;

/// Seats in a room: its task writes to so many viewers in one turn, a millisecond or two, before other tasks have theirs.
const SEATS: usize = 256;

/// All rooms with their taken seats. A cheap handle.
#[derive(Clone, Default)]
pub(super) struct Rooms(Arc<Mutex<HashMap<Subject, Vec<Arc<Door>>>>>);

impl Rooms {
    /// A seat for a viewer that has everything up to `cursor`. The room hears all that is published from now on.
    pub(super) fn seat(delivery: &Delivery, subject: Subject, cursor: Seq, connections: &Connections) -> Seat {
        let rooms = &delivery.0.rooms;
        let mut doors = lock(&rooms.0);
        let doors = doors.entry(subject).or_default();
        let door = doors.iter().find(|door| door.take_seat()).cloned().unwrap_or_else(|| {
            let door = Arc::new(Door::default());
            door.take_seat();
            doors.push(door.clone());
            let live = delivery.0.log.subscribe(subject, cursor);
            connections.spawn(Room::new(live, door.clone(), delivery.clone(), connections.clone()).run());
            door
        });
        Seat { rooms: rooms.clone(), door, subject }
    }

    /// A seat in a room that is run by a test.
    #[cfg(test)]
    pub(super) fn seat_beside(delivery: &Delivery, subject: Subject) -> (Seat, Arc<Door>) {
        let door = Arc::new(Door::default());
        door.take_seat();
        (Seat { rooms: delivery.0.rooms.clone(), door: door.clone(), subject }, door)
    }
}

/// A viewer's seat, from before it is caught up; given back when it is dropped.
pub(super) struct Seat {
    rooms: Rooms,
    door: Arc<Door>,
    subject: Subject,
}

impl Seat {
    pub(super) fn subject(&self) -> Subject {
        self.subject
    }

    /// How often the room was told so far that something may be missing. To be asked before the log is read.
    pub(super) fn doubts(&self) -> u64 {
        self.door.doubts()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut rooms = lock(&self.rooms.0);
        let mut state = lock(&self.door.state);
        state.taken -= 1;
        if state.taken > 0 {
            return;
        }
        state.closed = true;
        self.door.changed.notify_one();
        if let Some(doors) = rooms.get_mut(&self.subject) {
            doors.retain(|door| !Arc::ptr_eq(door, &self.door));
            if doors.is_empty() {
                rooms.remove(&self.subject);
            }
        }
    }
}

/// A viewer that has come in.
pub(super) struct Arrival {
    pub(super) viewer: Viewer,
    /// The room's doubts before the viewer looked for the last time whether it has everything.
    pub(super) doubts: u64,
}

/// Where viewers come into a room.
#[derive(Default)]
pub(super) struct Door {
    state: Mutex<State>,
    changed: Notify,
    doubts: AtomicU64,
}

#[derive(Default)]
struct State {
    taken: usize,
    arrivals: Vec<Arrival>,
    /// Nobody comes in any more.
    closed: bool,
}

impl Door {
    fn take_seat(&self) -> bool {
        let mut state = lock(&self.state);
        let free = state.taken < SEATS && !state.closed;
        state.taken += usize::from(free);
        free
    }

    pub(super) fn doubts(&self) -> u64 {
        self.doubts.load(Ordering::Acquire)
    }

    pub(super) fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::Release);
    }

    /// Brings a viewer in. Where the room has closed, which it does while its viewers are there only if everything is
    /// cut, the viewer is dropped.
    pub(super) fn enter(&self, arrival: Arrival) {
        let mut state = lock(&self.state);
        if state.closed {
            drop(state);
            return drop(arrival);
        }
        state.arrivals.push(arrival);
        drop(state);
        self.changed.notify_one();
    }

    /// Those who have come in since the last time; none once the room is to close.
    pub(super) async fn arrivals(&self) -> Option<Vec<Arrival>> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = lock(&self.state);
                if state.closed {
                    return None;
                }
                if !state.arrivals.is_empty() {
                    return Some(std::mem::take(&mut state.arrivals));
                }
            }
            changed.await;
        }
    }

    /// Lets nobody in any more. Those who stand in the door are returned, to be dropped without its lock.
    pub(super) fn close(&self) -> Vec<Arrival> {
        let mut state = lock(&self.state);
        state.closed = true;
        std::mem::take(&mut state.arrivals)
    }
}

impl Viewer {
    /// Takes the seat. The room looks for itself whether the viewer has everything.
    pub(super) fn sit(self, doubts: u64) {
        let door = self.seat.door.clone();
        door.enter(Arrival { viewer: self, doubts });
    }
}

/// What these locks guard is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
