//! Who may ask what on the local listener, and who may look into the node's folder: nobody because of where they are.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use ostrakon_tests::{
    TestNode,
    binary::{ostrakon, path},
    node::OPEN_POLICY,
    skip,
};
use serde_json::{Value, json};

/// Every route, with what it is for: without the token only those marked `open` and `health` answer.
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/healthz", "health"),
    ("GET", "/readyz", "health"),
    ("POST", "/v1/check", "open"),
    ("POST", "/v1/feedback", "open"),
    ("GET", "/metrics", "open"),
    ("GET", "/v1/about", "open"),
    ("GET", "/v1/subjects/peer:a.example", "token"),
    ("GET", "/v1/subjects/peer%3Aa.example", "token"),
    ("GET", "/v1/decisions/00000000000000000000000000000000", "token"),
    ("GET", "/v1/peers", "token"),
    ("POST", "/v1/peers", "token"),
    ("GET", "/v1/peers/node.example", "token"),
    ("POST", "/v1/peers/a.example/follow", "token"),
    ("POST", "/v1/peers/a.example/unfollow", "token"),
    ("POST", "/v1/peers/a.example/expel", "token"),
    ("POST", "/v1/own/votes", "token"),
    ("POST", "/v1/own/retractions", "token"),
    ("POST", "/v1/own/rebuttals", "token"),
    ("POST", "/v1/own/erasures", "token"),
    ("POST", "/v1/own/rotations", "token"),
    ("POST", "/v1/own/evidence", "token"),
    ("POST", "/v1/imports", "token"),
    ("POST", "/v1/imports/withdrawals", "token"),
    ("GET", "/v1/records/0000000000000000000000000000000000000000000000000000000000000000/evidence", "token"),
    ("GET", "/v1/holds", "token"),
    ("GET", "/v1/holds/00000000000000000000000000000000", "token"),
    ("POST", "/v1/holds/00000000000000000000000000000000/release", "token"),
    ("POST", "/v1/holds/00000000000000000000000000000000/reject", "token"),
    ("GET", "/v1/queue", "token"),
    ("GET", "/v1/dead", "token"),
    ("POST", "/v1/dead/00000000000000000000000000000000/retry", "token"),
    ("GET", "/v1/", "token"),
    ("GET", "/nothing/of/ours", "token"),
];

/// Sends one request as it stands there, and reads the answer: its status, its head and its body.
fn exchange(mut stream: impl Read + Write, request: &str) -> (u16, String, String) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, head.to_ascii_lowercase(), body.to_owned())
}

/// A request with these lines of headers and no other.
fn request(method: &str, path: &str, lines: &[&str], body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\n{lines}{length}connection: close\r\n\r\n{body}")
}

fn tcp(node: &TestNode) -> TcpStream {
    TcpStream::connect(node.local().trim_start_matches("http://")).unwrap()
}

fn asked(node: &TestNode, method: &str, path: &str, lines: &[&str]) -> u16 {
    let body = if method == "POST" { "{}" } else { "" };
    exchange(tcp(node), &request(method, path, lines, body)).0
}

const HOST: &str = "host: localhost";
const JSON: &str = "content-type: application/json";

#[test]
fn every_route_answers_who_may_ask_it_and_nobody_else() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let good = format!("authorization: {}", node.authorization());
    let lower = good.replacen("Bearer", "bearer", 1);
    let basic = good.replacen("Bearer", "Basic", 1);
    let wrong = format!("authorization: Bearer {}", "0".repeat(64));
    for &(method, path, kind) in ROUTES {
        let with = |lines: &[&str]| asked(&node, method, path, &[&[HOST, JSON], lines].concat());
        let denied = |status: u16| matches!(status, 401 | 403 | 415 | 421);
        for without in [&[][..], &[wrong.as_str()], &[basic.as_str()], &["x-http-method-override: GET"]] {
            assert_eq!(with(without) == 401, kind == "token", "{method} {path} {without:?}");
        }
        for token in [&good, &lower] {
            assert!(!denied(with(&[token])), "{method} {path} {token}");
        }
        for foreign in [
            "origin: https://evil.example",
            "origin: null",
            "origin: http://localhost:3000",
            "sec-fetch-site: cross-site",
            "sec-fetch-site: same-site",
        ] {
            assert_eq!(with(&[&good, foreign]), 403, "{method} {path} {foreign}");
        }
        for host in
            [&["host: rebind.evil.example"][..], &["host: evil.example:7401"], &[HOST, "host: evil.example"], &[]]
        {
            let status = asked(&node, method, path, &[host, &[JSON, &good]].concat());
            assert!(matches!(status, 400 | 403), "{method} {path} {host:?}: {status}");
        }
        for other in ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"] {
            let status = asked(&node, other, path, &[HOST]);
            assert_eq!(status == 401, kind == "token", "{other} {path}: {status}");
            let preflight = [HOST, "origin: https://evil.example", "access-control-request-method: POST"];
            assert_eq!(asked(&node, other, path, &preflight), 403, "{other} {path}");
        }
    }
    let peers = node.get("/v1/peers").body;
    let peers = peers["peers"].as_array().unwrap().len();
    assert_eq!((node.tree_size(), peers), (3, 1), "two rotations with the token, no more");
}

