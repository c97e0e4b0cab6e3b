use proptest::prelude::*;

use super::*;

fn forms(address: &str, syntax: Syntax) -> (String, Option<String>) {
    let Account { key, domain } = Account::parse(address, syntax);
    (key, domain.map(|host| host.to_string()))
}

#[test]
fn an_account_has_one_form() {
    use Syntax::{Chat, Mail, User};
    for (syntax, address, domain, key) in [
        (Chat, "Ann@Example.ORG", "example.org", "ann@example.org"),
        (Chat, "ann@example.org.", "example.org", "ann@example.org"),
        (Chat, "MAILTO:ann@example.org", "example.org", "ann@example.org"),
        (Chat, "xmpp:ann@example.org/phone", "example.org", "ann@example.org"),
        (Chat, "ann@example.org/phone@evil.example", "example.org", "ann@example.org"),
        (Mail, "ann@example.org/phone@evil.example", "evil.example", "ann@example.org/phone@evil.example"),
        (Mail, "\"a@victim.example/\"@evil.example", "evil.example", "\"a@victim.example/\"@evil.example"),
        (Mail, "a@victim.example@evil.example", "evil.example", "a@victim.example@evil.example"),
        (Chat, "ann@bücher.example", "xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        (Mail, "ann@BÜCHER.example.", "xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        (Chat, "\"a@b\"@example.org", "example.org", "\"a@b\"@example.org"),
        (Chat, "a@example.com@example.org", "example.org", "a@example.com@example.org"),
        (Chat, "@Ann:example.org", "example.org", "ann@example.org"),
        (Chat, "@ann:example.org:8448", "example.org", "ann@example.org"),
        (Chat, "@ann:[2001:db8::7]:8448", "[2001:db8::/64]", "ann@[2001:db8::/64]"),
        (Chat, "@ann@example.org", "example.org", "ann@example.org"),
        (Chat, "acct:ann@example.org", "example.org", "ann@example.org"),
        (Chat, "Acct:@ann@example.org:443", "example.org", "ann@example.org"),
        (Chat, "HTTPS://Example.org:443/users/Ann", "example.org", "https://example.org/users/Ann"),
        (Chat, "https://example.org/users/Ann#main-key", "example.org", "https://example.org/users/Ann"),
        (Chat, "http://example.org/", "example.org", "https://example.org"),
        (Chat, "https://victim.example@evil.example/u", "evil.example", "https://evil.example/u"),
        (Chat, "https://evil.example\\@victim.example/u", "evil.example", "https://evil.example\\@victim.example/u"),
        (Mail, "<Eve@x.example>", "x.example", "eve@x.example"),
        (Mail, "Eve <eve@x.example>", "x.example", "eve@x.example"),
        (Mail, " <@relay.example,@b.example:eve@x.example> ", "x.example", "eve@x.example"),
        (Mail, "\"eve\"@x.example", "x.example", "eve@x.example"),
        (Mail, "eve@[203.0.113.4]", "[203.0.113.4]", "eve@[203.0.113.4]"),
        (Mail, "eve@[IPv6:::ffff:203.0.113.4]", "[203.0.113.4]", "eve@[203.0.113.4]"),
        (Mail, "eve@203.0.113.4", "[203.0.113.4]", "eve@[203.0.113.4]"),
        (Mail, "eve@[ipv6:2001:DB8::9]", "[2001:db8::/64]", "eve@[2001:db8::/64]"),
        (Mail, "eve@Under_Score.example.:25", "under_score.example", "eve@under_score.example"),
        (Mail, "Eve+news+more@x.example", "x.example", "eve@x.example"),
        (Mail, "\"eve+news\"@x.example", "x.example", "eve@x.example"),
        (Mail, "+news@x.example", "x.example", "+news@x.example"),
        (User, "eve+1@x.example", "x.example", "eve@x.example"),
        (Chat, "eve+1@x.example", "x.example", "eve+1@x.example"),
    ] {
        assert_eq!(forms(address, syntax), (key.to_owned(), Some(domain.to_owned())), "{address}");
    }
    for (address, key) in
        [("8D1F", "8d1f"), ("@Ann", "@ann"), ("@", "@"), ("@@A", "@@a"), ("@:a", "@:a"), ("https://", "https://")]
    {
        assert_eq!(forms(address, Chat), (key.to_owned(), None), "{address}");
    }
    for null in ["", "<>", " < > "] {
        assert_eq!(forms(null, Mail), (String::new(), None), "the null sender, spelled {null:?}");
    }
}

#[test]
fn a_host_has_one_form() {
    for (text, normal) in [
        ("Host.Example.", "host.example"),
        ("matrix.example:8448", "matrix.example"),
        ("HTTPS://user@matrix.example:8448/path", "matrix.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("[2001:db8::1]:8448", "[2001:db8::/64]"),
        ("2001:db8::ffff", "[2001:db8::/64]"),
        ("IPv6:2001:db8::1", "[2001:db8::/64]"),
        ("[fe80::1%eth0]", "[fe80::/64]"),
        ("203.0.113.4", "[203.0.113.4]"),
        ("203.0.113.4:25", "[203.0.113.4]"),
        ("[::ffff:203.0.113.4]", "[203.0.113.4]"),
        ("[64:ff9b::203.0.113.4]", "[203.0.113.4]"),
        ("２０３.0.113.4", "[203.0.113.4]"),
        ("203.0.113.004", "203.0.113.004"),
        ("Mail_Out.example:25", "mail_out.example"),
        ("not a domain", "not=20a=20domain"),
        ("\u{202e}a\u{0}", "=e2=80=aea=00"),
        ("a..b", "a..b"),
        ("-x.example", "-x.example"),
        ("", ""),
    ] {
        assert_eq!(Host::parse(text).as_str(), normal, "{text}");
    }
    let long = Host::parse(&"x.".repeat(300));
    assert!(matches!(&long, Host::Odd(text) if text.len() <= 253) && Host::parse(long.as_str()) == long);
    // What has no name is told apart by its network; a name stays.
    for (peer, network, normal) in [
        ("unknown", Some("203.0.113.4"), "[203.0.113.4]"),
        ("UNKNOWN", Some("2001:db8::/64"), "[2001:db8::/64]"),
        ("", Some("203.0.113.4"), "[203.0.113.4]"),
        ("[unknown]", Some("as64500"), "unknown_as64500"),
        ("unknown", None, "unknown"),
        ("", None, "unknown"),
        ("a.example", Some("203.0.113.4"), "a.example"),
    ] {
        assert_eq!(Host::of_peer(peer, network).as_str(), normal, "{peer} {network:?}");
        assert!(network.is_none() || peer == "a.example" || Host::of_peer(peer, network).name().is_none());
    }
}

#[test]
fn a_network_has_one_form() {
    for (network, normal) in [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("[192.0.2.7]:25", "192.0.2.7"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("192.0.2.7/0", "0.0.0.0/0"),
        ("192.0.2.7/33", "192.0.2.7/33"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
        ("64:ff9b::c000:207", "192.0.2.7"),
        ("2001:0DB8:0::1", "2001:db8::/64"),
        ("[2001:db8::1]:25", "2001:db8::/64"),
        ("IPv6:2001:db8::1", "2001:db8::/64"),
        ("2001:db8::1/128", "2001:db8::/64"),
        ("2001:db8:1::/48", "2001:db8:1::/48"),
        ("2001:db8::1/129", "2001:db8::1/129"),
        ("AS64500", "as64500"),
    ] {
        assert_eq!(network_key(network), normal, "{network}");
    }
}

/// Pieces of which the other side makes names.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[@a-cA-C.:/0-9+_<>\"#?\\\\ -]{0,6}",
        "\\PC{0,4}",
        prop::sample::select(vec![
            "https://",
            "MAILTO:",
            "@",
            "[",
            "]",
            "IPv6:",
            "::ffff:",
            "2001:db8::",
            "192.0.2.1",
            "a.example",
            ":25",
            "%",
            "\u{1}",
            "unknown",
            "．",
            "İ",
            "Ⴀ",
            "ß",
            "xn--",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn normal_forms_are_their_own(text in texts(), syntax in prop::sample::select(vec![Syntax::Mail, Syntax::Chat, Syntax::User])) {
        let host = Host::parse(&text);
        prop_assert_eq!(&Host::parse(host.as_str()), &host);
        let peer = Host::of_peer(&text, None);
        prop_assert_eq!(&Host::parse(peer.as_str()), &peer);
        let network = network_key(&text);
        prop_assert_eq!(&network_key(&network), &network);
        let account = Account::parse(&text, syntax);
        prop_assert_eq!(&Account::parse(&account.key, syntax), &account);
        prop_assert!(!account.key.chars().any(char::is_control) && account.key.len() <= 2 * LOCAL_BYTES_MAX);
    }

    #[test]
    fn spellings_of_one_thing_are_one(name in "[a-z]{1,8}", domain in "[a-z]{1,8}\\.example", port in 0u16.., tag in "[a-z0-9+]{0,5}") {
        let mail = |text: String| Account::parse(&text, Syntax::Mail);
        let plain = mail(format!("{name}@{domain}"));
        for text in [
            format!("<{name}@{domain}>"), format!("{name}@{domain}."), format!("{name}@{domain}:{port}"),
            format!("mailto:{name}@{domain}"), format!("MailTo:<{name}@{domain}>"), format!("{name}+{tag}@{domain}"),
            format!("\"{name}\"@{domain}"), format!("@r.example:{name}@{domain}"),
            format!("{}@{}", name.to_uppercase(), domain.to_uppercase()), format!("@{name}@{domain}"), format!("@{name}:{domain}"),
        ] {
            prop_assert_eq!(mail(text), plain.clone());
        }
    }
}
