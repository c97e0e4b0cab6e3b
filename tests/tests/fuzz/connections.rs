//! What a served node does with a connection that sends any bytes: it answers in whole HTTP/1.1 answers or closes, never both
//! halves of two, and goes on serving others.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use ostrakon_tests::{TestNode, TestPeer, hostile::address, node::OPEN_POLICY};

/// Longer than any deadline of the node: a connection that is not closed by then never is.
const CLOSED_WITHIN: Duration = Duration::from_secs(150);
/// Inputs between two looks at whether the node still serves.
const LOOK_EVERY: usize = 64;

/// A node that is served until the run ends.
pub(crate) struct Node {
    node: TestNode,
    received: std::cell::Cell<usize>,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self { node: TestNode::serving(OPEN_POLICY, ""), received: Default::default() }
    }

    /// Sends `input` and nothing more, and reads to the end. Its first two bytes say to which listener, and where it is cut
    /// into two pieces that are sent apart.
    pub(crate) fn receive(&self, input: &[u8]) {
        let [listener, cut, input @ ..] = input else { return };
        let url = if listener % 2 == 0 { self.node.public() } else { self.node.local() };
        let mut stream = TcpStream::connect(address(url)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(CLOSED_WITHIN)).unwrap();
        let (first, second) = input.split_at(usize::from(*cut).min(input.len()));
        // Whoever has had enough of it closes.
        let sent = stream.write_all(first).and_then(|()| stream.write_all(second));
        let ended = sent.and_then(|()| stream.shutdown(Shutdown::Write));
        let mut answers = Vec::new();
        match stream.read_to_end(&mut answers) {
            Ok(_) => check(&answers, input),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("not closed: {error}, {ended:?}, after {:?}", String::from_utf8_lossy(&answers)),
        }
        self.received.set(self.received.get() + 1);
        if self.received.get().is_multiple_of(LOOK_EVERY) {
            self.node.check("meanwhile", "x.example");
        }
    }

    /// Nothing has stopped, no connection is left, and the process ends when it is asked to.
    pub(crate) fn end(mut self) {
        assert_eq!(self.node.get("/readyz").status, 200);
        let mut peer = TestPeer::admitted(&self.node, "a.example");
        peer.cast(&self.node, "peer:x.example", -10);
        let public = "ostrakon_connections{listener=\"public\"}";
        ostrakon_tests::node::wait_for("connections to be given back", || self.node.metric(public) <= 1.0);
        assert!(self.node.terminate().success());
    }
}

/// Whole answers, one after the other.
fn check(mut answers: &[u8], input: &[u8]) {
    let said =
        |answers: &[u8]| format!("{:?} to {:?}", String::from_utf8_lossy(answers), String::from_utf8_lossy(input));
    // An answer to HEAD has no body, whatever its length says: it ends the look at what follows.
    let is_head = input.windows(5).any(|word| word.eq_ignore_ascii_case(b"HEAD "));
    while !answers.is_empty() {
        let end = answers.windows(4).position(|end| end == b"\r\n\r\n");
        let (head, rest) = answers.split_at(end.unwrap_or_else(|| panic!("no head: {}", said(answers))) + 4);
        let head = std::str::from_utf8(head).unwrap_or_else(|_| panic!("no text: {}", said(answers)));
        let mut lines = head.lines();
        let status = lines.next().unwrap();
        assert!(status.starts_with("HTTP/1.1 ") || status.starts_with("HTTP/1.0 "), "{}", said(answers));
        assert!(!status.contains(" 500 "), "{}", said(answers));
        if is_head {
            return;
        }
        let length = lines.find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        // Only what has no body says no length.
        let length: usize = length.unwrap_or_default();
        assert!(rest.len() >= length, "torn: {}", said(answers));
        answers = &rest[length..];
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let vote = TestPeer::new("a.example").vote("domain:b.example", 5).to_envelope();
    let message = TestPeer::new("a.example").message(b"body").to_json();
    let question = br#"{"id":"1","peer":"a.example","sender":"u@a.example","recipients":["v@node.example"],"kind":"mail","size":1}"#;
    let request = |listener: u8, head: &str, body: &[u8]| {
        let mut bytes = vec![listener, 40];
        bytes.extend_from_slice(head.replace('\n', "\r\n").replace("LENGTH", &body.len().to_string()).as_bytes());
        bytes.extend_from_slice(body);
        bytes
    };
    let chunked = |body: &[u8]| {
        let (one, two) = body.split_at(body.len() / 2);
        let mut bytes = Vec::new();
        for chunk in [one, two, b""] {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    };
    let json = "Host: x\nContent-Type: application/json\n";
    let local = "Host: 127.0.0.1\nContent-Type: application/json\n";
    let zeros = "0".repeat(64);
    vec![
        request(0, "GET /checkpoint HTTP/1.1\nHost: x\n\n", b""),
        request(0, "GET /checkpoint HTTP/1.1\nHost: x\n\nGET /tile/0/000 HTTP/1.1\nHost: x\n\n", b""),
        request(0, "HEAD /checkpoint HTTP/1.0\n\n", b""),
        request(0, "GET http://x/v1/%73cores?subject=peer%3Aa.example HTTP/1.1\nHost: x\nConnection: close\n\n", b""),
        request(0, &format!("POST /v1/votes HTTP/1.1\n{json}Content-Length: LENGTH\n\n"), &vote),
        request(0, &format!("POST /v1/votes HTTP/1.1\n{json}Transfer-Encoding: chunked\n\n"), &chunked(&vote)),
        request(
            0,
            &format!("POST /v1/messages HTTP/1.1\n{json}Expect: 100-continue\nContent-Length: LENGTH\n\n"),
            &message,
        ),
        request(0, &format!("POST /v1/messages HTTP/1.1\n{json}Transfer-Encoding: chunked\n\n"), &chunked(&message)),
        request(
            0,
            &format!(
                "PUT /v1/records/{zeros}/evidence HTTP/1.1\nHost: x\nContent-Length: LENGTH\n\nOPTIONS * HTTP/1.1\n\n"
            ),
            b"evidence",
        ),
        request(1, &format!("POST /v1/check HTTP/1.1\n{local}Content-Length: LENGTH\n\n"), question),
        request(1, &format!("POST /v1/check HTTP/1.1\n{local}Transfer-Encoding: chunked\n\n"), &chunked(question)),
        request(1, "GET /metrics HTTP/1.1\nHost: localhost:1\nOrigin: http://localhost:1\n\n", b""),
        request(
            1,
            "GET /v1/holds HTTP/1.1\nHost: [::1]:1\nauthorization: bearer 00\nSec-Fetch-Site: same-origin\n\n",
            b"",
        ),
        request(1, &format!("DELETE /v1/peers/x HTTP/1.1\n{local}Content-Length: +1\nContent-Length: 1\n\n"), b"x"),
    ]
}
