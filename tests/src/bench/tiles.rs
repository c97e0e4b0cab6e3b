//! Tile reads of a served node against a bare warp endpoint that returns the same bytes, in turn, with the same load.

use std::time::Instant;

use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes};
use ostrakon_tests::TestNode;
use tokio::runtime::Runtime;
use warp::Filter;

use super::{
    http::{connect, start_bare},
    middle,
};

const CONNECTIONS: usize = 64;
const REQUESTS: usize = 40_000;
const ROUNDS: usize = 5;

/// Serves one tile's bytes for every path below `tile/`, until killed.
pub(crate) fn bare() {
    Runtime::new().unwrap().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let tile = Bytes::from(vec![7u8; 8192]);
        let tiles = warp::path("tile")
            .and(warp::path::full())
            .and(warp::get())
            .map(move |_| warp::reply::with_header(tile.to_vec(), "content-type", "application/octet-stream"));
        warp::serve(tiles).incoming(listener).run().await;
    });
}

/// Tiles per second of the node and of the bare endpoint, the median round of each.
pub(crate) fn per_second(node: &mut TestNode, entries: u64) -> (f64, f64) {
    node.serve();
    let (mut child, bare) = start_bare("tile");
    let ours = node.public().trim_start_matches("http://").to_owned();
    let tiles = entries / 256;
    let runtime = Runtime::new().unwrap();
    let (mut read, mut returned) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let bare = runtime.block_on(load(&bare, tiles));
        let ours = runtime.block_on(load(&ours, tiles));
        // The first round warms up.
        if round > 0 {
            returned.push(bare);
            read.push(ours);
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    node.kill();
    (middle(read), middle(returned))
}

/// Full tiles of level 0, each connection its own, one after the other.
async fn load(address: &str, tiles: u64) -> f64 {
    let start = Instant::now();
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|connection| {
            let address = address.to_owned();
            tokio::spawn(async move {
                let mut sender = connect(&address).await;
                for request in 0..REQUESTS / CONNECTIONS {
                    let n = (connection * 7919 + request) as u64 % tiles;
                    let path = ostrakon_ledger::tile::TilePath::Hashes { level: 0, n, width: 256 };
                    let request = Request::get(format!("/{path}")).header("host", &address).body(Empty::<Bytes>::new());
                    let response = sender.send_request(request.unwrap()).await.unwrap();
                    assert!(response.status().is_success());
                    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 8192);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    REQUESTS as f64 / start.elapsed().as_secs_f64()
}