#[test]
fn nothing_changes_by_get() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let good = format!("authorization: {}", node.authorization());
    for &(method, path, _) in ROUTES.iter().filter(|(method, ..)| *method == "POST") {
        let known = path.ends_with("/peers");
        for disguise in ["x-http-method-override: POST", "x-method-override: POST", "x-http-method: POST"] {
            let status = asked(&node, "GET", path, &[HOST, &good, disguise]);
            assert!(known || matches!(status, 404 | 405), "{method} {path} {status}");
        }
    }
    assert_eq!(node.tree_size(), 1);
}

#[test]
fn a_body_that_a_page_could_send_is_not_taken() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let good = format!("authorization: {}", node.authorization());
    let question = json!({ "id": "m", "peer": "a.example", "sender": "a@a.example", "recipients": ["b@node.example"],
                           "kind": "mail", "size": 1 });
    let vote = json!({ "subject": "peer:a.example", "value": -5, "category": "spam" });
    for (kind, status) in [
        ("content-type: application/json", 200),
        ("content-type: application/json; charset=utf-8", 200),
        ("content-type: text/plain", 415),
        ("content-type: application/x-www-form-urlencoded", 415),
        ("content-type: multipart/form-data; boundary=x", 415),
        ("x-content-type: application/json", 415),
    ] {
        for (path, body) in [("/v1/check", &question), ("/v1/own/votes", &vote)] {
            let request = request("POST", path, &[HOST, &good, kind], &body.to_string());
            let (found, _, body) = exchange(tcp(&node), &request);
            assert_eq!(found, status, "{path} {kind}: {body}");
        }
    }
    assert_eq!(node.tree_size(), 3, "the two votes of the right type, and the admission");
}

#[test]
fn a_refusal_says_what_to_do() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let answer = |lines: &[&str]| exchange(tcp(&node), &request("GET", "/v1/peers", lines, ""));
    let (status, head, body) = answer(&[HOST]);
    assert!(status == 401 && head.contains("www-authenticate: bearer"), "{head}");
    assert!(body.contains("local.token") && body.contains("local.sock"), "{body}");
    let (status, _, body) = answer(&["host: mail.example"]);
    assert!(status == 403 && body.contains("mail.example") && body.contains("listen.local_names"), "{body}");
    let (status, _, body) = exchange(tcp(&node), "GET /v1/peers HTTP/1.0\r\n\r\n");
    assert!(status == 400 && body.contains("no_host"), "{body}");
    let (status, ..) = exchange(tcp(&node), "GET http://evil.example/healthz HTTP/1.1\r\nconnection: close\r\n\r\n");
    assert_eq!(status, 403);
}

#[test]
fn a_listener_that_is_not_open_asks_adapters_for_the_token_too() {
    let mut node = TestNode::new();
    node.reconfigure("open = true", "open = false");
    node.reconfigure("local_names = []", "local_names = [\"ostrakon.internal\"]");
    node.reconfigure(
        "#local_token = \"replace-me-with-32-random-characters\"",
        "local_token = \"0123456789abcdef0123\"",
    );
    node.serve();
    let good = format!("authorization: {}", node.authorization());
    for &(method, path, kind) in ROUTES {
        for host in ["host: 127.0.0.1:7401", "host: ostrakon.internal:7401"] {
            let status = asked(&node, method, path, &[host, JSON]);
            assert_eq!(status == 401, kind != "health", "{method} {path} {status}");
            for token in [&good, "authorization: bearer 0123456789abcdef0123"] {
                let status = asked(&node, method, path, &[host, JSON, token]);
                assert!(!matches!(status, 401 | 403 | 415), "{method} {path} {status}");
            }
        }
    }
    assert!(node.run(&["peer", "list"]).contains("node.example"), "the command line finds its way by itself");
}

