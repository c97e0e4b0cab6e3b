use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;

fn message(seq: u64, ham: bool, rcpt: &str) -> Message {
    let text = |name: &str| format!("{name}{seq}");
    Message {
        seq,
        ham,
        env_addr: text("a"),
        env_domain: text("d"),
        relay_ip: text("i"),
        relay_16: text("n"),
        rcpt: rcpt.to_owned(),
        n_bytes: 10,
    }
}

/// A hundred recipients with one message each, and one with a hundred.
fn messages() -> Vec<Message> {
    let one = (0..100).map(|n| message(n, n % 2 == 0, &format!("r{n}")));
    one.chain((100..200).map(|n| message(n, n % 2 == 0, "busy"))).collect()
}

#[test]
fn a_full_share_of_honest_feedback_tells_the_truth_about_everything() {
    let messages = messages();
    let reports = Draw { feedback: 1.0, liars: 0.0, seed: 1 }.reports(&messages);
    for (message, report) in messages.iter().zip(reports) {
        assert_eq!(report, Some(if message.ham { ReportKind::Ham } else { ReportKind::Spam }));
    }
}

#[test]
fn the_busiest_recipient_never_lies_even_if_all_others_do() {
    let messages = messages();
    let reports = Draw { feedback: 1.0, liars: 1.0, seed: 1 }.reports(&messages);
    for (message, report) in messages.iter().zip(reports) {
        let honest = message.rcpt == "busy";
        assert_eq!(
            report,
            Some(if message.ham == honest { ReportKind::Ham } else { ReportKind::Spam }),
            "{}",
            message.rcpt
        );
    }
}

#[test]
fn the_draw_is_a_function_of_the_seed() {
    let messages = messages();
    let draw = |seed| Draw { feedback: 0.5, liars: 0.3, seed }.reports(&messages);
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let reported = draw(1).iter().flatten().count();
    assert!((60..140).contains(&reported), "{reported} of 200 reported at a share of one half");
    assert!(Draw { feedback: 0.0, liars: 0.0, seed: 1 }.reports(&messages).iter().all(Option::is_none));
}

#[test]
fn blank_identifiers_become_absent_ones() {
    let mut blank = message(4, true, "");
    blank.relay_16.clear();
    blank.relay_ip.clear();
    blank.env_domain.clear();
    let request = request("x", &blank);
    assert_eq!(request.id, "trace-x-4");
    assert_eq!(request.peer, "unknown.relay.invalid");
    assert_eq!((request.network, request.sender_domain), (None, None));
    assert_eq!(request.sender, "a4@unknown.invalid");
    assert_eq!(request.recipients, ["unknown@recipients.invalid"]);
}

/// Reads one HTTP request; gives its path and body, or nothing when the connection is over.
fn next_request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, String::from_utf8(body).ok()?))
}

/// Serves one connection after the other. `answers(n)` says whether the n-th request is answered; if not, the
/// connection is cut after the request was read, as by a node that died. Ends after `requests` requests.
fn serve(listener: TcpListener, requests: usize, answers: fn(usize) -> bool) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    while seen.len() < requests {
        let (stream, _) = listener.accept().unwrap();
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        while let Some(request) = next_request(&mut reader) {
            let body = match request.0.as_str() {
                "/v1/check" => {
                    r#"{"decision_id":"D","verdict":"accept","reasons":[],"score":0,"confidence":0,"standing":-250}"#
                }
                _ => r#"{"recorded":true}"#,
            };
            seen.push(request);
            if !answers(seen.len() - 1) {
                break;
            }
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
            writer.write_all((head + body).as_bytes()).unwrap();
            if seen.len() == requests {
                break;
            }
        }
    }
    seen
}

fn played(
    feedback: f64,
    messages: &[Message],
    requests: usize,
    answers: fn(usize) -> bool,
) -> (Tally, Vec<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = Node::new(&format!("http://{}", listener.local_addr().unwrap()));
    let server = thread::spawn(move || serve(listener, requests, answers));
    let run = Run { id: "t".to_owned(), node };
    let tally = play(&run, messages, &Draw { feedback, liars: 0.0, seed: 1 }).unwrap();
    (tally, server.join().unwrap())
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_id_and_counted_once() {
    let messages = [message(0, true, "r"), message(1, false, "r")];
    // The second request is read but its answer is lost.
    let (tally, seen) = played(0.0, &messages, 3, |n| n != 1);
    assert_eq!((tally.messages, tally.unanswered), (2, 0));
    assert_eq!((tally.ham.total(), tally.spam.total()), (1, 1));
    assert!(seen[0].1.contains("trace-t-0"));
    assert_eq!(seen[1], seen[2], "the same request again");
}

#[test]
fn what_is_never_answered_is_counted_as_unanswered() {
    let messages = [message(0, true, "r"), message(1, false, "r")];
    let (tally, seen) = played(0.0, &messages, 4, |n| n == 0);
    assert_eq!((tally.messages, tally.unanswered, tally.spam.total()), (2, 1, 0));
    assert_eq!(seen.len(), 4, "three attempts at the second message");
}

#[test]
fn reports_carry_the_decision_and_the_recipient() {
    let (tally, seen) = played(1.0, &[message(0, false, "r9")], 2, |_| true);
    assert_eq!(tally.spam.accept, 1);
    assert_eq!(seen[1].0, "/v1/feedback");
    assert_eq!(seen[1].1, r#"{"decision_id":"D","reporter":"r9@recipients.invalid","report":"spam"}"#);
}
