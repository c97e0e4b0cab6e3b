//! Who a message is from: what is proven, what is merely claimed, how each is spelled, and how many say so.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;

use ostrakon_tests::TestNode;
use serde_json::{Value, json};

/// A node with the default policy that asks and reports.
struct Asking {
    node: TestNode,
    asked: Cell<usize>,
}

impl Asking {
    fn new(trusted: &str) -> Self {
        let mut node = TestNode::new();
        node.reconfigure("trusted_reporters = []", &format!("trusted_reporters = [{trusted}]"));
        node.serve();
        Self { node, asked: Cell::new(0) }
    }

    /// The answer to a check of a small mail with these fields beside.
    fn ask(&self, fields: Value) -> Value {
        self.asked.set(self.asked.get() + 1);
        let mut question = json!({ "id": format!("m{}", self.asked.get()), "recipients": ["ada@node.example"], "kind": "mail",
                                   "size": 100 });
        question.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let answer = self.node.post("/v1/check", &question);
        assert_eq!(answer.status, 200, "{question} {answer:?}");
        answer.body
    }

    fn report(&self, answer: &Value, reporter: &str, report: &str) {
        let body = json!({ "decision_id": answer["decision_id"], "reporter": reporter, "report": report });
        assert_eq!(self.node.post("/v1/feedback", &body).body, json!({ "recorded": true }));
    }
}

fn rules(answer: &Value) -> Vec<String> {
    let enforced = |reason: &&Value| reason["shadow"] == false && reason["rule"] != "default";
    let reasons = answer["reasons"].as_array().unwrap();
    reasons.iter().filter(enforced).map(|reason| reason["rule"].as_str().unwrap().to_owned()).collect()
}

fn from(peer: &str, sender: &str, network: &str) -> Value {
    json!({ "peer": peer, "sender": sender, "network": network, "known_contact": true })
}

#[test]
fn forged_senders_neither_hurt_the_name_nor_borrow_it() {
    let asking = Asking::new("\"mod@node.example\"");
    let victim = || from("mx.victim.example", "user1@victim.example", "192.0.2.0/24");
    (0..30).for_each(|_| drop(asking.ask(victim())));
    let before = asking.ask(victim());
    for n in 0..20 {
        let forged = from(&format!("bot{n}.example"), "user1@victim.example", &format!("198.51.{n}.0/24"));
        let answer = asking.ask(forged);
        asking.report(&answer, &format!("reporter{n}@node.example"), "spam");
        asking.report(&answer, "mod@node.example", "spam");
    }
    let after = asking.ask(victim());
    assert_eq!((&after["verdict"], rules(&after)), (&json!("accept"), vec![]), "{after}");
    assert!(after["standing"].as_i64() >= before["standing"].as_i64(), "{before} {after}");
    // The other way: what is liked helps who proves it, and nobody else.
    let proven = json!({ "peer": "mx.friend.example", "peer_proof": "dns", "sender": "bob@friend.example",
                         "sender_proof": "dkim", "network": "192.0.2.0/24" });
    for n in 0..5 {
        let answer = asking.ask(proven.clone());
        asking.report(&answer, &format!("u{n}@node.example"), "ham");
    }
    let friend = asking.ask(proven);
    assert_eq!((&friend["verdict"], &friend["proven"]), (&json!("accept"), &json!({ "peer": true, "sender": true })));
    assert!(friend["standing"].as_i64().unwrap() > 1_000, "{friend}");
    let stranger = |sender: &str, network: &str| {
        let answer = asking.ask(json!({ "peer": "bot.example", "sender": sender, "network": network }));
        (answer["verdict"].clone(), answer["standing"].clone(), answer["proven"].clone())
    };
    let own_name = stranger("eve@bot.example", "203.0.113.1");
    assert_eq!(own_name, (json!("defer"), json!(-2000), json!({ "peer": false, "sender": false })));
    assert_eq!(stranger("bob@friend.example", "203.0.113.2"), own_name);
}

