//! The two listeners: what peers may ask, what operators and adapters may ask.

pub mod access;
mod answering;
mod body;
mod caller;
pub mod connections;
pub mod listener;
pub mod local;
pub mod problem;
pub mod public;
mod segment;
pub mod serve;
pub mod socket;
pub mod starting;
mod watched;

use std::sync::Arc;

use warp::{Filter, reply::Response};

use crate::{error::Error, server::node::Node};

/// Turns what a handler came to into a response.
async fn answer(handled: impl Future<Output = Result<Response, Error>>) -> Response {
    handled.await.unwrap_or_else(|error| problem::problem(&error))
}

/// Gives handlers the node.
fn with(node: &Arc<Node>) -> impl Filter<Extract = (Arc<Node>,), Error = std::convert::Infallible> + Clone + use<> {
    let node = node.clone();
    warp::any().map(move || node.clone())
}
