//! `POST /witness/add-checkpoint` of a served node: many logs that grow, each proven and cosigned step by step.

use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use ostrakon_ledger::{
    AddCheckpoint, SecretKey,
    checkpoint::Checkpoint,
    merkle::{CompactRange, Hash, Subtree, leaf_hash, node_hash, prove_consistency},
    note::{Note, NoteKey},
};
use ostrakon_tests::TestNode;
use rayon::prelude::*;
use tokio::{net::TcpStream, runtime::Runtime};

/// Logs, each on a connection of its own that waits for its answers.
const LOGS: u8 = 128;
/// Checkpoints of each log.
const STEPS: u64 = 100;

/// Checkpoints cosigned per second, each synced before its answer.
pub(crate) fn cosigned_per_second() -> f64 {
    let mut node = TestNode::new();
    let logs: Vec<u8> = (0..LOGS).collect();
    let lines: String = logs.iter().map(|log| format!("log {}\n", vkey(*log))).collect();
    node.write("witness-logs", &lines);
    node.serve();
    let requests: Vec<Vec<String>> = logs.par_iter().map(|log| history(*log)).collect();
    let address = node.public().trim_start_matches("http://").to_owned();
    Runtime::new().unwrap().block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = requests.into_iter().map(|history| tokio::spawn(send(address.clone(), history))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        f64::from(LOGS) * STEPS as f64 / start.elapsed().as_secs_f64()
    })
}

fn key(log: u8) -> SecretKey {
    SecretKey::from_seed([log; 32])
}

fn origin(log: u8) -> String {
    format!("l{log}.example/log")
}

fn vkey(log: u8) -> NoteKey {
    NoteKey::new(&origin(log), key(log).public()).unwrap()
}

/// The requests of a log that grows by seven entries at a time.
fn history(log: u8) -> Vec<String> {
    let (mut leaves, mut range): (Vec<Hash>, _) = (Vec::new(), CompactRange::new());
    let step = |_| {
        let old_size = leaves.len() as u64;
        for n in old_size..old_size + 7 {
            leaves.push(leaf_hash(format!("{log} {n}").as_bytes()));
            range.push(leaves[leaves.len() - 1], |_, _| {});
        }
        let tree_size = leaves.len() as u64;
        let proof = prove_consistency(old_size, tree_size, |node| Ok::<_, ()>(subtree(&leaves, node))).unwrap();
        let text = Checkpoint { origin: origin(log), tree_size, root: range.root() }.to_string();
        let note = Note::sign(&text, &origin(log), &key(log)).unwrap();
        AddCheckpoint { old_size, proof, note }.to_body()
    };
    (0..STEPS).map(step).collect()
}

fn subtree(leaves: &[Hash], node: Subtree) -> Hash {
    let first = (node.n << node.height) as usize;
    let mut row = leaves[first..first + (1 << node.height)].to_vec();
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row[0]
}

async fn send(address: String, history: Vec<String>) {
    let stream = TcpStream::connect(&address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for body in history {
        let request = Request::post("/witness/add-checkpoint").header("host", &address);
        let response = sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        response.into_body().collect().await.unwrap();
    }
}
