use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::config::load::{known_keys, parse, switched_on};

const NODE: &str = "[node]\nnetwork = \"mail.example\"\ndomain = \"a.example\"\n";

fn domain() -> PeerName {
    PeerName::parse("a.example").expect("a name")
}

fn with(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    parse(Path::new("ostrakon.toml"), text, environment)
}

fn fault(text: &str, environment: &[(&str, &str)]) -> String {
    match with(text, environment) {
        Ok(_) => panic!("taken: {text} {environment:?}"),
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn the_template_says_exactly_the_defaults() {
    let template = Config::template(&domain(), "mail.example");
    assert_eq!(with(&template, &[]).expect("the template"), Config::defaults(domain(), "mail.example"));
    assert_eq!(with(NODE, &[]).expect("a short file"), Config::defaults(domain(), "mail.example"));
    assert!(!template.contains('{') && !template.contains("\t"), "unfilled or untidy");
}

#[test]
fn the_examples_of_the_template_are_values_that_can_be_used() {
    let config = with(&switched_on(&Config::template(&domain(), "mail.example")), &[]).expect("examples");
    assert!(config.listen.local_token.expect("a token").matches("replace-me-with-32-random-characters"));
    let friends = BTreeMap::from([(PeerName::parse("b.example").expect("a name"), 1_000)]);
    assert_eq!(config.reputation.viewpoints, BTreeMap::from([("friends".to_owned(), friends)]));
    let [route] = config.routes.as_slice() else { panic!("one route") };
    assert_eq!(route.kinds, BTreeSet::from([Kind::Mail, Kind::Report]));
    let bare =
        with(&format!("{NODE}[[route]]\nname = \"mail\"\nwebhook = \"http://h.example/\"\n"), &[]).expect("bare");
    let [bare] = bare.routes.as_slice() else { panic!("one route") };
    let defaults =
        |route: &Route| (route.on_failure, route.timeout, route.expires_after, route.retry_first, route.retry_max);
    assert_eq!(defaults(route), defaults(bare), "the template shows other defaults than the code has");
}

/// The keys that serde knows in a section, from the error about one that it does not know.
fn keys_in_code(text: &str) -> BTreeSet<String> {
    let message = fault(text, &[]);
    let known = message.split("known here: ").nth(1).unwrap_or_else(|| panic!("{message}"));
    known.split(", did you mean").next().unwrap_or_default().split(", ").map(str::to_owned).collect()
}

#[test]
fn every_key_of_the_code_stands_in_the_template_and_the_other_way_round() {
    let template: toml::Table = toml::from_str(&switched_on(TEMPLATE)).expect("TOML");
    let names = |table: &toml::Table| table.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys_in_code("zzzzzz = 1\n"), names(&template));
    for (section, value) in &template {
        let (header, table) = match value {
            toml::Value::Array(routes) => (format!("[[{section}]]"), routes[0].as_table()),
            value => (format!("[{section}]"), value.as_table()),
        };
        let table = table.unwrap_or_else(|| panic!("{section} is no section"));
        assert_eq!(keys_in_code(&format!("{header}\nzzzzzz = 1\n")), names(table), "[{section}]");
    }
}

#[test]
fn every_key_of_the_template_is_explained_above_it() {
    let mut above = "";
    for line in TEMPLATE.lines() {
        let key = line.strip_prefix('#').unwrap_or(line).split(" = ").next().unwrap_or_default();
        let is_key = line.contains(" = ") && !line.starts_with("# ") && !key.is_empty();
        if is_key && !line.starts_with('"') {
            assert!(above.starts_with("# "), "`{line}` has no comment above it");
        }
        above = line;
    }
}

/// What stands behind `[node]`, and what the error about it must say.
const FAULTS: &[(&str, &str)] = &[
    ("[limits]\nbody_maxx = \"1KiB\"", "ostrakon.toml:5: `limits.body_maxx`: is not a known key; known here: body_max"),
    ("[limits]\nbody_maxx = \"1KiB\"", "did you mean `body_max`?"),
    ("[limit]\n", "ostrakon.toml:4: `limit`: is not a known key"),
    ("[limit]\n", "did you mean `limits`?"),
    (
        "[limits]\nbody_max = 5",
        "ostrakon.toml:5: `limits.body_max`: invalid type: found signed int `5`, expected a size",
    ),
    ("[limits]\nbody_max = \"5\"", "`limits.body_max`: `5` has no unit; known units: B KiB MiB GiB"),
    ("[limits]\n\nbody_max = \"1GiB\"", "ostrakon.toml:6: `limits.body_max`: must be 1B to 16MiB, not 1GiB"),
    ("[limits]\nrecipients_max = 101", "`limits.recipients_max`: must be 1 to 100, not 101"),
    ("[limits]\nqueue_max = -1", "`limits.queue_max`: must be 1 to 10000000, not -1"),
    ("[limits]\npool_max = 1.5", "`limits.pool_max`: invalid type: found float"),
    ("[limits]\npool_max = 0", "`limits.pool_max`: must be 1 to 1000000, not 0"),
    ("[store]\nbatch_max = 1025", "`store.batch_max`: must be 1 to 1024, not 1025"),
    ("[store]\nbatch_window = 5", "`store.batch_window`: invalid type: found signed int `5`, expected a duration"),
    ("[store]\nbatch_window = \"2s\"", "`store.batch_window`: must be 0ms to 1s, not 2s"),
    (
        "[failure]\nverdict = \"reject\"",
        "ostrakon.toml:5: `failure.verdict`: `reject` is not one of: accept, defer, hold",
    ),
    ("[failure]\ndeadline = \"2 s\"", "`failure.deadline`: `2 s` has the unknown unit ` s`"),
    ("[log]\nlevel = \"inof\"", "did you mean `info`?"),
    ("[listen]\npublic = \"localhost\"", "`listen.public`: invalid value string \"localhost\", expected an IP address"),
    (
        "[listen]\nlocal_names = [\"a.example:7401\"]",
        "ostrakon.toml:5: `listen.local_names.0`: `a.example:7401` must be a host",
    ),
    ("[listen]\nlocal_names = [\"\"]", "`listen.local_names.0`: `` must be a host name without a port"),
    ("[listen]\nopen = \"yes\"", "ostrakon.toml:5: `listen.open`: invalid type"),
    ("[listen]\nlocal_token = \"short\"", "`listen.local_token`: a token is 16 to 256 visible ASCII characters"),
    ("[listen]\nlocal = \"127.0.0.1:7400\"", "ostrakon.toml:5: `listen.local`: is the same address as public"),
    ("[reputation]\nhalf_life = \"never\"", "`reputation.half_life`: `never` does not begin with a whole number"),
    ("[reputation]\nhalf_life = \"1m\"", "`reputation.half_life`: must be 1h to 3650d, not 1m"),
    (
        "[reputation.seeds]\n\"b.example\" = 1001",
        "ostrakon.toml:5: `reputation.seeds.b.example`: must be 1 to 1000, not 1001",
    ),
    (
        "[reputation.viewpoints.\"a.example\"]\n\"b.example\" = 1",
        "ostrakon.toml:4: `reputation.viewpoints`: `a.example` is the name of this node's own viewpoint",
    ),
    ("[reputation.viewpoints.friends]", "`reputation.viewpoints`: `friends` trusts nobody: it needs a seed"),
    (
        "[reputation.viewpoints.friends]\n\"b.example\" = 0",
        "ostrakon.toml:5: `reputation.viewpoints.friends.b.example`: must be 1 to 1000, not 0",
    ),
    ("[reputation.viewpoints.\"my friends\"]\n\"b.example\" = 1", "must be 1 to 253 visible ASCII characters"),
    (
        "[reputation.viewpoints]\na = { \"b.example\" = 1 }\nb = { \"b.example\" = 1 }\nc = { \"b.example\" = 1 }\n\
         d = { \"b.example\" = 1 }\ne = { \"b.example\" = 1 }\nf = { \"b.example\" = 1 }\ng = { \"b.example\" = 1 }\n\
         h = { \"b.example\" = 1 }\ni = { \"b.example\" = 1 }",
        "`reputation.viewpoints`: names 9, at most 8 are possible",
    ),
    ("[reputation.seeds]\n\"B.example\" = 1", "ostrakon.toml:5: `reputation.seeds.B.example`: peer name `B.example`"),
    (
        "[experience]\ntrusted_reporters = [\"\"]",
        "`experience.trusted_reporters.0`: an address has 1 to 320 bytes, not 0",
    ),
    ("[retention]\nholds = \"366d\"", "`retention.holds`: must be 1h to 365d, not 366d"),
    ("[[route]]\nname = \"a\"", "ostrakon.toml:4: `route.0.webhook`: is missing"),
    ("[[route]]\nwebhook = \"http://h/\"", "ostrakon.toml:4: `route.0.name`: is missing"),
    (
        "[[route]]\nname = \"a\"\nwebhook = \"ftp://h/\"",
        "ostrakon.toml:6: `route.0.webhook`: must begin with http:// or https://",
    ),
    ("[[route]]\nname = \"a\"\nwebhook = \"http://u:p@h/\"", "must not contain a user name or password"),
    ("[[route]]\nname = \"a\"\nwebhook = \"http://\"", "is not an address"),
    ("[[route]]\nname = \"a\"\nwebhook = \"http://h/\"\nkinds = [\"mial\"]", "did you mean `mail`?"),
    (
        "[[route]]\nname = \"a\"\nwebhook = \"http://h/\"\nretry_first = \"10m\"\nretry_max = \"5m\"",
        "ostrakon.toml:8: `route.0.retry_max`: 5m is less than retry_first, 10m",
    ),
    (
        "[[route]]\nname = \"a\"\nwebhook = \"http://h/\"\n[[route]]\nname = \"a\"\nwebhook = \"http://i/\"",
        "ostrakon.toml:8: `route.1.name`: `a` is the name of another route",
    ),
    ("[log]\nformat = human", "ostrakon.toml:5:10: not valid TOML:"),
    ("[log]\n[log]", "ostrakon.toml:5:2: not valid TOML: duplicate key"),
];

#[test]
fn faults_name_file_line_and_key() {
    for (text, message) in FAULTS {
        let found = fault(&format!("{NODE}{text}\n"), &[]);
        assert!(found.contains(message), "{text}\n  says   {found}\n  not    {message}");
    }
}

#[test]
fn node_and_its_names_are_required() {
    for (text, message) in [
        ("", "ostrakon.toml: `node`: is missing"),
        ("[node]\nnetwork = \"x\"", "ostrakon.toml:1: `node.domain`: is missing"),
        (
            "[node]\ndomain = \"A.example\"\nnetwork = \"x\"",
            "ostrakon.toml:2: `node.domain`: peer name `A.example`: must be lower-case",
        ),
        (
            "[node]\ndomain = \"a.example\"\nnetwork = \"Mail\"",
            "ostrakon.toml:3: `node.network`: `Mail` must be 1 to 64 characters of a-z",
        ),
    ] {
        let found = fault(text, &[]);
        assert!(found.contains(message), "{text}\n  says   {found}\n  not    {message}");
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = format!("{NODE}[limits]\nqueue_max = 5\nbody_max = \"1KiB\"\n[reputation.seeds]\n\"c.example\" = 1\n");
    let config = with(
        &file,
        &[
            ("OSTRAKON_LIMITS__QUEUE_MAX", "7"),
            ("OSTRAKON_LISTEN__PUBLIC", "0.0.0.0:0"),
            ("OSTRAKON_LISTEN__LOCAL_TOKEN", "1234567890123456"),
            ("OSTRAKON_EXPERIENCE__TRUSTED_REPORTERS", "[\"abuse@a.example\"]"),
            ("OSTRAKON_REPUTATION__SEEDS", "{ \"b.example\" = 500 }"),
            ("OSTRAKON_REPUTATION__HALF_LIFE", "none"),
            ("OSTRAKON_DATA", "/data"),
            ("OSTRAKON_DIR", "var"),
            ("PATH", "/bin"),
        ],
    )
    .expect("taken");
    assert_eq!((config.limits.queue_max, config.limits.body_max.bytes()), (7, 1_024));
    assert_eq!(config.listen.public.to_string(), "0.0.0.0:0");
    assert!(config.listen.local_token.expect("a token").matches("1234567890123456"));
    assert_eq!(config.reputation.seeds, BTreeMap::from([(PeerName::parse("b.example").expect("a name"), 500)]));
    assert_eq!(config.reputation.half_life, None);
    assert_eq!(config.experience.trusted_reporters.len(), 1);
}

#[test]
fn faults_of_the_environment_name_the_variable() {
    for (name, value, message) in [
        (
            "OSTRAKON_LIMITS__QUEUE_MAX",
            "many",
            "OSTRAKON_LIMITS__QUEUE_MAX: `limits.queue_max`: `many` is not a TOML value; one would be: 100000",
        ),
        ("OSTRAKON_LIMITS__QUEUE_MAX", "\"7\"", "OSTRAKON_LIMITS__QUEUE_MAX: `limits.queue_max`: invalid type"),
        (
            "OSTRAKON_LIMITS__QUEUE_MAX",
            "0",
            "OSTRAKON_LIMITS__QUEUE_MAX: `limits.queue_max`: must be 1 to 10000000, not 0",
        ),
        ("OSTRAKON_LIMITS__QUEUE_MAX", "1\npool_max = 1", "is not a TOML value"),
        ("OSTRAKON_LIMITS__QUEUE_MX", "7", "did you mean `OSTRAKON_LIMITS__QUEUE_MAX`?"),
        ("OSTRAKON_LIMITS_QUEUE_MAX", "7", "did you mean `OSTRAKON_LIMITS__QUEUE_MAX`?"),
        (
            "OSTRAKON_REPUTATION__SEEDS",
            "{ \"b.example\" = 0 }",
            "environment variable OSTRAKON_REPUTATION__SEEDS: `reputation.seeds.b.example`: must be 1 to 1000",
        ),
        (
            "OSTRAKON_LISTEN__LOCAL",
            "127.0.0.1:7400",
            "environment variable OSTRAKON_LISTEN__LOCAL: `listen.local`: is the same address",
        ),
        ("OSTRAKON_ROUTE__0__NAME", "x", "is not a known key"),
    ] {
        let found = fault(NODE, &[(name, value)]);
        assert!(found.contains(message), "{name}={value}\n  says   {found}\n  not    {message}");
        assert!(found.starts_with("environment variable OSTRAKON_"), "{found}");
    }
}

#[test]
fn every_known_key_has_a_variable_that_is_read() {
    for (path, example) in known_keys() {
        let name = format!("OSTRAKON_{}", path.join("__").to_uppercase());
        let value = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
        let value = value.replace("{domain}", "a.example").replace("{network}", "mail.example");
        let config = with(NODE, &[(&name, &value)]).unwrap_or_else(|fault| panic!("{fault}"));
        if !["local_token", "viewpoints"].contains(&path[1].as_str()) {
            assert_eq!(config, Config::defaults(domain(), "mail.example"), "{name}");
        }
    }
}

#[test]
fn arguments_move_the_listeners_under_the_same_rules() {
    let config = Config::defaults(domain(), "mail.example");
    let at = |text: &str| Some(text.parse::<SocketAddr>().expect("an address"));
    let moved = config.clone().listening_on(at("[::]:0"), at("127.0.0.1:0")).expect("taken");
    assert_eq!((moved.listen.public.to_string(), moved.listen.local.port()), ("[::]:0".to_owned(), 0));
    let error = config.listening_on(at("127.0.0.1:7401"), None).expect_err("one address");
    assert!(error.to_string().starts_with("argument --public: `listen.local`: is the same address"), "{error}");
}

#[test]
fn the_first_route_that_takes_a_kind_gets_it() {
    let route =
        |name: &str, kinds: &str| format!("[[route]]\nname = \"{name}\"\nkinds = {kinds}\nwebhook = \"http://h/\"\n");
    let text = format!("{NODE}{}{}{}", route("a", "[\"mail\"]"), route("b", "[\"mail\", \"chat\"]"), route("c", "[]"));
    let config = with(&text, &[]).expect("taken");
    for (kind, name) in [(Kind::Mail, "a"), (Kind::Chat, "b"), (Kind::Post, "c")] {
        assert_eq!(config.route_for(kind).map(|route| route.name.as_str()), Some(name));
    }
    assert_eq!(with(NODE, &[]).expect("taken").route_for(Kind::Mail), None);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let none: [(&str, &str); 0] = [];
    let path = dir.path().join("ostrakon.toml");
    let error = Config::load(&path, none).expect_err("missing");
    assert!(error.to_string().contains("ostrakon.toml: cannot be read: No such file"), "{error}");
    std::fs::write(&path, "#".repeat((4 << 20) + 1)).expect("written");
    let error = Config::load(&path, none).expect_err("too large");
    assert!(error.to_string().contains("4194305 bytes, at most 4194304 are read"), "{error}");
    std::fs::write(&path, b"# \xff\n").expect("written");
    assert!(Config::load(&path, none).is_err());
    std::fs::write(&path, Config::template(&domain(), "mail.example")).expect("written");
    assert!(Config::load(&path, none).is_ok());
}

#[test]
fn a_token_does_not_show() {
    let token = Token::parse("sixteen-letters!").expect("a token");
    assert_eq!(format!("{token:?}"), "Token(..)");
    assert!(token.matches("sixteen-letters!") && !token.matches("sixteen-letters?"));
}
