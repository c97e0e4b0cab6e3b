use std::net::Ipv4Addr;

use super::*;

/// A listener with sixteen places, four of them kept, and one of its connections for each address.
struct Room {
    connections: Arc<Connections>,
    places: Vec<ConnectionPlace>,
}

impl Room {
    fn new() -> Self {
        let proxies = BTreeSet::from([IpAddr::from(Ipv4Addr::LOCALHOST)]);
        Self { connections: Connections::public(16, 1 << 10, proxies, Handle::current()), places: Vec::new() }
    }

    /// A connection that is served by a task that never ends by itself.
    fn connect(&mut self, from: [u8; 4]) -> Option<Arc<Link>> {
        let place = self.connections.admit(Some(from.into()))?;
        let link = place.link().clone();
        link.runs_as(tokio::spawn(std::future::pending::<()>()).abort_handle());
        self.places.push(place);
        Some(link)
    }

    /// Connections that were not closed.
    fn open(&self) -> Vec<u64> {
        let mut ids: Vec<_> = self.connections.lock().links.keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}

fn peer() -> PeerName {
    PeerName::parse("a.example").unwrap()
}

#[tokio::test]
async fn strangers_push_out_the_oldest_of_themselves_and_nobody_else() {
    let mut room = Room::new();
    let known = room.connect([192, 0, 2, 1]).unwrap();
    known.note_known(&peer());
    for n in 0..100 {
        room.connect([198, 51, 100, n]).unwrap();
    }
    let open = room.open();
    assert_eq!(open.len(), 1 + 12, "strangers have twelve places");
    assert!(open.contains(&known.id) && open.contains(&101) && !open.contains(&2), "{open:?}");
    for _ in 0..3 {
        room.connect([192, 0, 2, 1]).unwrap();
    }
    assert_eq!(room.open().len(), 16, "the other places are kept for those who are known");
    room.connect([192, 0, 2, 1]).unwrap();
    let open = room.open();
    assert!(open.len() == 16 && open.contains(&known.id), "a known address takes a place from a stranger: {open:?}");
}

#[tokio::test]
async fn an_address_has_a_share_and_a_proxy_has_none() {
    let mut room = Room::new();
    let links: Vec<_> = (0..30).map(|_| room.connect([198, 51, 100, 1]).unwrap()).collect();
    assert_eq!(room.open().len(), ADDRESS_CONNECTIONS_MIN);
    assert!(links[29].close(), "the last one is served");
    for _ in 0..30 {
        room.connect([127, 0, 0, 1]).unwrap();
    }
    assert_eq!(room.open().len(), 16);
}

#[tokio::test]
async fn whose_answer_is_ours_to_give_goes_last() {
    let mut room = Room::new();
    let working = room.connect([198, 51, 100, 1]).unwrap();
    working.enter(Phase::Work);
    for n in 0..50 {
        room.connect([203, 0, 113, n]).unwrap();
    }
    assert!(room.open().contains(&working.id));
    let mut room = Room::new();
    for n in 0..12 {
        room.connect([203, 0, 113, n]).unwrap().enter(Phase::Work);
    }
    assert!(room.connect([198, 51, 100, 1]).is_none(), "twelve work, and none of them for long");
    room.connections.sweep_at(WORK_GIVEN_UP_MS);
    assert!(room.connect([198, 51, 100, 1]).is_some());
}

/// What a connection does, and after how long without progress it is closed.
#[tokio::test]
async fn whatever_a_connection_does_has_an_end() {
    #[track_caller]
    fn check(phase: Option<Phase>, ends_ms: Option<u64>) {
        let mut room = Room::new();
        let link = room.connect([198, 51, 100, 1]).unwrap();
        if let Some(phase) = phase {
            link.enter(phase);
        }
        let ends_ms = ends_ms.unwrap_or(3_600_000);
        room.connections.sweep_at(ends_ms);
        assert_eq!(room.open(), [link.id], "{phase:?} at {ends_ms}");
        if ends_ms < 3_600_000 {
            room.connections.sweep_at(ends_ms + 1);
            assert!(room.open().is_empty(), "{phase:?} after {ends_ms}");
        }
    }
    check(None, Some(10_000));
    check(Some(Phase::Head), Some(10_000));
    check(Some(Phase::Idle), Some(60_000));
    check(Some(Phase::Write), Some(10_000));
    check(Some(Phase::Linger), Some(2_000));
    // These end with an answer, of which whoever reads the body or works takes care.
    check(Some(Phase::Body), None);
    check(Some(Phase::Work), None);
}

#[tokio::test]
async fn a_connection_between_requests_is_not_cut_by_the_deadline_of_heads() {
    let mut room = Room::new();
    let link = room.connect([198, 51, 100, 1]).unwrap();
    for round in 1..20 {
        link.received();
        link.enter(Phase::Work);
        link.enter(Phase::Write);
        link.sent(100);
        link.flushed();
        room.connections.sweep_at(round * 50_000);
        assert_eq!(room.open(), [link.id], "round {round}");
    }
    link.received();
    room.connections.sweep_at(19 * 50_000 + 10_001);
    assert!(room.open().is_empty(), "the head of the next request has its own deadline");
}

#[test]
fn a_transfer_has_to_make_progress_and_ends() {
    assert_eq!(transfer_ms(0), 10_000);
    assert_eq!(transfer_ms(1), 10_000);
    assert_eq!(transfer_ms(16 << 10), 11_000);
    assert_eq!(transfer_ms(u64::MAX), 120_000);
}

#[tokio::test]
async fn bytes_of_strangers_have_a_bound_and_come_back() {
    let mut room = Room::new();
    let links: Vec<_> = (0..12).map(|n| room.connect([198, 51, 100, n]).unwrap()).collect();
    let mut held = Vec::new();
    for link in &links {
        held.extend(link.bodies().take(link, 1 << 20).await);
    }
    assert_eq!(held.len(), STRANGERS_BYTES >> 20);
    assert!(links[0].bodies().take(&links[0], 2 << 20).await.is_none(), "one address has a share");
    let known = room.connect([127, 0, 0, 1]).unwrap();
    assert!(known.bodies().take(&known, 8 << 20).await.is_some(), "others are not in the way of those who are known");
    held.clear();
    assert!(links[11].bodies().take(&links[11], 1 << 20).await.is_some());
}

#[tokio::test]
async fn who_holds_bytes_for_long_makes_room() {
    let mut room = Room::new();
    let links: Vec<_> = (0..8).map(|n| room.connect([198, 51, 100, n]).unwrap()).collect();
    let mut held = Vec::new();
    for link in &links {
        link.enter(Phase::Body);
        held.push(link.bodies().take(link, 1 << 20).await.unwrap());
    }
    room.connections.sweep_at(5_000);
    let new = room.connect([203, 0, 113, 1]).unwrap();
    assert!(new.bodies().take(&new, 1 << 10).await.is_none(), "this test's connections hold on to what they have");
    assert!(!room.open().contains(&links[7].id) && room.open().contains(&links[0].id), "{:?}", room.open());
}

/// A bundle of entries may be larger than an address's share. It goes alone, and what comes after it waits.
#[tokio::test]
async fn what_is_larger_than_a_share_goes_alone() {
    let mut room = Room::new();
    let (one, same) = (room.connect([198, 51, 100, 1]).unwrap(), room.connect([198, 51, 100, 1]).unwrap());
    let large = one.answers().take(&one, 4 << 20).await.unwrap();
    assert!(same.answers().take(&same, 1 << 10).await.is_none(), "the address has more than its share");
    let waiting = same.answers().take(&same, 1 << 10);
    let (waited, ()) = tokio::join!(waiting, async { drop(large) });
    assert!(waited.is_some(), "it was given back meanwhile");
}

/// Whoever asks for many at once is counted at once.
#[tokio::test]
async fn a_share_is_counted_before_it_is_waited_for() {
    let mut room = Room::new();
    let links: Vec<_> = (0..8).map(|_| room.connect([198, 51, 100, 1]).unwrap()).collect();
    let other = room.connect([198, 51, 100, 2]).unwrap();
    let _all: Vec<_> = [other.bodies().take(&other, STRANGERS_BYTES - (1 << 20)).await.unwrap()].into();
    let takes = links.iter().map(|link| link.bodies().take(link, 1 << 20));
    let mut taken: Vec<_> = Vec::new();
    let mut set: Vec<std::pin::Pin<Box<_>>> = takes.map(Box::pin).collect();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for take in &mut set {
        if let std::task::Poll::Ready(held) = take.as_mut().poll(&mut context) {
            taken.extend(held);
        }
    }
    let held: u64 = links.iter().map(|link| link.held.load(Relaxed)).sum();
    assert!(held <= STRANGERS_BYTES as u64 / 4, "{held}");
}
