//! A node in a directory of its own, served by the built binary on ports that the system chooses.

mod asking;

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use self::asking::answer;
pub use self::asking::*;
use crate::binary::{ostrakon_ok, path};

/// How long anything that a test waits for may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A policy that objects to nothing, so that a test sees only what it asks for.
pub const OPEN_POLICY: &str = "accept_everything = true\n";

/// A node's directory, and the process that serves it, if one does.
pub struct TestNode {
    dir: TempDir,
    served: Option<Served>,
}

struct Served {
    child: Child,
    public: String,
    local: String,
    log: Arc<Mutex<String>>,
}

impl TestNode {
    /// A new node `node.example`, not served yet.
    pub fn new() -> Self {
        Self::named("node.example")
    }

    /// A new node with this domain, not served yet.
    pub fn named(domain: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let home = dir.path().join("node");
        ostrakon_ok(&["init", "--dir", home.to_str().unwrap(), "--domain", domain]);
        Self { dir, served: None }
    }

    /// A new node with `policy` and more lines in its configuration, served.
    pub fn serving(policy: &str, configuration: &str) -> Self {
        let mut node = Self::new();
        node.write("policy.toml", policy);
        node.configure(configuration);
        node.serve();
        node
    }

    /// The node's directory.
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("node")
    }

    /// The node's directory as an argument.
    pub fn home_arg(&self) -> String {
        self.home().to_str().unwrap().to_owned()
    }

    /// A path beside the node's directory.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file of the node's directory.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.home().join(name), text).unwrap();
    }

    /// Appends to the configuration.
    pub fn configure(&self, lines: &str) {
        let path = self.home().join("ostrakon.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{text}\n{lines}\n")).unwrap();
    }

    /// Replaces a line of the configuration.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let path = self.home().join("ostrakon.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in the configuration");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// The command that serves the node.
    pub fn serve_command(&self) -> Command {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        self.serve_command_at(any, any)
    }

    /// The command that serves the node at these addresses.
    pub fn serve_command_at(&self, public: SocketAddr, local: SocketAddr) -> Command {
        let mut command = Command::new(path("ostrakon"));
        command.args(["serve", "--dir", &self.home_arg()]);
        command.args(["--public", &public.to_string(), "--local", &local.to_string()]);
        command
    }

    /// Serves the node and waits until it is ready.
    pub fn serve(&mut self) {
        let command = self.serve_command();
        self.serve_with(command);
    }

    /// Serves the node with `command` and waits until it says that it is ready.
    pub fn serve_with(&mut self, command: Command) {
        self.start(command);
        wait_for("the book to catch up", || self.is_ready());
    }

    /// Serves the node with `command` and waits until it listens.
    pub fn start(&mut self, mut command: Command) {
        assert!(self.served.is_none(), "the node is served already");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (mut stderr, sink) = (BufReader::new(child.stderr.take().unwrap()), log.clone());
        std::thread::spawn(move || {
            let mut line = String::new();
            while matches!(stderr.read_line(&mut line), Ok(1..)) {
                sink.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        stdout.read_line(&mut ready).unwrap();
        let addresses: Vec<_> = ready.split_whitespace().collect();
        let ["ready", public, local] = addresses[..] else {
            let mut rest = String::new();
            let _ = stdout.read_to_string(&mut rest);
            panic!("not ready: {ready:?} {rest:?} {}", log.lock().unwrap());
        };
        let url = |word: &str| format!("http://{}", word.split_once('=').unwrap().1);
        self.served = Some(Served { child, public: url(public), local: url(local), log });
    }

    /// Whether its scores are those of all that its ledger holds.
    pub fn is_ready(&self) -> bool {
        matches!(self.get("/readyz").status, 200 | 401)
    }

    /// Resident memory of its process, bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.served().child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Processor time that its process has used, all threads, user and system.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.served().child.id())).unwrap();
        // The second field is a name in parentheses; utime and stime are the fourteenth and fifteenth, in hundredths.
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = [11, 12].iter().map(|at| fields[*at].parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// Bytes that its process has read through system calls, from files and connections.
    pub fn read_bytes(&self) -> u64 {
        let io = std::fs::read_to_string(format!("/proc/{}/io", self.served().child.id())).unwrap();
        io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
    }

    /// What the node has logged so far.
    pub fn log(&self) -> String {
        self.served().log.lock().unwrap().clone()
    }

    /// The process that serves it.
    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.served().child)
    }

    /// A counter or gauge of `/metrics`, with its labels as they stand there; 0 before it first moves.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").body.as_str().unwrap_or_default().to_owned();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_default()
    }

    /// The URL of the public listener.
    pub fn public(&self) -> &str {
        &self.served().public
    }

    /// The URL of the local listener.
    pub fn local(&self) -> &str {
        &self.served().local
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut served = self.served.take().unwrap();
        served.child.kill().unwrap();
        served.child.wait().unwrap();
    }

    /// Sends the process a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.served().child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// The exit status of a process that was told to end.
    pub fn wait(&mut self) -> ExitStatus {
        self.served.take().unwrap().child.wait().unwrap()
    }

    /// SIGTERM, and the exit status it leads to.
    pub fn terminate(&mut self) -> ExitStatus {
        let mut served = self.served.take().unwrap();
        let pid = rustix::process::Pid::from_child(&served.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        served.child.wait().unwrap()
    }

    /// The operator's token, for commands that are given an address instead of the directory.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.home().join("local.token")).unwrap().trim().to_owned()
    }

    /// What requests to the local listener carry to prove that they are the operator's.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.token())
    }

    /// GET on the local listener, as the operator.
    pub fn get(&self, path: &str) -> Answer {
        let request = agent().get(format!("{}{path}", self.local())).header("authorization", self.authorization());
        answer(request.call())
    }

    /// The bytes that a GET on the local listener brings, as the operator.
    pub fn get_bytes(&self, path: &str) -> Vec<u8> {
        let (status, bytes) = get_signed(&format!("{}{path}", self.local()), &self.authorization());
        assert_eq!(status, 200, "{path}");
        bytes
    }

    /// POST on the local listener, as the operator.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_at(self.local(), path, body)
    }

    /// POST on a local listener of this node, as the operator.
    pub fn post_at(&self, local: &str, path: &str, body: &Value) -> Answer {
        let request = agent().post(format!("{local}{path}")).header("authorization", self.authorization());
        answer(request.content_type("application/json").send(body.to_string()))
    }

    /// GET on the public listener.
    pub fn public_get(&self, path: &str) -> Answer {
        get(&format!("{}{path}", self.public()))
    }

    /// POST on the public listener.
    pub fn public_post(&self, path: &str, body: &[u8]) -> Answer {
        post(&format!("{}{path}", self.public()), body)
    }

    /// Entries under the checkpoint that it shows.
    pub fn tree_size(&self) -> u64 {
        let note = self.public_get("/checkpoint").body;
        note.as_str().unwrap().lines().nth(1).unwrap().parse().unwrap()
    }

    /// Asks for the verdict on a small mail from `peer`, which has proven that it is that server.
    pub fn check(&self, id: &str, peer: &str) -> Value {
        let sender = format!("someone@{peer}");
        let answer = self.post(
            "/v1/check",
            &json!({ "id": id, "peer": peer, "peer_proof": "dns", "sender": sender, "recipients": ["user@node.example"],
                     "kind": "mail", "size": 1000 }),
        );
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Runs `ostrakon` with `args` and this node's directory.
    pub fn run(&self, args: &[&str]) -> String {
        ostrakon_ok(&[args, &["--dir", &self.home_arg()]].concat())
    }

    /// `ostrakon ledger verify`, which must find nothing; returns the number of entries.
    pub fn verify(&self) -> u64 {
        let report = self.run(&["ledger", "verify"]);
        let size = report.lines().find_map(|line| line.strip_prefix("tree size")).unwrap();
        size.trim().parse().unwrap()
    }

    /// Asks again and again until `done`; panics when it takes too long.
    pub fn wait_for(&self, what: &str, done: impl FnMut() -> bool) {
        wait_for(what, done);
    }

    fn served(&self) -> &Served {
        self.served.as_ref().expect("the node is not served")
    }
}

impl Default for TestNode {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        if let Some(served) = &mut self.served {
            let _ = served.child.kill();
            let _ = served.child.wait();
        }
    }
}

/// Asks again and again until `done`; panics when it takes too long.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// The lines of a file of whitespace-separated words.
pub fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}