/// Everything below `dir`, `dir` itself included, that others can use.
fn exposed(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(path) = left.pop() {
        // The databases of a node that is served come and go.
        let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
        if metadata.mode() & 0o077 != 0 {
            found.push((path.clone(), format!("{:04o}", metadata.mode() & 0o7777)));
        }
        if metadata.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

#[test]
fn the_folder_and_all_in_it_are_for_their_owner_whatever_the_umask() {
    let mut node = TestNode::new();
    std::fs::remove_dir_all(node.home()).unwrap();
    let program = path("ostrakon").display().to_string();
    let home = node.home_arg();
    let open = |args: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("umask 000; exec {program} {args} --dir {home}")]);
        command
    };
    assert!(open("init --domain node.example").status().unwrap().success());
    assert_eq!(exposed(&node.home()), []);
    let evidence = node.beside("evidence");
    std::fs::write(&evidence, "what it rests on").unwrap();
    let vote = format!("vote peer:a.example -5 --category spam --evidence {}", evidence.display());
    assert!(open(&vote).output().unwrap().status.success());
    node.serve_with(open("serve --public 127.0.0.1:0 --local 127.0.0.1:0"));
    for n in 0..20 {
        node.check(&format!("m{n}"), "a.example");
    }
    assert!(open(&vote).output().unwrap().status.success());
    node.write("policy.toml", OPEN_POLICY);
    assert!(open("rotate").output().unwrap().status.success());
    assert_eq!(exposed(&node.home()), []);
    assert!(node.terminate().success());
    assert_eq!(exposed(&node.home()), []);
}

#[test]
fn what_others_can_use_is_named_at_start_with_the_command_that_ends_it() {
    let mut node = TestNode::new();
    let home = node.home();
    let mode = |name: &str, mode: u32| {
        std::fs::set_permissions(home.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("", 0o755);
    mode("ostrakon.toml", 0o644);
    mode("policy.toml", 0o666);
    node.serve();
    node.wait_for("the folder in the log", || node.log().contains(&format!("chmod go= {}", node.home_arg())));
    for name in ["ostrakon.toml", "policy.toml"] {
        let mend = format!("chmod go= {}", node.home().join(name).display());
        node.wait_for(name, || node.log().contains(&mend));
        assert!(Command::new("sh").args(["-c", &mend]).status().unwrap().success());
    }
    assert_eq!(exposed(&node.home()), [(node.home(), "0755".to_owned())]);
}

#[test]
fn a_secret_that_others_can_use_is_refused() {
    let node = TestNode::new();
    for name in ["node.key", "federation.pepper", "local.token"] {
        let secret = node.home().join(name);
        for mode in [0o640, 0o604, 0o620, 0o602] {
            std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
            let output = node.serve_command().output().unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{name} {mode:o}: {errors}");
            assert!(errors.contains(name) && errors.contains("chmod go= "), "{errors}");
        }
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn a_folder_of_an_earlier_build_gets_a_token_when_it_is_served() {
    let mut node = TestNode::new();
    let token = node.home().join("local.token");
    let first = std::fs::read_to_string(&token).unwrap();
    assert_eq!(first.trim().len(), 64, "256 bits in hexadecimal digits");
    std::fs::remove_file(&token).unwrap();
    node.serve();
    assert!(node.log().contains("local.token"), "{}", node.log());
    let second = std::fs::read_to_string(&token).unwrap();
    assert_ne!(first, second);
    assert_eq!(node.get("/v1/peers").status, 200);
    node.terminate();
    node.serve();
    assert_eq!(std::fs::read_to_string(&token).unwrap(), second, "a restart keeps it");
}

fn socket(node: &TestNode) -> PathBuf {
    node.home().join("local.sock")
}

/// The status that a request over the node's UNIX socket gets.
fn over_socket(node: &TestNode, method: &str, path: &str, lines: &[&str]) -> u16 {
    let body = if method == "POST" { "{}" } else { "" };
    exchange(UnixStream::connect(socket(node)).unwrap(), &request(method, path, lines, body)).0
}

#[test]
fn over_the_unix_socket_the_nodes_user_needs_no_token() {
    let mut node = TestNode::new();
    node.reconfigure("open = true", "open = false");
    node.serve();
    let metadata = std::fs::metadata(socket(&node)).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.mode() & 0o777, 0o600);
    let run: Value = serde_json::from_slice(&std::fs::read(node.home().join("run.json")).unwrap()).unwrap();
    assert_eq!(run["socket"], json!(socket(&node)));
    for &(method, path, _) in ROUTES {
        for lines in [&[JSON][..], &[JSON, HOST], &[JSON, "host: any.example"]] {
            let status = over_socket(&node, method, path, lines);
            assert!(!matches!(status, 401 | 403 | 415), "{method} {path} {lines:?} {status}");
        }
        assert_eq!(over_socket(&node, method, path, &[JSON, HOST, "origin: https://evil.example"]), 403, "{path}");
    }
}

#[test]
fn the_command_line_takes_the_socket_or_else_the_token_and_a_given_token_wins() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    let list = |node: &TestNode, token: Option<&str>| {
        let mut command = Command::new(path("ostrakon"));
        command.args(["peer", "list", "--dir", &node.home_arg()]).env_remove("OSTRAKON_TOKEN");
        // No proxy is asked, and none gets the token.
        command.env("http_proxy", "http://127.0.0.1:9").env("HTTP_PROXY", "http://127.0.0.1:9");
        token.map(|token| command.env("OSTRAKON_TOKEN", token));
        command.output().unwrap()
    };
    let is_listed = |output: &Output| String::from_utf8_lossy(&output.stdout).contains("node.example");
    std::fs::rename(node.home().join("local.token"), node.beside("token")).unwrap();
    assert!(is_listed(&list(&node, None)), "over the socket");
    let token = std::fs::read_to_string(node.beside("token")).unwrap();
    assert!(is_listed(&list(&node, Some(token.trim()))));
    let refused = list(&node, Some(&"0".repeat(64)));
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(3) && errors.contains("local.token"), "{errors}");

    std::fs::rename(node.beside("token"), node.home().join("local.token")).unwrap();
    node.terminate();
    assert!(!socket(&node).exists(), "the socket goes with the node");
    std::fs::write(socket(&node), "in the way").unwrap();
    node.serve();
    assert!(node.log().contains("local.sock"), "{}", node.log());
    assert_eq!(std::fs::read(socket(&node)).unwrap(), b"in the way", "what is no socket stays");
    assert!(is_listed(&list(&node, None)), "with the token");
}

#[test]
fn a_killed_nodes_socket_is_replaced() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    node.kill();
    assert!(socket(&node).exists() && UnixStream::connect(socket(&node)).is_err());
    node.serve();
    assert_eq!(over_socket(&node, "GET", "/v1/peers", &[]), 200);
}

