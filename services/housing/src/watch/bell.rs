//! Who listens in this process, and word for them that something has changed.
//!
//! A tenant has a room while somebody listens to it. The word is no more than
//! "look now": whoever hears it late has missed nothing.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use resido_proto::ids::TenantId;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::Error;

/// Streams of one tenant at most.
const MAX_OF_TENANT: usize = 64;
/// Streams of the process at most.
const MAX: usize = 1024;

/// The listeners of this process; clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bell(Arc<Mutex<House>>);

#[derive(Debug, Default)]
struct House {
    rooms: HashMap<TenantId, (Arc<Room>, Seats)>,
    seats: usize,
}

/// How many of a room are taken. Counted with the house locked, unlike its
/// receivers, which go after their seat.
type Seats = usize;

/// The listeners of one tenant.
#[derive(Debug)]
struct Room {
    rung: watch::Sender<()>,
    /// One reads at a time: all hear at once, and the tenant's share of the
    /// database is for its calls.
    turn: Semaphore,
}

impl Bell {
    /// Says that something of a tenant has changed.
    pub(crate) fn ring(&self, tenant: TenantId) {
        if let Some((room, _)) = self.house().rooms.get(&tenant) {
            room.rung.send_replace(());
        }
    }

    /// Takes a seat in a tenant's room.
    ///
    /// # Errors
    /// [`Error::WatchBusy`] if all are taken.
    pub(super) fn sit(&self, tenant: TenantId) -> Result<Seat, Error> {
        let mut house = self.house();
        if house.seats >= MAX {
            return Err(Error::WatchBusy);
        }
        let (room, seats) = house.rooms.entry(tenant).or_insert_with(|| {
            let room = Room {
                rung: watch::Sender::new(()),
                turn: Semaphore::new(1),
            };
            (Arc::new(room), 0)
        });
        if *seats >= MAX_OF_TENANT {
            return Err(Error::WatchBusy);
        }
        *seats += 1;
        let room = Arc::clone(room);
        house.seats += 1;
        Ok(Seat {
            bell: self.clone(),
            tenant,
            rung: room.rung.subscribe(),
            room,
        })
    }

    fn house(&self) -> MutexGuard<'_, House> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A listener's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    bell: Bell,
    tenant: TenantId,
    room: Arc<Room>,
    rung: watch::Receiver<()>,
}

impl Seat {
    /// Forgets what was rung up to now.
    pub(super) fn hush(&mut self) {
        self.rung.mark_unchanged();
    }

    /// Waits until it rings, if it has not since it was hushed.
    pub(super) async fn rung(&mut self) {
        // The room is held, and the sender in it.
        let _rung = self.rung.changed().await.is_ok();
    }

    /// Waits for this listener's turn to read.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.room.turn.acquire().await.ok()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut house = self.bell.house();
        house.seats -= 1;
        if let Entry::Occupied(mut room) = house.rooms.entry(self.tenant) {
            let seats = &mut room.get_mut().1;
            *seats -= 1;
            if *seats == 0 {
                room.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_ring_is_heard_once_by_its_tenant_alone() {
        let (bell, tenant) = (Bell::default(), TenantId::new());
        let mut seats = [bell.sit(tenant).unwrap(), bell.sit(tenant).unwrap()];
        let mut other = bell.sit(TenantId::new()).unwrap();
        bell.ring(tenant);
        bell.ring(tenant);
        for seat in &mut seats {
            assert!(seat.rung().now_or_never().is_some());
            assert!(seat.rung().now_or_never().is_none());
        }
        assert!(other.rung().now_or_never().is_none());
        bell.ring(tenant);
        seats[0].hush();
        assert!(seats[0].rung().now_or_never().is_none());
        bell.ring(tenant);
        assert!(seats[0].rung().now_or_never().is_some());
    }

    #[test]
    fn seats_are_bounded_and_rooms_vanish_with_their_last() {
        let bell = Bell::default();
        let mut seats = Vec::new();
        while seats.len() < MAX {
            let tenant = TenantId::new();
            for _ in 0..MAX_OF_TENANT {
                seats.push(bell.sit(tenant).unwrap());
            }
            let full = bell.sit(tenant).unwrap_err();
            assert!(matches!(full, Error::WatchBusy));
        }
        assert!(bell.sit(TenantId::new()).is_err(), "the house is full");
        let last = seats.pop().unwrap();
        let again = bell.sit(last.tenant);
        assert!(again.is_err(), "it is taken until it is dropped");
        let tenant = last.tenant;
        drop(last);
        seats.push(bell.sit(tenant).unwrap());
        drop(seats);
        assert!(bell.house().rooms.is_empty());
        assert_eq!(bell.house().seats, 0);
        bell.ring(tenant);
    }

    #[test]
    fn a_room_vanishes_though_its_last_leave_at_once() {
        let (bell, tenant) = (Bell::default(), TenantId::new());
        let (one, two) = (bell.sit(tenant).unwrap(), bell.sit(tenant).unwrap());
        // As when `one` has left the house and its receiver is about to go.
        let leaving = one.rung.clone();
        drop(one);
        drop(two);
        assert!(bell.house().rooms.is_empty());
        drop(leaving);
    }

    #[tokio::test]
    async fn one_of_a_room_reads_at_a_time() {
        let (bell, tenant) = (Bell::default(), TenantId::new());
        let (one, two) = (bell.sit(tenant).unwrap(), bell.sit(tenant).unwrap());
        let turn = one.turn().await;
        assert!(two.turn().now_or_never().is_none());
        drop(turn);
        assert!(two.turn().now_or_never().is_some());
    }
}
