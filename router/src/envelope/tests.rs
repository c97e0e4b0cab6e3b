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
    assert_eq!(inquiry.sender_domain, Some(name("a.example")));
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
    assert_eq!(inquiry.peer, name("a.example"));
    assert_eq!(inquiry.sender_domain, Some(name("a.example")));
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
    assert_eq!(inquiry.sender_domain, Some(name("xn--bcher-kva.example")));
    let mut bounce = check_json();
    bounce["sender"] = json!("");
    let inquiry = check(&bounce).expect("mail without a sender");
    let subjects = inquiry.subjects(&Pepper::new([1; 32]));
    assert_eq!(subjects.to_vec(), [Subject::Peer(name("a.example"))]);
}

#[test]
fn checks_that_are_refused_name_the_field() {
    for (field, value, message) in [
        ("id", json!(""), "`id`: must be 1 to 128 visible ASCII characters"),
        ("id", json!("x".repeat(129)), "`id`: must be 1 to 128"),
        ("id", json!("a b"), "`id`: must be"),
        ("peer", json!("not a domain"), "`peer`: peer name `not a domain`"),
        ("sender", json!("x".repeat(321)), "`sender`: an address has 1 to 320 bytes, not 321"),
        ("sender", json!("a\u{0}b"), "`sender`: an address has no control characters"),
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
        ("sender_domain", json!(""), "`sender_domain`: peer name"),
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
fn one_identity_has_one_form() {
    // Sender, domain, normal form of the account.
    for (sender, domain, account) in [
        ("Ann@Example.ORG", Some("example.org"), "ann@example.org"),
        ("ann@example.org.", Some("example.org"), "ann@example.org"),
        ("mailto:ann@example.org", Some("example.org"), "ann@example.org"),
        ("ann@example.org/phone@evil.example", Some("example.org"), "ann@example.org"),
        ("ann@bücher.example", Some("xn--bcher-kva.example"), "ann@xn--bcher-kva.example"),
        ("\"a@b\"@example.org", Some("example.org"), "\"a@b\"@example.org"),
        ("a@example.com@example.org", Some("example.org"), "a@example.com@example.org"),
        ("@Ann:example.org", Some("example.org"), "ann@example.org"),
        ("@ann:example.org:8448", Some("example.org"), "ann@example.org"),
        ("@ann@example.org", Some("example.org"), "ann@example.org"),
        ("acct:ann@example.org", Some("example.org"), "ann@example.org"),
        ("https://Example.org:443/users/Ann", Some("example.org"), "https://example.org/users/Ann"),
        ("http://example.org", Some("example.org"), "https://example.org"),
        ("ann@[192.0.2.1]", None, "ann@[192.0.2.1]"),
        ("8D1F", None, "8d1f"),
        ("@ann", None, "@ann"),
        ("@", None, "@"),
        ("https://", None, "https://"),
    ] {
        assert_eq!(identity::domain_of(sender).map(|name| name.to_string()).as_deref(), domain, "{sender}");
        assert_eq!(identity::account_key(sender), account, "{sender}");
    }
    for (network, normal) in [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("192.0.2.7/0", "0.0.0.0/0"),
        ("192.0.2.7/33", "192.0.2.7/33"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
        ("2001:0DB8:0::1", "2001:db8::1"),
        ("2001:db8::1/128", "2001:db8::1/128"),
        ("AS64500", "as64500"),
    ] {
        assert_eq!(identity::network_key(network), normal, "{network}");
    }
}

#[test]
fn equal_things_get_equal_subjects_and_different_peppers_different_ones() {
    let subjects = |sender: &str, pepper: u8| {
        let mut json = check_json();
        json["sender"] = json!(sender);
        json["network"] = json!("192.0.2.0/24");
        check(&json).expect("an inquiry").subjects(&Pepper::new([pepper; 32]))
    };
    assert_eq!(subjects("ann@a.example", 1), subjects("xmpp:ANN@A.example/home", 1));
    let (one, two) = (subjects("ann@a.example", 1), subjects("ann@a.example", 2));
    assert_eq!((&one.peer, &one.domain), (&two.peer, &two.domain));
    assert!(one.account != two.account && one.net != two.net);
    let reporter: Address = "@ann:a.example".parse().expect("an address");
    assert_eq!(Some(reporter.subject(&Pepper::new([1; 32]))), one.account, "a reporter is an account like any other");
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

#[test]
fn an_address_without_a_name_belongs_to_no_domain() {
    for text in ["@@A", "@:a"] {
        assert_eq!(identity::domain_of(text), None, "{text}");
        assert_eq!(identity::account_key(text), text.to_lowercase());
    }
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
        let _ = (identity::account_key(&text), identity::domain_of(&text), identity::network_key(&text));
    }

    #[test]
    fn normal_forms_are_stable(text in "[@a-cA-C.:/0-9]{0,24}") {
        let account = identity::account_key(&text);
        prop_assert_eq!(identity::account_key(&account), account.clone());
        let network = identity::network_key(&text);
        prop_assert_eq!(identity::network_key(&network), network);
        if let Some(domain) = identity::domain_of(&text) {
            prop_assert_eq!(identity::domain_of(&account), Some(domain));
        }
    }
}