#[test]
fn a_folder_whose_path_is_too_long_for_a_socket_is_served_without_one() {
    let node = TestNode::new();
    let long = node.beside(&"long".repeat(25));
    std::fs::create_dir(&long).unwrap();
    let home = long.join("node");
    std::fs::rename(node.home(), &home).unwrap();
    std::os::unix::fs::symlink(&home, node.home()).unwrap();
    let mut node = node;
    let mut command = Command::new(path("ostrakon"));
    command.args(["serve", "--dir", home.to_str().unwrap(), "--public", "127.0.0.1:0", "--local", "127.0.0.1:0"]);
    node.serve_with(command);
    node.wait_for("the log", || node.log().contains("too long for the path of a UNIX socket"));
    assert!(!home.join("local.sock").exists());
    let list = ostrakon(&["peer", "list", "--dir", home.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&list.stdout).contains("node.example"), "{list:?}");
    assert_eq!(node.get("/v1/peers").status, 200);
}

/// A shell of the user `nobody`, or why there is none.
fn as_nobody(script: &str) -> Option<String> {
    let program = path("ostrakon");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c"]);
    command.arg(format!("exec 2>&1; {} --version >/dev/null || exit 99; {script}", program.display()));
    let output = command.env_remove("OSTRAKON_TOKEN").output().ok()?;
    if output.status.code() == Some(99) || String::from_utf8_lossy(&output.stderr).contains("setpriv:") {
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn another_user_of_the_machine_gets_nothing_but_the_open_routes() {
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    node.serve();
    node.check("m1", "a.example");
    // All folders above the node's are open, as `/var/lib` is.
    std::fs::set_permissions(node.beside(""), std::fs::Permissions::from_mode(0o755)).unwrap();
    let home = node.home_arg();
    let program = path("ostrakon").display().to_string();
    let Some(found) = as_nobody(&format!(
        "id -u; ls {home}; cat {home}/local.token {home}/node.key {home}/ostrakon.toml {home}/messages/*; \
         {program} vote peer:x.example -5 --category spam --dir {home}; \
         {program} peer list --node {}",
        node.local()
    )) else {
        return skip("another_user_of_the_machine: setpriv cannot become nobody here, or nobody cannot run the binary");
    };
    assert!(found.starts_with("65534"), "{found}");
    assert!(found.matches("Permission denied").count() >= 4, "{found}");
    for help in ["OSTRAKON_TOKEN", "--node", "belongs to user id 0"] {
        assert!(found.contains(help), "{help}: {found}");
    }
    assert!(found.contains("Authorization: Bearer"), "{found}");
    assert_eq!(node.tree_size(), 1);
    let token = node.authorization().replace("Bearer ", "");
    let listed = as_nobody(&format!("OSTRAKON_TOKEN={token} {program} peer list --node {}", node.local())).unwrap();
    assert!(listed.contains("node.example"), "{listed}");
}
