//! A route's far end: takes messages over HTTP, remembers them, fails when told to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::node::PATIENCE;

/// What was delivered: the decision's id, the attempt, the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub decision_id: String,
    pub attempt: u32,
    pub body: Vec<u8>,
}

#[derive(Default)]
struct Inbox {
    deliveries: Mutex<Vec<Delivery>>,
    arrived: Condvar,
}

/// A listening webhook.
pub struct Webhook {
    pub url: String,
    inbox: Arc<Inbox>,
    failures_left: Arc<AtomicU32>,
}

impl Webhook {
    /// One that answers 200.
    pub fn new() -> Self {
        Self::failing(0)
    }

    /// One that answers 500 to the first `failures` deliveries.
    pub fn failing(failures: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/inbox", listener.local_addr().unwrap());
        let inbox = Arc::new(Inbox::default());
        let failures_left = Arc::new(AtomicU32::new(failures));
        let (seen, left) = (inbox.clone(), failures_left.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, left) = (seen.clone(), left.clone());
                std::thread::spawn(move || while take(&stream, &seen, &left).is_some() {});
            }
        });
        Self { url, inbox, failures_left }
    }

    /// The lines of a configuration that route everything here, with quick retries.
    pub fn route(&self) -> String {
        format!(
            "[[route]]\nname = \"all\"\nwebhook = \"{}\"\nretry_first = \"100ms\"\nretry_max = \"200ms\"\n",
            self.url
        )
    }

    /// Everything that was delivered so far, failures included.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.inbox.deliveries.lock().unwrap().clone()
    }

    /// Waits until `count` deliveries were taken, failures included.
    pub fn wait_for(&self, count: usize) -> Vec<Delivery> {
        let deliveries = self.inbox.deliveries.lock().unwrap();
        let fewer = |deliveries: &mut Vec<Delivery>| deliveries.len() < count;
        let (deliveries, late) = self.inbox.arrived.wait_timeout_while(deliveries, PATIENCE, fewer).unwrap();
        assert!(!late.timed_out(), "{} deliveries instead of {count}", deliveries.len());
        deliveries.clone()
    }

    /// Fails the next `failures` deliveries.
    pub fn fail(&self, failures: u32) {
        self.failures_left.store(failures, Ordering::SeqCst);
    }
}

impl Default for Webhook {
    fn default() -> Self {
        Self::new()
    }
}

/// One request of a connection; `None` when it is over.
fn take(stream: &TcpStream, seen: &Inbox, left: &AtomicU32) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut delivery = Delivery { decision_id: String::new(), attempt: 0, body: Vec::new() };
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            Some(("ostrakon-decision-id", value)) => value.clone_into(&mut delivery.decision_id),
            Some(("ostrakon-attempt", value)) => delivery.attempt = value.parse().ok()?,
            _ if line == "\r\n" => break,
            _ => {}
        }
    }
    delivery.body = vec![0; length];
    reader.read_exact(&mut delivery.body).ok()?;
    let fails = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    seen.deliveries.lock().unwrap().push(delivery);
    seen.arrived.notify_all();
    let status = if fails { "500 Internal Server Error" } else { "200 OK" };
    let mut writer = stream;
    write!(writer, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").ok()
}
