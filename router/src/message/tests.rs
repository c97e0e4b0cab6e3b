use ostrakon_ledger::{Malformed, PeerName, Pepper, SecretKey, Subject, dsse};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn key() -> SecretKey {
    SecretKey::from_seed([7; 32])
}

fn name(text: &str) -> PeerName {
    PeerName::parse(text).expect("a name")
}

fn draft() -> Draft {
    Draft {
        id: MessageId::new(1_751_328_000_000, &[9; 10]),
        peer: name("a.example"),
        sender: "ann@a.example".parse().expect("an address"),
        recipients: vec!["bob@b.example".parse().expect("an address")],
        kind: Kind::Chat,
        sent_at_ms: 1_751_328_000_000,
        media_type: "text/plain".parse().expect("a media type"),
        thread: Some("t1".parse().expect("a thread")),
        expires_at_ms: Some(1_751_328_600_000),
    }
}

fn message() -> SignedMessage {
    draft().sign(b"hello world".to_vec(), &key()).expect("signed")
}

/// A message around this payload, signed as it is.
fn around(payload: &[u8], body: &[u8]) -> Vec<u8> {
    let envelope = String::from_utf8(dsse::sign(ENVELOPE_TYPE, payload, &key()).to_json()).expect("JSON");
    format!(r#"{{"envelope":{envelope},"body":"{}"}}"#, base64_of(body)).into_bytes()
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

fn header_json() -> String {
    String::from_utf8(message().header().canonical()).expect("JSON")
}

fn refusal(json: &[u8]) -> EnvelopeError {
    match SignedMessage::parse(json, &Limits::default()).and_then(|message| message.verify(&key().public())) {
        Ok(message) => panic!("taken: {:?}", message.header()),
        Err(fault) => fault,
    }
}

#[test]
fn the_bytes_of_a_header() {
    let public = key().public();
    let digest = blake3::hash(b"hello world").to_hex();
    assert_eq!(
        header_json(),
        format!(
            r#"{{"content":{{"blake3":"{digest}","length":11,"type":"text/plain"}},"expires_at":1751328600000,"id":"0197c348-8800-7909-8909-090909090909","key":"{public}","kind":"chat","peer":"a.example","recipients":["bob@b.example"],"sender":"ann@a.example","sent_at":1751328000000,"thread":"t1"}}"#
        )
    );
}

#[test]
fn a_signed_message_comes_through() {
    let message = message();
    let parsed = SignedMessage::parse(&message.to_json(), &Limits::default()).expect("parsed");
    assert_eq!(parsed, message);
    let verified = parsed.verify(&key().public()).expect("verified");
    assert_eq!((verified.header(), verified.body()), (message.header(), message.body()));
    assert_eq!(verified.to_json(), message.to_json());
    let inquiry = Inquiry::of_message(&verified, Some("192.0.2.77")).expect("an inquiry");
    assert_eq!(inquiry.id, "a.example/0197c348-8800-7909-8909-090909090909");
    assert_eq!((inquiry.size, inquiry.signed, inquiry.content), (11, true, Some(message.header().content.blake3)));
    assert_eq!(inquiry.sender_domain, Some(Host::from(name("a.example"))));
}

/// Cut anywhere, the beginning of a message has the envelope of the whole, or not yet; and what was verified by itself is the
/// message that is verified at once.
#[test]
fn an_envelope_is_read_before_its_body() {
    let (json, limits, public) = (message().to_json(), Limits::default(), key().public());
    let whole = SignedMessage::parse(&json, &limits).expect("a message").verify(&public).expect("verified");
    let body_at = json.windows(8).position(|bytes| bytes == br#","body":"#).expect("a body");
    for len in 0..json.len() {
        let opening = SignedEnvelope::opening(&json[..len], &limits).expect("no fault");
        assert_eq!(opening.is_some(), len >= body_at, "{len} of {}", json.len());
        if let Some(envelope) = opening {
            let envelope = envelope.verify(&public).expect("verified");
            assert_eq!(envelope.with_body(&json, &limits), Ok(whole.clone()));
        }
    }
}

#[test]
fn an_envelope_that_does_not_come_first_is_not_waited_for() {
    let (limits, other) = (Limits::default(), SecretKey::from_seed([8; 32]));
    let spaced = [b" \n{ \"envelope\" :", &message().to_json()[12..]].concat();
    let opening = SignedEnvelope::opening(&spaced, &limits).expect("no fault").expect("an envelope");
    assert_eq!(opening.clone().verify(&other.public()), Err(EnvelopeError::WrongKey(name("a.example"))));
    let late = |len: usize| SignedEnvelope::opening(&[b"{\"body\":\"".to_vec(), vec![b'A'; len]].concat(), &limits);
    assert_eq!(late(100), Ok(None));
    assert!(matches!(late(OPENING_BYTES_MAX), Err(EnvelopeError::Json { what: "message", .. })));
    let junk = SignedEnvelope::opening(b"{\"envelope\":xxxx", &limits);
    assert!(matches!(junk, Err(EnvelopeError::Json { what: "message", .. })), "{junk:?}");
    let json = message().to_json();
    let twice = [&json[..json.len() - 1], b",\"envelope\":{}}"].concat();
    let envelope = SignedEnvelope::opening(&twice, &limits).expect("no fault").expect("an envelope");
    let envelope = envelope.verify(&key().public()).expect("verified");
    assert!(matches!(envelope.with_body(&twice, &limits), Err(EnvelopeError::Json { .. })), "a second envelope");
}

#[test]
fn every_changed_byte_is_refused() {
    let json = message().to_json();
    for at in 0..json.len() {
        for change in [0x01, 0x20, 0x80] {
            let mut changed = json.clone();
            changed[at] ^= change;
            let taken =
                SignedMessage::parse(&changed, &Limits::default()).and_then(|message| message.verify(&key().public()));
            assert!(taken.is_err(), "byte {at} changed by {change:#x}: {}", String::from_utf8_lossy(&changed));
        }
        assert!(SignedMessage::parse(&json[..at], &Limits::default()).is_err(), "cut at {at}");
    }
}

#[test]
fn headers_that_are_refused_although_signed() {
    let id = "0197c348-8800-7909-8909-090909090909";
    let long = "x".repeat(321);
    let cases: &[(&str, &str, &str)] = &[
        // What stands in the header, what is put there instead, the code of the refusal.
        ("\"kind\":\"chat\"", "\"kind\":\"chat\",\"kind\":\"chat\"", "bad_json"),
        ("\"kind\":\"chat\"", "\"king\":\"chat\"", "bad_json"),
        ("\"kind\":\"chat\",", "", "bad_json"),
        ("\"kind\":\"chat\"", "\"kind\":\"Chat\"", "bad_field"),
        ("\"kind\":\"chat\"", "\"kind\": \"chat\"", "not_canonical"),
        ("\"thread\":\"t1\"", "\"thread\":null", "not_canonical"),
        ("\"thread\":\"t1\"", "\"thread\":\"\\u0074\\u0031\"", "not_canonical"),
        ("\"thread\":\"t1\"", "\"thread\":\"\"", "bad_field"),
        ("1751328000000", "1751328000000.0", "bad_json"),
        ("1751328000000", "1.751328e12", "bad_json"),
        ("1751328000000", "-1", "bad_json"),
        ("1751328000000", "9007199254740992", "bad_field"),
        ("1751328600000", "1751328000000", "bad_field"),
        (id, "0197C348-8800-7909-8909-090909090909", "bad_field"),
        (id, "0197c348880079098909090909090909", "bad_field"),
        (id, "0197c348-8800-4909-8909-090909090909", "bad_field"),
        (id, "0197c348-8800-7909-0909-090909090909", "bad_field"),
        ("\"a.example\"", "\"A.example\"", "malformed"),
        ("[\"bob@b.example\"]", "[]", "bad_field"),
        ("[\"bob@b.example\"]", "[\"bob@b.example\",\"bob@b.example\"]", "bad_field"),
        ("[\"bob@b.example\"]", "[\"bob@b.example\\n\"]", "bad_field"),
        ("[\"bob@b.example\"]", "\"bob@b.example\"", "bad_json"),
        ("ann@a.example", &long, "bad_field"),
        ("text/plain", "text", "bad_field"),
        ("\"length\":11", "\"length\":12", "body_length"),
        ("\"type\":\"text/plain\"", "\"type\":\"text/plain\",\"zip\":1", "bad_json"),
    ];
    for (from, to, code) in cases {
        let changed = header_json().replacen(from, to, 1);
        assert_ne!(changed, header_json(), "{from} does not stand in the header");
        let fault = refusal(&around(changed.as_bytes(), b"hello world"));
        assert_eq!(fault.code(), *code, "{from} → {to}: {fault}");
    }
    let recipients: Vec<String> = (0..101).map(|n| format!("\"u{n}@b.example\"")).collect();
    let changed = header_json().replace("\"bob@b.example\"", &recipients.join(","));
    assert_eq!(
        refusal(&around(changed.as_bytes(), b"hello world")).to_string(),
        "`recipients`: must be 1 to 100 addresses, not 101"
    );
}

#[test]
fn keys_bodies_and_types_that_are_refused() {
    let good = header_json();
    assert_eq!(refusal(&around(good.as_bytes(), b"hello World")).code(), "body_digest");
    assert_eq!(refusal(&around(good.as_bytes(), b"hello")).code(), "body_length");
    let weak = good.replace(&key().public().to_string(), &format!("01{}", "00".repeat(31)));
    assert_eq!(refusal(&around(weak.as_bytes(), b"hello world")).code(), "weak_key");
    let other = SecretKey::from_seed([8; 32]);
    let theirs = draft().sign(b"hello world".to_vec(), &other).expect("signed");
    assert_eq!(refusal(&theirs.to_json()), EnvelopeError::WrongKey(name("a.example")));
    // Header of one key, signature of another.
    let forged = dsse::sign(ENVELOPE_TYPE, good.as_bytes(), &other);
    let forged = dsse::Signed { keyid: Some(key().public().to_string()), ..forged };
    let forged = String::from_utf8(forged.to_json()).expect("JSON");
    let body = base64_of(b"hello world");
    let json = format!(r#"{{"envelope":{forged},"body":"{body}"}}"#);
    assert_eq!(refusal(json.as_bytes()), EnvelopeError::BadSignature);
    let vote = dsse::sign("application/vnd.ostrakon.vote.v1+json", good.as_bytes(), &key());
    let json = format!(r#"{{"envelope":{},"body":"{body}"}}"#, String::from_utf8(vote.to_json()).expect("JSON"));
    assert_eq!(refusal(json.as_bytes()).code(), "wrong_payload_type");
    for json in
        ["", "[]", "{}", "{\"body\":\"\"}", "{\"envelope\":1,\"body\":\"\"}", "{\"envelope\":{},\"body\":\"\",\"x\":1}"]
    {
        assert!(matches!(refusal(json.as_bytes()).code(), "bad_json" | "malformed"), "{json}");
    }
}

#[test]
fn sizes_are_limits_before_anything_else() {
    let limits = Limits { body_bytes_max: 10, recipients_max: 1 };
    let parse = |json: &[u8]| SignedMessage::parse(json, &limits).map_err(|fault| fault.to_string());
    assert_eq!(parse(&message().to_json()), Err("the body is 11 bytes long, at most 10 are taken".to_owned()));
    let fitting = draft().sign(vec![0; 10], &key()).expect("signed");
    assert!(parse(&fitting.to_json()).is_ok());
    let over = parse(&vec![b' '; limits.message_bytes_max() + 1]);
    assert!(over.is_err_and(|fault| fault.starts_with("the message is ")), "not JSON, but too long first");
    let nested = format!("{{\"envelope\":{}0{},\"body\":\"\"}}", "[".repeat(400), "]".repeat(400));
    assert!(parse(nested.as_bytes()).is_err());
    let two = Draft { recipients: vec!["a@b".parse().expect("a"), "c@d".parse().expect("a")], ..draft() };
    let two = two.sign(Vec::new(), &key()).expect("signed").to_json();
    assert_eq!(parse(&two), Err("`recipients`: must be 1 to 1 addresses, not 2".to_owned()));
    assert!(SignedMessage::parse(&two, &Limits::default()).is_ok(), "an empty body is a body");
}

#[test]
fn what_cannot_be_sent_is_not_signed() {
    let sign = |draft: Draft| draft.sign(Vec::new(), &key()).map_err(|fault| fault.code()).err();
    assert_eq!(sign(Draft { recipients: Vec::new(), ..draft() }), Some("bad_field"));
    assert_eq!(sign(Draft { expires_at_ms: Some(0), ..draft() }), Some("bad_field"));
    assert_eq!(sign(Draft { sent_at_ms: u64::MAX, expires_at_ms: None, ..draft() }), Some("bad_field"));
    let long = |n: usize| format!("{n:03}{}", "\"".repeat(317)).parse().expect("an address");
    assert_eq!(sign(Draft { recipients: (0..100).map(long).collect(), ..draft() }), None, "the longest header fits");
}

#[test]
fn messages_of_another_time_are_refused() {
    let header = message().header().clone();
    let (sent, expires) = (header.sent_at_ms, 1_751_328_600_000);
    let week = crate::units::Span::from_ms(7 * 86_400_000);
    let check = |header: &MessageHeader, now| header.check_time(now, week).map_err(|fault| fault.code());
    for (now, result) in [
        (sent, Ok(())),
        (sent - 600_000, Ok(())),
        (sent - 600_001, Err("from_the_future")),
        (expires - 1, Ok(())),
        (expires, Err("expired")),
    ] {
        assert_eq!(check(&header, now), result, "{now}");
    }
    let lasting = MessageHeader { expires_at_ms: None, ..header };
    assert_eq!(check(&lasting, sent + week.ms() - 1), Ok(()));
    assert_eq!(check(&lasting, sent + week.ms()), Err("too_old"));
}

fn check_json() -> Value {
    json!({"id": "m-1", "peer": "A.Example", "sender": "Ann@A.example", "recipients": ["bob@b.example"], "kind": "mail", "size": 1200})
}

fn check(json: &Value) -> Result<Inquiry, RequestError> {
    Inquiry::parse(json.to_string().as_bytes(), &Limits::default())
}

#[test]
fn a_check_becomes_an_inquiry() {
    let inquiry = check(&check_json()).expect("an inquiry");
    assert_eq!(inquiry.peer, Host::from(name("a.example")));
    assert_eq!((inquiry.peer_proof, inquiry.sender_proof), (Proof::None, Proof::None));
    assert_eq!(inquiry.sender_domain, Some(Host::from(name("a.example"))));
    assert_eq!((inquiry.links, inquiry.known_contact, inquiry.signed, inquiry.network), (0, false, false, None));
    let mut full = check_json();
    full["network"] = json!("2001:DB8::7/32");
    full["content"] = json!("ab".repeat(32));
    full["links"] = json!(3);
    full["known_contact"] = json!(true);
    full["sender_domain"] = json!("Bücher.example");
    let inquiry = check(&full).expect("an inquiry");
    assert_eq!(inquiry.network.as_deref(), Some("2001:db8::/32"));
    assert_eq!((inquiry.content, inquiry.links, inquiry.known_contact), (Some([0xab; 32]), 3, true));
    assert_eq!(inquiry.sender_domain, Some(Host::from(name("xn--bcher-kva.example"))));
}

#[test]
fn checks_that_are_refused_name_the_field() {
    for (field, value, message) in [
        ("id", json!(""), "`id`: must be 1 to 128 visible ASCII characters"),
        ("id", json!("x".repeat(129)), "`id`: must be 1 to 128"),
        ("id", json!("a b"), "`id`: must be"),
        ("recipients", json!([]), "`recipients`: must be 1 to 100 addresses, not 0"),
        ("recipients", json!(vec!["a@b"; 101]), "`recipients`: must be 1 to 100 addresses, not 101"),
        ("recipients", json!([""]), "`recipients`: an address has"),
        ("kind", json!("fax"), "unknown variant `fax`"),
        ("size", json!(-1), "invalid value: integer `-1`"),
        ("size", json!(1u64 << 63), "`size`: must be at most 9223372036854775807"),
        ("links", json!(1.5), "invalid type: floating point"),
        ("links", json!(u64::MAX), "`links`: must be at most"),
        ("network", json!("x".repeat(65)), "`network`: must be 1 to 64 bytes"),
        ("network", json!(" "), "`network`: must be 1 to 64 bytes"),
        ("content", json!("ab"), "`content`: must be 64 lower-case hexadecimal digits"),
        ("content", json!("AB".repeat(32)), "`content`: must be 64 lower-case"),
        ("peer_proof", json!("signature"), "`peer_proof`: `signature` is said of envelopes"),
        ("peer_proof", json!("dkim"), "`peer_proof`: `dkim` proves a sender, not a server"),
        ("peer_proof", json!("trust me"), "unknown variant `trust me`"),
        ("sender_proof", json!("signature"), "`sender_proof`: `signature` is said of envelopes"),
        ("sender_proof", json!("dns"), "`sender_proof`: `dns` proves a server, not a sender"),
        ("known_contact", json!("yes"), "invalid type: string"),
        ("colour", json!("red"), "unknown field `colour`"),
    ] {
        let mut json = check_json();
        json[field] = value;
        let fault = check(&json).map_err(|fault| fault.to_string()).expect_err(message);
        assert!(fault.contains(message), "{field}\n  says   {fault}\n  not    {message}");
    }
    let twice = check_json().to_string().replace("\"size\":1200", "\"size\":1,\"size\":1200");
    let fault = Inquiry::parse(twice.as_bytes(), &Limits::default()).expect_err("twice");
    assert_eq!((fault.code(), fault.blame()), ("bad_json", ostrakon_ledger::Blame::Caller));
    let long = Inquiry::parse(&vec![b' '; REQUEST_BYTES_MAX + 1], &Limits::default()).expect_err("long");
    assert_eq!(long.code(), "too_large");
    let few = Limits { recipients_max: 1, ..Limits::default() };
    let mut two = check_json();
    two["recipients"] = json!(["a@b", "c@d"]);
    assert!(Inquiry::parse(two.to_string().as_bytes(), &few).is_err());
}

#[test]
fn nothing_that_the_other_side_chooses_is_the_adapters_mistake() {
    let long = "x".repeat(5_000);
    for text in [
        "",
        "not a domain",
        "mail_out.example",
        "[2001:db8::1]:8448",
        "203.0.113.4",
        "a\u{0}b\u{202e}",
        "@",
        "<",
        &long,
    ] {
        for field in ["peer", "sender", "sender_domain"] {
            let mut json = check_json();
            json[field] = json!(text);
            let inquiry = check(&json).unwrap_or_else(|fault| panic!("{field} {text:?}: {fault}"));
            assert!(inquiry.peer.as_str().len() <= 253 && inquiry.sender.len() <= 1_024);
        }
    }
}

/// Peer, its proof, sender, its proof, network.
fn told(peer: &str, peer_proof: &str, sender: &str, sender_proof: &str, network: Option<&str>) -> Inquiry {
    let mut json = check_json();
    (json["peer"], json["sender"]) = (json!(peer), json!(sender));
    (json["peer_proof"], json["sender_proof"]) = (json!(peer_proof), json!(sender_proof));
    json["network"] = json!(network);
    check(&json).expect("an inquiry")
}

#[test]
fn a_sender_is_proven_by_what_the_adapter_says_or_by_its_own_domains_server() {
    for (peer, peer_proof, sender, sender_proof, proven) in [
        ("a.example", "none", "ann@a.example", "none", "none"),
        ("a.example", "dns", "ann@a.example", "none", "dns"),
        ("a.example", "stream", "ann@chat.a.example", "none", "stream"),
        ("mx.a.example", "dns", "ann@a.example", "none", "none"),
        ("a.example", "dns", "ann@nota.example", "none", "none"),
        ("a.example", "dns", "ann@b.example", "none", "none"),
        ("mx.b.example", "none", "ann@a.example", "dkim", "dkim"),
        ("github.io", "dns", "ann@victim.github.io", "none", "none"),
        ("a.example", "dns", "", "dkim", "none"),
        ("a.example", "dns", "ann@[192.0.2.1]", "spf", "none"),
        ("mail_out.example", "dns", "ann@mail_out.example", "none", "none"),
    ] {
        let inquiry = told(peer, peer_proof, sender, sender_proof, None);
        assert_eq!(inquiry.sender_proof.as_str(), proven, "{peer} {peer_proof} {sender} {sender_proof}");
    }
    // What proves a domain proves its own addresses.
    let mut json = check_json();
    (json["sender"], json["sender_domain"], json["sender_proof"]) =
        (json!("bob@friend.example"), json!("b.example"), json!("dkim"));
    assert_eq!(check(&json).expect("an inquiry").sender_proof, Proof::None);
}

#[test]
fn what_is_claimed_shares_no_subject_with_what_is_proven_nor_with_other_claims() {
    let pepper = Pepper::new([1; 32]);
    let subjects = |inquiry: &Inquiry| inquiry.subjects(&pepper);
    let proven = subjects(&told("a.example", "dns", "ann@a.example", "none", Some("192.0.2.1")));
    assert_eq!(proven.peer.subject, Subject::Peer(name("a.example")));
    assert_eq!(proven.domain.clone().map(|domain| domain.subject), Some(Subject::Domain(name("a.example"))));
    let claims = [
        told("a.example", "none", "ann@a.example", "none", Some("192.0.2.1")),
        told("a.example", "none", "ann@a.example", "none", Some("192.0.2.2")),
        told("a.example", "none", "ann@a.example", "none", None),
        told("b.example", "dns", "ann@a.example", "none", Some("192.0.2.1")),
    ];
    let mut accounts = vec![proven.account.subject.clone()];
    for inquiry in &claims {
        let claimed = subjects(inquiry);
        let domain = claimed.domain.expect("a domain");
        assert!(matches!(domain.subject, Subject::Claim(_)) && matches!(claimed.account.subject, Subject::Claim(_)));
        assert_eq!(domain.named, Some(Subject::Domain(name("a.example"))), "what speaks against the name counts");
        assert_eq!(claimed.account.named, Some(proven.account.subject.clone()));
        assert!(!accounts.contains(&claimed.account.subject) && domain.subject != claimed.account.subject);
        accounts.push(claimed.account.subject);
    }
    let by: Vec<ClaimedBy> = claims.iter().map(|inquiry| subjects(inquiry).claimed_by).collect();
    assert_eq!(by, [ClaimedBy::Net, ClaimedBy::Net, ClaimedBy::Name, ClaimedBy::Peer]);
    let (learning, claimed) = subjects(&claims[0]).into_parts();
    use ostrakon_ledger::SubjectKind::{Account, Domain, Peer};
    assert_eq!((learning.len(), claimed), (4, vec![Peer, Domain, Account]));
}

#[test]
fn bounces_of_two_servers_share_nothing() {
    let pepper = Pepper::new([1; 32]);
    let bounce = |peer: &str, proof: &str, sender: &str| told(peer, proof, sender, "none", None).subjects(&pepper);
    let (a, b) = (bounce("a.example", "dns", ""), bounce("b.example", "dns", "<>"));
    assert!(a.account != b.account && a.domain.is_none() && matches!(a.account.subject, Subject::Account(_)));
    assert_eq!(bounce("a.example", "dns", "<>"), a);
    assert!(matches!(bounce("a.example", "none", "<>").account.subject, Subject::Claim(_)));
}

#[test]
fn equal_things_get_equal_subjects_and_different_peppers_different_ones() {
    let subjects = |sender: &str, pepper: u8| {
        let mut json = check_json();
        json["sender"] = json!(sender);
        json["network"] = json!("192.0.2.0/24");
        json["peer_proof"] = json!("dns");
        check(&json).expect("an inquiry").subjects(&Pepper::new([pepper; 32]))
    };
    assert_eq!(subjects("ann@a.example", 1), subjects("mailto:ANN+home@A.example", 1));
    let (one, two) = (subjects("ann@a.example", 1), subjects("ann@a.example", 2));
    assert_eq!((&one.peer, &one.domain), (&two.peer, &two.domain));
    assert!(one.account != two.account && one.net != two.net);
    for reporter in ["@ann:a.example", "ann+2@a.example"] {
        let reporter: Address = reporter.parse().expect("an address");
        let account = reporter.subject(&Pepper::new([1; 32]));
        assert_eq!(account, one.account.subject, "a reporter is an account like any other, and one");
    }
}

#[test]
fn a_feedback_is_read_strictly() {
    let parse = |json: &str| Feedback::parse(json.as_bytes()).map_err(|fault| fault.code());
    let good = parse(r#"{"decision_id":"d1","reporter":"bob@b.example","report":"spam"}"#).expect("a feedback");
    assert_eq!((good.report.value(), ReportKind::Ham.value()), (-100, 100));
    for (json, code) in [
        (r#"{"decision_id":"","reporter":"b@b","report":"spam"}"#, "bad_field"),
        (r#"{"decision_id":"d1","reporter":"","report":"spam"}"#, "bad_json"),
        (r#"{"decision_id":"d1","reporter":"b@b","report":"junk"}"#, "bad_json"),
        (r#"{"decision_id":"d1","reporter":"b@b","report":"spam","x":1}"#, "bad_json"),
        (r#"{"decision_id":"d1","reporter":"b@b"}"#, "bad_json"),
    ] {
        assert_eq!(parse(json).err(), Some(code), "{json}");
    }
}

#[test]
fn refusals_say_who_is_at_fault() {
    let too_long = EnvelopeError::from(Malformed::TooLong { what: "envelope", len_bytes: 2, max_bytes: 1 });
    assert_eq!((too_long.code(), too_long.blame()), ("too_large", ostrakon_ledger::Blame::Peer));
}

fn addresses() -> impl Strategy<Value = Address> {
    "[^\\pC\\s]{1,60}".prop_map(|text| text.parse().expect("an address"))
}

proptest! {
    #[test]
    fn what_is_signed_is_read_back(
        sender in addresses(),
        recipients in prop::collection::btree_set(addresses(), 1..20),
        kind in prop::sample::select(&Kind::ALL[..]),
        sent_at_ms in 0..=crate::units::UNIT_MAX - 1,
        lasts in prop::option::of(1u64..1_000_000),
        thread in prop::option::of("[!-~]{1,40}"),
        body in prop::collection::vec(any::<u8>(), 0..300),
        random in any::<[u8; 10]>(),
    ) {
        let draft = Draft {
            id: MessageId::new(sent_at_ms, &random),
            sender,
            recipients: recipients.into_iter().collect(),
            kind,
            sent_at_ms,
            thread: thread.map(|text| text.parse().expect("a thread")),
            expires_at_ms: lasts.map(|lasts| (sent_at_ms + lasts).min(crate::units::UNIT_MAX)),
            ..draft()
        };
        let message = draft.sign(body, &key()).expect("signed");
        let parsed = SignedMessage::parse(&message.to_json(), &Limits::default());
        prop_assert_eq!(parsed.as_ref(), Ok(&message));
        let header = MessageHeader::parse(&message.header().canonical());
        prop_assert_eq!(header.as_ref(), Ok(message.header()));
        prop_assert!(parsed.is_ok_and(|parsed| parsed.verify(&key().public()).is_ok()));
    }

    #[test]
    fn a_changed_byte_anywhere_is_refused(at in any::<prop::sample::Index>(), change in 1u8..=255) {
        let mut json = message().to_json();
        let at = at.index(json.len());
        json[at] ^= change;
        let taken = SignedMessage::parse(&json, &Limits::default()).and_then(|message| message.verify(&key().public()));
        prop_assert!(taken.is_err());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,60}") {
        let _ = SignedMessage::parse(&bytes, &Limits::default());
        let _ = MessageHeader::parse(&bytes);
        let _ = Inquiry::parse(text.as_bytes(), &Limits::default());
    }
}