#[test]
fn a_decision_says_what_is_a_claim_and_whose() {
    let asking = Asking::new("");
    let answer = asking.ask(from("mx.victim.example", "user1@victim.example", "192.0.2.1"));
    let id = answer["decision_id"].as_str().unwrap();
    let decision = asking.node.get(&format!("/v1/decisions/{id}")).body;
    assert_eq!(decision["claims"], json!({ "of": ["peer", "domain", "account"], "by": "net" }), "{decision}");
    assert_eq!((&decision["peer_proof"], &decision["sender_proof"]), (&json!("none"), &json!("none")));
    let claims: Vec<&str> = decision["subjects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap().split_once(':').unwrap().0)
        .collect();
    assert_eq!(claims, ["claim", "net", "claim", "claim"]);
    // No vote is about a claim: it means nothing to others.
    let vote = json!({ "subject": decision["subjects"][0], "value": -100, "category": "spam" });
    let refused = asking.node.post("/v1/own/votes", &vote);
    assert_eq!((refused.status, &refused.body["error"]["blame"]), (400, &json!("caller")), "{refused:?}");
}

#[test]
fn no_account_alone_gets_a_server_refused_or_kept_waiting_and_three_do() {
    let asking = Asking::new("");
    let big = |n: usize, known: bool| {
        json!({ "peer": "big.example", "sender": format!("p{n}@big.example"), "network": "192.0.2.0/24", "known_contact": known,
                "content": format!("{n:064x}") })
    };
    (0..40).for_each(|n| drop(asking.ask(big(n, true))));
    for n in 0..30 {
        let answer = asking.ask(big(n % 40, true));
        asking.report(&answer, &format!("grump+{n}@node.example"), "spam");
        asking.report(&answer, "second@node.example", "spam");
    }
    let known = asking.ask(big(3, true));
    assert_eq!((&known["verdict"], rules(&known)), (&json!("accept"), vec![]), "{known}");
    let other = asking.ask(big(50, false));
    assert!(!rules(&other).iter().any(|rule| rule.ends_with("standing") || rule == "reported content"), "{other}");
    // Three of our users agree about a server without a past here.
    for n in 0..3 {
        let answer = asking.ask(from("spam.example", "x@spam.example", "198.51.100.1"));
        assert_eq!(answer["verdict"], "accept", "{n} users have reported it: {answer}");
        asking.report(&answer, &format!("user{n}@node.example"), "spam");
    }
    let spam = asking.ask(from("spam.example", "x@spam.example", "198.51.100.1"));
    assert_eq!((&spam["verdict"], rules(&spam)), (&json!("reject"), vec!["bad standing".to_owned()]), "{spam}");
}

#[test]
fn two_accounts_do_not_get_a_text_refused_and_nobody_gets_it_refused_for_known_contacts() {
    let asking = Asking::new("");
    let copy = "ab".repeat(32);
    let letter = |known: bool| {
        json!({ "peer": "news.example", "sender": "letter@news.example", "network": "192.0.2.1", "content": copy,
                "known_contact": known })
    };
    for n in 0..3 {
        let bot = json!({ "peer": format!("bot{n}.example"), "sender": "b@bot.example", "network": format!("198.51.{n}.1"),
                          "content": copy });
        let answer = asking.ask(bot);
        let refused = rules(&asking.ask(letter(false))).contains(&"reported content".to_owned());
        assert!(!refused, "{n} accounts have reported it");
        asking.report(&answer, &format!("sock{n}@node.example"), "spam");
    }
    let (stranger, known) = (asking.ask(letter(false)), asking.ask(letter(true)));
    assert_eq!((&stranger["verdict"], &known["verdict"]), (&json!("reject"), &json!("accept")), "{stranger} {known}");
}

#[test]
fn who_says_less_stands_no_better() {
    let asking = Asking::new("");
    for (peer, sender, network) in [
        ("s1.example", "bounce@s1.example", json!("203.0.113.1")),
        ("s2.example", "", json!("203.0.113.2")),
        ("s3.example", "<eve@s3.example>", json!("203.0.113.3")),
        ("s4.example", "eve@[203.0.113.4]", json!("203.0.113.4")),
        ("s5.example", "eve@under_score.example", json!("203.0.113.5")),
        ("s6.example", "eve@s6.example", Value::Null),
        ("s7.example", "", Value::Null),
        ("s8.example", "<>", Value::Null),
        ("unknown", "eve", Value::Null),
        ("", "@", json!("2001:db8::1")),
    ] {
        let answer = asking.ask(json!({ "peer": peer, "sender": sender, "network": network }));
        assert_eq!((&answer["verdict"], &answer["standing"]), (&json!("defer"), &json!(-2000)), "{peer} {sender}");
    }
}

#[test]
fn a_server_is_judged_whatever_it_is_called() {
    let mut node = TestNode::new();
    let limit = "[[limit]]\nname = \"two\"\nkey = [\"peer\", \"sender\"]\nrate = \"1/day\"\nburst = 2\nverdict = \"reject\"\nexplain = \"{peer} {sender} {network}\"\n";
    node.write("policy.toml", limit);
    node.serve();
    let asking = Asking { node, asked: Cell::new(0) };
    for (spellings, shown) in [
        (
            [
                ("matrix.example:8448", "a@b.example"),
                ("Matrix.Example.", "<A@B.example>"),
                ("[matrix.example]", "a+1@b.example"),
            ],
            "matrix.example a@b.example 2001:db8::/64",
        ),
        (
            [
                ("[2001:db8::1]:8448", "x@y.example"),
                ("2001:db8::ffff", "x@Y.example."),
                ("IPv6:2001:db8:0:0:1::1", "MAILTO:x@y.example"),
            ],
            "[2001:db8::/64] x@y.example 2001:db8::/64",
        ),
        (
            [("mail_out.example", ""), ("Mail_Out.example:25", "<>"), ("mail_out.example.", "")],
            "mail_out.example  2001:db8::/64",
        ),
        (
            [("unknown", "e@x.example"), ("", "e@x.example"), ("[2001:db8::7]", "e@x.example")],
            "[2001:db8::/64] e@x.example 2001:db8::/64",
        ),
    ] {
        let networks = ["2001:db8::1", "2001:DB8::2/128", "[2001:db8::3]"];
        let answers: Vec<Value> = spellings
            .iter()
            .zip(networks)
            .map(|((peer, sender), network)| asking.ask(json!({ "peer": peer, "sender": sender, "network": network })))
            .collect();
        let verdicts: Vec<&Value> = answers.iter().map(|answer| &answer["verdict"]).collect();
        assert_eq!(verdicts, ["accept", "accept", "reject"], "three spellings of one key: {spellings:?}");
        assert_eq!(answers[2]["reasons"][0]["text"], shown);
    }
}

#[test]
fn a_stranger_waits_a_minute_from_its_first_contact_whatever_it_sends() {
    let mut asking = Asking::new("");
    let bulk = || json!({ "peer": "bulk.example", "sender": "news@bulk.example", "network": "203.0.113.9" });
    let answers: Vec<Value> = (0..4).map(|_| asking.ask(bulk())).collect();
    let waits: Vec<u64> = answers.iter().map(|answer| answer["retry_after_ms"].as_u64().unwrap()).collect();
    assert_eq!(waits[0], 60_000);
    assert!(waits.windows(2).all(|two| two[1] <= two[0]) && waits[3] > 0, "counted from the first contact: {waits:?}");
    for answer in &answers {
        assert_eq!(
            (&answer["verdict"], rules(answer)),
            (&json!("defer"), vec!["strangers wait".to_owned()]),
            "{answer}"
        );
    }
    // A restart forgets nothing of it.
    asking.node.kill();
    asking.node.serve();
    let again = asking.ask(bulk());
    assert!(again["verdict"] == "defer" && again["retry_after_ms"].as_u64().unwrap() <= waits[3], "{again} {waits:?}");
}

#[test]
fn what_is_blocked_covers_what_is_below_and_no_suffix_of_a_registry_does() {
    let asking = Asking::new("");
    for blocked in ["peer:host.example", "peer:duckdns.org", "peer:co.uk"] {
        asking.node.run(&["vote", blocked, "-100", "--category", "spam"]);
    }
    let verdict = |peer: &str| {
        let answer = asking.ask(json!({ "peer": peer, "sender": "", "known_contact": true }));
        (answer["verdict"].clone(), rules(&answer))
    };
    let refused = (json!("reject"), vec!["bad standing".to_owned()]);
    asking.node.wait_for("the votes", || verdict("host.example") == refused);
    assert_eq!(verdict("abc.host.example"), refused);
    assert_eq!(verdict("a.b.c.d.e.f.g.h.i.j.k.host.example"), refused);
    // What is no name of a domain stands below one all the same.
    for odd in ["a_b", "-a", "a-", "a.", "a=b", "a*", "xn--a", "\u{1f600}", &"a".repeat(64)] {
        assert_eq!(verdict(&format!("{odd}.host.example")), refused, "{odd}");
    }
    assert_eq!(verdict("nothost.example").0, json!("accept"));
    asking.node.wait_for("the other votes", || verdict("evil.duckdns.org") == refused);
    assert_eq!(verdict("someone.co.uk").0, json!("accept"), "what a registry sells is nobody's");
}
