//! Records and envelopes: one spelling, strict decoding, signatures over the bytes as received.
#![allow(clippy::unwrap_used)]

use ostrakon_ledger::dsse::{self, EnvelopeLimits, pre_authentication_encoding};
use ostrakon_ledger::{
    Admit, Body, Category, Digest, Effect, Entry, Equivocate, Erase, Expel, Header, Malformed, PeerName, Pepper,
    PolicyInForce, Provenance, Reason, Rebut, RebuttalAnswer, Record, RecordId, RecordType, Refusal, Retract, Rotate,
    SecretKey, Signed, SignedRecord, Subject, SubjectKind, Tag, Verified, Vote,
};
use proptest::prelude::*;

fn key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

fn name(text: &str) -> PeerName {
    PeerName::parse(text).unwrap()
}

fn header() -> Header {
    let prev = RecordId([9; 32]);
    Header { network: "mail.example".into(), author: name("a.example"), key: key().public(), seq: 2, prev }
}

fn vote() -> Record {
    let body = Body::Vote(Vote {
        subject: Subject::Peer(name("b.example")),
        value: -80,
        category: Category::Spam,
        cast_at_ms: 1_751_328_000_000,
        expires_at_ms: 0,
        detector: Digest::ZERO,
        derived_from: vec![RecordId([3; 32]), RecordId([2; 32])],
        commitment: Digest([4; 32]),
    });
    Record { header: header(), body }
}

fn payload() -> String {
    String::from_utf8(vote().payload()).unwrap()
}

#[test]
fn a_vote_has_these_bytes() {
    let (zero, two, three, four, nine) =
        ("00".repeat(32), "02".repeat(32), "03".repeat(32), "04".repeat(32), "09".repeat(32));
    let key = key().public();
    assert_eq!(
        payload(),
        format!(
            r#"{{"author":"a.example","cast_at_ms":1751328000000,"category":"spam","commitment":"{four}","derived_from":"{three},{two}","detector":"{zero}","expires_at_ms":0,"key":"{key}","network":"mail.example","prev":"{nine}","seq":2,"subject":{{"id":"b.example","kind":"peer"}},"value":-80}}"#
        )
    );
    assert_eq!(vote().id().to_string(), "fa25f8efe904415498abba95c01196e881290dd04018add0a11951a0c7cc63bd");
    let signed = SignedRecord::sign(vote(), &self::key()).unwrap();
    let entry = first_hand(signed).to_bytes();
    assert_eq!((entry[0], entry[40], entry[41]), (1, 5, 3));
    assert_eq!(entry.len(), 1 + 32 + 8 + 1 + 2 + payload().len() + 64);
}

#[test]
fn what_is_signed_is_the_pre_authentication_encoding() {
    // The example of the DSSE specification.
    let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
    assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

#[test]
fn every_other_spelling_of_a_payload_is_refused() {
    let good = payload();
    assert!(Record::parse(RecordType::Vote, good.as_bytes()).is_ok());
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let (two, three) = ("02".repeat(32), "03".repeat(32));
    let nine_sources = (10..19).map(|i| format!("{i}").repeat(32)).collect::<Vec<_>>().join(",");
    let bad = [
        replaced("{", "{ "),
        good.clone() + "\n",
        good.clone() + "x",
        replaced(r#""value":-80"#, r#""value":-80,"value":-80"#),
        replaced(r#""value":-80"#, r#""value":-80,"note":"x""#),
        replaced(r#","value":-80"#, ""),
        replaced(r#""value":-80"#, r#""value":-80.0"#),
        replaced(r#""value":-80"#, r#""value":-8e1"#),
        replaced(r#""value":-80"#, r#""value":"-80""#),
        replaced(r#""value":-80"#, r#""value":null"#),
        replaced(r#""value":-80"#, r#""value":0"#),
        replaced(r#""value":-80"#, r#""value":101"#),
        replaced(r#""value":-80"#, r#""value":-101"#),
        replaced(r#""value":-80"#, r#""value":-128"#),
        replaced(r#""value":-80"#, r#""value":1000"#),
        replaced(r#""seq":2"#, r#""seq":0"#),
        replaced(r#""seq":2"#, r#""seq":1"#),
        replaced(r#""seq":2"#, r#""seq":-2"#),
        replaced(r#""seq":2"#, r#""seq":02"#),
        replaced(r#""seq":2"#, r#""seq":9007199254740992"#),
        replaced(r#""seq":2"#, r#""seq":18446744073709551615"#),
        replaced(&"09".repeat(32), &"00".repeat(32)),
        replaced("1751328000000", "9007199254740992"),
        replaced(r#""expires_at_ms":0"#, r#""expires_at_ms":1751328000000"#),
        replaced(r#""expires_at_ms":0"#, r#""expires_at_ms":-1"#),
        replaced("a.example", "A.example"),
        replaced("a.example", "\\u0061.example"),
        replaced("b.example", ""),
        replaced("spam", "Spam"),
        replaced("spam", "pork"),
        replaced(r#""kind":"peer""#, r#""kind":"account""#),
        replaced(r#""kind":"peer""#, r#""kind":"peer","more":1"#),
        replaced("mail.example", "mail example"),
        replaced("mail.example", ""),
        replaced("mail.example", &"n".repeat(65)),
        replaced(&"04".repeat(32), &"4".repeat(63)),
        replaced(&"04".repeat(32), ""),
        replaced(&"04".repeat(32), &"0A".repeat(32)),
        replaced(&format!("{three},{two}"), &format!("{two},{two}")),
        replaced(&format!("{three},{two}"), &format!("{two},")),
        replaced(&format!("{three},{two}"), &format!("{two}, {three}")),
        replaced(&format!("{three},{two}"), &"00".repeat(32)),
        replaced(&format!("{three},{two}"), &nine_sources),
        good.replace(
            r#"{"author":"a.example","cast_at_ms":1751328000000"#,
            r#"{"cast_at_ms":1751328000000,"author":"a.example""#,
        ),
        good[..good.len() - 1].to_owned(),
        format!("[{good}]"),
        String::new(),
        "null".to_owned(),
        good.replace("mail.example", &"n".repeat(2048)),
    ];
    for payload in &bad {
        assert!(Record::parse(RecordType::Vote, payload.as_bytes()).is_err(), "{payload}");
    }
    assert!(Record::parse(RecordType::Retract, good.as_bytes()).is_err());
    assert!(Record::parse(RecordType::Vote, b"{\"author\":\"\xff\"}").is_err());
}

#[test]
fn a_record_with_a_weak_key_is_refused_as_such() {
    let weak = payload().replace(&key().public().to_string(), &format!("01{}", "00".repeat(31)));
    let fault = Record::parse(RecordType::Vote, weak.as_bytes()).unwrap_err();
    assert!(matches!(fault, Malformed::Key { .. }), "{fault}");
    assert_eq!(Refusal::from(fault).code(), "weak_key");
}

#[test]
fn only_the_named_key_signs_and_only_good_values_are_signed() {
    assert!(SignedRecord::sign(vote(), &SecretKey::from_seed([2; 32])).is_err());
    let mut record = vote();
    if let Body::Vote(vote) = &mut record.body {
        vote.value = 0;
    }
    assert!(SignedRecord::sign(record, &key()).is_err());
}

#[test]
fn an_envelope_comes_back_as_it_went() {
    let signed = SignedRecord::sign(vote(), &key()).unwrap();
    let envelope = signed.to_envelope();
    let again = SignedRecord::parse_envelope(&envelope).unwrap();
    assert_eq!(again, signed);
    assert_eq!(Verified::check(again).unwrap().record(), &vote());
    // White space and another order of keys are the sender's business: the payload is what is signed.
    let value: serde_json::Value = serde_json::from_slice(&envelope).unwrap();
    let pretty = serde_json::to_vec_pretty(&value).unwrap();
    assert_eq!(SignedRecord::parse_envelope(&pretty).unwrap(), signed);
}

/// DSSE: "verifiers MUST accept" both alphabets, and `keyid` is optional.
#[test]
fn envelopes_come_in_either_alphabet_and_without_a_keyid() {
    // A record whose signature the two alphabets spell differently.
    let cast = |at_ms: u64| {
        let Record { header, body: Body::Vote(vote) } = vote() else { unreachable!("a vote") };
        let body = Body::Vote(Vote { cast_at_ms: at_ms, ..vote });
        SignedRecord::sign(Record { header, body }, &key()).unwrap()
    };
    let spelt = |signed: &SignedRecord| String::from_utf8(signed.to_envelope()).unwrap();
    let signed = (1..).map(cast).find(|signed| spelt(signed).contains('+') && spelt(signed).matches('/').count() > 1);
    let signed = signed.unwrap();
    let value: serde_json::Value = serde_json::from_slice(&signed.to_envelope()).unwrap();
    let url_safe = |text: &serde_json::Value| text.as_str().unwrap().replace('+', "-").replace('/', "_");
    let parse = |value: &serde_json::Value| SignedRecord::parse_envelope(value.to_string().as_bytes());
    let mut other = value.clone();
    other["payload"] = url_safe(&value["payload"]).into();
    other["signatures"][0]["sig"] = url_safe(&value["signatures"][0]["sig"]).into();
    assert_ne!(other, value, "the two spell it differently");
    assert_eq!(parse(&other).unwrap(), signed, "one record, however it was spelt");
    for hint in [None, Some("")] {
        match hint {
            Some(hint) => other["signatures"][0]["keyid"] = hint.into(),
            None => drop(other["signatures"][0].as_object_mut().unwrap().remove("keyid")),
        }
        let found = parse(&other).unwrap();
        assert_eq!((found.id(), found.to_envelope()), (signed.id(), signed.to_envelope()), "written in one spelling");
        assert!(Verified::check(found).is_ok());
    }
    let sig = value["signatures"][0]["sig"].as_str().unwrap();
    let mixed = format!("{}{}", &sig[..84], "-+==");
    other["signatures"][0]["sig"] = mixed.into();
    assert!(parse(&other).is_err(), "one alphabet at a time");
}

#[test]
fn envelopes_that_are_not_exactly_that_are_refused() {
    let envelope = String::from_utf8(SignedRecord::sign(vote(), &key()).unwrap().to_envelope()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&envelope).unwrap();
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = value.clone();
        change(&mut value);
        value.to_string()
    };
    let signature = value["signatures"][0].clone();
    let unpadded = value["signatures"][0]["sig"].as_str().unwrap().trim_end_matches('=').to_owned();
    let bad = [
        with(&|v| v["extra"] = true.into()),
        with(&|v| v["signatures"] = serde_json::json!([])),
        with(&|v| v["signatures"] = serde_json::json!([signature, signature])),
        with(&|v| v["signatures"][0]["sig"] = unpadded.clone().into()),
        with(&|v| v["signatures"][0]["sig"] = "AAAA".into()),
        with(&|v| v["signatures"][0]["keyid"] = SecretKey::from_seed([2; 32]).public().to_string().into()),
        with(&|v| v["payloadType"] = "application/vnd.ostrakon.retract.v1+json".into()),
        with(&|v| v["payloadType"] = "application/vnd.ostrakon.rebut.v1+json".into()),
        with(&|v| v["payloadType"] = "x".repeat(200).into()),
        with(&|v| v["payload"] = "".into()),
        with(&|v| v["payload"] = "a\nb".into()),
        envelope.replacen('{', r#"{"payload":"e30=","#, 1),
        envelope.clone() + "{}",
        envelope[..envelope.len() - 1].to_owned(),
        " ".repeat(25_000) + &envelope,
        "[".repeat(4000),
        String::new(),
    ];
    for envelope in &bad {
        assert!(SignedRecord::parse_envelope(envelope.as_bytes()).is_err(), "{envelope}");
    }
}

#[test]
fn any_flipped_bit_of_an_envelope_is_refused() {
    let envelope = SignedRecord::sign(vote(), &key()).unwrap().to_envelope();
    for at in 0..envelope.len() {
        for bit in 0..8 {
            let mut spoiled = envelope.clone();
            spoiled[at] ^= 1 << bit;
            let taken = SignedRecord::parse_envelope(&spoiled).is_ok_and(|signed| Verified::check(signed).is_ok());
            assert!(!taken, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn other_envelopes_are_checked_with_the_key_that_the_caller_trusts() {
    let limits = EnvelopeLimits { envelope_bytes_max: 1000, payload_bytes_max: 100 };
    let signed = dsse::sign("application/x", b"{\"a\":1}", &key());
    let again = Signed::parse(&signed.to_json(), &limits).unwrap();
    assert_eq!(again, signed);
    assert!(Verified::check_with(again.clone(), &key().public()).is_ok());
    let other = SecretKey::from_seed([2; 32]);
    assert!(matches!(Verified::check_with(again.clone(), &other.public()), Err(Refusal::Malformed(_))));
    let forged = Signed { keyid: Some(other.public().to_string()), ..again.clone() };
    assert_eq!(Verified::check_with(forged, &other.public()), Err(Refusal::BadSignature));
    let retyped = Signed { payload_type: "application/y".into(), ..again };
    assert_eq!(Verified::check_with(retyped, &key().public()), Err(Refusal::BadSignature));
    let large = dsse::sign("application/x", &[b'x'; 101], &key()).to_json();
    assert!(matches!(Signed::parse(&large, &limits), Err(Malformed::TooLong { what: "payload", .. })));
    let larger = dsse::sign("application/x", &[b'x'; 1000], &key()).to_json();
    assert!(matches!(Signed::parse(&larger, &limits), Err(Malformed::TooLong { what: "envelope", .. })));
}

fn first_hand(record: SignedRecord) -> Entry {
    Entry { index: 7, chain: Default::default(), received_at_ms: 5, record, provenance: None, effect: Effect::InForce }
}

fn copied(record: SignedRecord, effect: Effect) -> Entry {
    let provenance = Some(Provenance { ledger: name("b.example"), index: 4711 });
    Entry { provenance, effect, ..first_hand(record) }
}

#[test]
fn entries_that_are_not_a_frame_are_refused() {
    let record = SignedRecord::sign(vote(), &key()).unwrap();
    let entries = [first_hand(record.clone()), copied(record.clone(), Effect::InForce), copied(record, Effect::Inert)];
    for entry in entries {
        let bytes = entry.to_bytes();
        assert_eq!(Entry::parse(7, &bytes).unwrap(), entry);
        for len in 0..bytes.len() {
            assert!(Entry::parse(7, &bytes[..len]).is_err(), "{len}");
        }
        assert!(Entry::parse(7, &[bytes.as_slice(), &[0]].concat()).is_err());
        for (at, byte) in [(0, 0), (0, 3), (0, bytes[0] ^ 3), (41, 2), (41, 8), (41, 0)] {
            let mut spoiled = bytes.clone();
            spoiled[at] = byte;
            assert!(Entry::parse(7, &spoiled).is_err());
        }
    }
}

#[test]
fn a_copied_record_carries_where_it_was_found_behind_the_same_bytes() {
    let record = SignedRecord::sign(vote(), &key()).unwrap();
    let (own, copy) = (first_hand(record.clone()).to_bytes(), copied(record.clone(), Effect::InForce).to_bytes());
    assert_eq!((copy[0], &copy[1..own.len()]), (2, &own[1..]));
    assert_eq!(copy[own.len()..], [&[1], &4711u64.to_be_bytes()[..], &[9], b"b.example"].concat());
    let inert = copied(record.clone(), Effect::Inert).to_bytes();
    assert_eq!(inert[own.len()], 0);
    let mut unknown = inert;
    unknown[own.len()] = 2;
    assert!(Entry::parse(7, &unknown).is_err());
    let longest = Provenance { ledger: name(&["a".repeat(63).as_str(); 4].join(".")[..253]), index: u64::MAX };
    let entry = Entry { provenance: Some(longest), ..first_hand(record) };
    assert_eq!(Entry::parse(7, &entry.to_bytes()).unwrap(), entry);
}

#[test]
fn equal_identifiers_have_equal_tags_under_one_pepper_only() {
    let (one, two) = (Pepper::new([1; 32]), Pepper::new([2; 32]));
    assert_eq!(one.account("u@a.example"), one.account("u@a.example"));
    assert_ne!(one.account("u@a.example"), two.account("u@a.example"));
    assert_ne!(one.tag(SubjectKind::Account, "x"), one.tag(SubjectKind::Net, "x"));
    assert_eq!(
        one.tag(SubjectKind::Content, "x").to_string(),
        "b599c33454ccfbef7fa3a87877224008bc3a133ed0a59cbb99ec2737ea08aa0a"
    );
    assert_eq!(format!("{one:?} {:?}", key()).matches("01010101").count(), 0, "secrets are not shown");
}

#[test]
fn derived_keys_differ_by_context_and_name() {
    let keys = [
        key().public(),
        key().derive("ostrakon test a", b"x").public(),
        key().derive("ostrakon test a", b"y").public(),
        key().derive("ostrakon test b", b"x").public(),
    ];
    let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
    assert_eq!(key().derive("ostrakon test a", b"x").public(), keys[1]);
}

fn names() -> impl Strategy<Value = PeerName> {
    "[a-z]([a-z0-9]{0,5}[a-z0-9])?(\\.[a-z]{1,6}){0,3}".prop_map(|text| name(&text))
}

fn subjects() -> impl Strategy<Value = Subject> {
    let tag = any::<[u8; 32]>().prop_map(Tag);
    prop_oneof![
        names().prop_map(Subject::Peer),
        names().prop_map(Subject::Domain),
        tag.clone().prop_map(Subject::Account),
        tag.clone().prop_map(Subject::Net),
        tag.prop_map(Subject::Content),
    ]
}

fn votes() -> impl Strategy<Value = Body> {
    let value = prop_oneof![-100..=-1i8, 1..=100i8];
    let sources = prop::collection::btree_set(any::<[u8; 32]>(), 0..=8);
    let times = (0..1u64 << 52, prop_oneof![Just(0), 1..1u64 << 52]);
    let category = prop::sample::select(Category::ALL.to_vec());
    (subjects(), value, category, times, any::<[u8; 32]>(), sources, any::<[u8; 32]>()).prop_map(
        |(subject, value, category, (cast_at_ms, lasts_ms), detector, sources, commitment)| {
            Body::Vote(Vote {
                subject,
                value,
                category,
                cast_at_ms,
                expires_at_ms: if lasts_ms == 0 { 0 } else { cast_at_ms + lasts_ms },
                detector: Digest(detector),
                derived_from: sources.into_iter().map(RecordId).collect(),
                commitment: Digest(commitment),
            })
        },
    )
}

fn bodies() -> impl Strategy<Value = Body> {
    let admits = (names(), any::<[u8; 32]>(), any::<bool>()).prop_map(|(peer, seed, imported)| {
        Body::Admit(Admit { peer, peer_key: SecretKey::from_seed(seed).public(), imported })
    });
    let retracts = any::<[u8; 32]>().prop_map(|id| Body::Retract(Retract { target: RecordId(id) }));
    let id = || any::<[u8; 32]>().prop_map(RecordId);
    let erases = id().prop_map(|target| Body::Erase(Erase { target }));
    let answer = prop::sample::select(RebuttalAnswer::ALL.to_vec());
    let rebuts = (id(), answer, any::<[u8; 32]>())
        .prop_map(|(target, answer, body)| Body::Rebut(Rebut { target, answer, commitment: Digest(body) }));
    let policies = (any::<[u8; 32]>(), 0..1u64 << 53)
        .prop_map(|(digest, active_from_ms)| Body::Policy(PolicyInForce { digest: Digest(digest), active_from_ms }));
    let expels = (names(), prop::sample::select(Reason::ALL.to_vec()))
        .prop_map(|(peer, reason)| Body::Expel(Expel { peer, reason }));
    prop_oneof![admits, votes(), retracts, erases, rebuts, policies, expels]
}

/// A second key and a value, of which rotations and equivocations are made.
fn twist() -> impl Strategy<Value = Option<([u8; 32], bool)>> {
    prop::option::weighted(0.4, (any::<[u8; 32]>(), any::<bool>()))
}

fn records() -> impl Strategy<Value = (Record, SecretKey)> {
    let header = ("[a-z0-9.-]{1,64}", names(), any::<[u8; 32]>(), 1..1u64 << 53, any::<[u8; 32]>());
    (header, bodies(), twist()).prop_map(|((network, author, seed, seq, prev), body, twist)| {
        let key = SecretKey::from_seed(seed);
        let prev = if seq == 1 { RecordId::ZERO } else { RecordId(prev) };
        let header = Header { network, author, key: key.public(), seq, prev };
        let body = match twist {
            None => body,
            Some((other, true)) => Body::Rotate(Rotate::new(&header, &SecretKey::from_seed(other))),
            Some((other, false)) => {
                let other = SecretKey::from_seed(other);
                let told = |byte| {
                    let body = Body::Erase(Erase { target: RecordId([byte; 32]) });
                    let header = Header { author: name("c.example"), key: other.public(), ..header.clone() };
                    SignedRecord::sign(Record { header, body }, &other).unwrap()
                };
                Body::Equivocate(Box::new(Equivocate::of_records(told(1), told(2))))
            }
        };
        (Record { header, body }, key)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_come_back_from_payload_envelope_and_entry((record, key) in records()) {
        let payload = record.payload();
        prop_assert_eq!(&Record::parse(record.kind(), &payload).unwrap(), &record);
        let signed = SignedRecord::sign(record, &key).unwrap();
        prop_assert_eq!(&SignedRecord::parse_envelope(&signed.to_envelope()).unwrap(), &signed);
        prop_assert!(Verified::check(signed.clone()).is_ok());
        let entry = first_hand(signed);
        prop_assert_eq!(Entry::parse(7, &entry.to_bytes()).unwrap(), entry);
    }

    #[test]
    fn a_changed_byte_of_a_payload_is_another_record_or_none((record, key) in records(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let signed = SignedRecord::sign(record, &key).unwrap();
        let mut payload = signed.payload().to_vec();
        let at = at.index(payload.len());
        prop_assume!(payload[at] != byte);
        payload[at] = byte;
        if let Ok(other) = SignedRecord::from_parts(signed.kind(), payload, *signed.signature()) {
            prop_assert_ne!(other.id(), signed.id());
            prop_assert!(Verified::check(other).is_err());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = SignedRecord::parse_envelope(&bytes);
        let _ = Entry::parse(0, &bytes);
        for kind in RecordType::ALL {
            let _ = Record::parse(kind, &bytes);
        }
    }

    #[test]
    fn subjects_come_back_from_text(subject in subjects()) {
        prop_assert_eq!(subject.to_string().parse::<Subject>().unwrap(), subject);
    }
}
