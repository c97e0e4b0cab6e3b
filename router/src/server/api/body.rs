//! Bodies of requests, with a length or in chunks. A body costs its length: what arrives is copied into one buffer that grows
//! with it, within the bound of the endpoint and what its connection may hold ([`Link`]). It has to make progress.

use std::{
    ops::Deref,
    sync::Arc,
    time::{Duration, Instant},
};

use http_body_util::BodyExt;
use tokio::time::timeout;
use warp::{
    Filter, Rejection,
    hyper::body::{Body as _, Incoming},
};

use super::{
    caller::{Caller, caller},
    connections::{Held, Link, Phase, transfer_ms},
    problem::Refused,
};
use crate::error::Error;

/// Bytes of a body that belong to what a connection costs anyway; only what is above is counted against the listener.
const FREE_BYTES: usize = 4 << 10;

/// A body on its way.
pub(super) struct Arriving {
    link: Arc<Link>,
    incoming: Incoming,
    bytes: Vec<u8>,
    bytes_max: usize,
    start: Instant,
    held: Vec<Held>,
    has_ended: bool,
}

/// A body that is all there. What is held for it is given back when it is dropped.
pub(super) struct Whole {
    bytes: Vec<u8>,
    held: Vec<Held>,
}

impl Deref for Whole {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Whole {
    /// The bytes, and what has to be kept for as long as they are.
    pub(super) fn into_parts(self) -> (Vec<u8>, impl Send + 'static) {
        (self.bytes, self.held)
    }
}

/// A body of at most `bytes_max`, for a handler that reads it.
pub(super) fn arriving(bytes_max: u64) -> impl Filter<Extract = (Arriving,), Error = Rejection> + Copy {
    caller().and_then(move |caller: Arc<Caller>| std::future::ready(Arriving::new(&caller, bytes_max).map_err(reject)))
}

/// A body of at most `bytes_max`, once it is there.
pub(super) fn whole(bytes_max: u64) -> impl Filter<Extract = (Whole,), Error = Rejection> + Copy {
    caller().and_then(move |caller: Arc<Caller>| async move {
        Arriving::new(&caller, bytes_max).map_err(reject)?.finish().await.map_err(reject)
    })
}

fn reject(error: Error) -> Rejection {
    warp::reject::custom(Refused(error))
}

impl Arriving {
    fn new(caller: &Caller, bytes_max: u64) -> Result<Self, Error> {
        let incoming = caller.take_body().ok_or_else(|| Error::BadRequest("the body was read before".into()))?;
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let mut body = Self {
            link: caller.link().clone(),
            incoming,
            bytes: Vec::new(),
            bytes_max,
            start: Instant::now(),
            held: Vec::new(),
            has_ended: false,
        };
        if let Some(promised) = body.promised() {
            if promised > bytes_max {
                return Err(Error::BodyTooLarge { bytes_max });
            }
            body.bytes.reserve_exact(promised.min(FREE_BYTES));
        }
        body.has_ended = body.incoming.is_end_stream();
        Ok(body)
    }

    /// What the client says its length is, less what has come.
    fn promised(&self) -> Option<usize> {
        self.incoming.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// What has come of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads on until `bytes` of it are there, or all of it. Says whether there may be more.
    ///
    /// # Errors
    /// [`Error::BodyTooLarge`], [`Error::BodyTooSlow`], [`Error::BodyCut`], [`Error::Busy`]
    pub(super) async fn fill(&mut self, bytes: usize) -> Result<bool, Error> {
        if self.has_ended {
            return Ok(false);
        }
        self.link.enter(Phase::Body);
        while !self.has_ended && self.bytes.len() < bytes {
            let allowed = Duration::from_millis(transfer_ms(self.bytes.len() as u64));
            let left = allowed.saturating_sub(self.start.elapsed());
            let frame = timeout(left, self.incoming.frame()).await.map_err(|_| Error::BodyTooSlow)?;
            match frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.reserve(data.len()).await?;
                        self.bytes.extend_from_slice(data);
                    }
                    self.has_ended = self.incoming.is_end_stream();
                }
                Some(Err(_)) => return Err(Error::BodyCut),
                None => self.has_ended = true,
            }
        }
        self.link.enter(Phase::Work);
        Ok(!self.has_ended)
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// As [`Arriving::fill`].
    pub(super) async fn finish(mut self) -> Result<Whole, Error> {
        self.fill(usize::MAX).await?;
        Ok(Whole { bytes: std::mem::take(&mut self.bytes), held: std::mem::take(&mut self.held) })
    }

    /// Makes room for `more` bytes: twice what there was, so that nothing is copied often.
    async fn reserve(&mut self, more: usize) -> Result<(), Error> {
        let wanted = self.bytes.len() + more;
        if wanted > self.bytes_max {
            return Err(Error::BodyTooLarge { bytes_max: self.bytes_max });
        }
        let capacity = self.bytes.capacity();
        if wanted <= capacity {
            return Ok(());
        }
        let all = self.promised().map_or(self.bytes_max, |rest| wanted.saturating_add(rest));
        let next = (capacity * 2).clamp(wanted, all.max(wanted));
        let uncounted = capacity.max(FREE_BYTES);
        if next > uncounted {
            let held = self.link.bodies().take(&self.link, next - uncounted).await;
            self.held.push(held.ok_or(Error::Busy)?);
        }
        self.bytes.reserve_exact(next - self.bytes.len());
        Ok(())
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if !self.has_ended {
            self.link.refuse_body();
        }
    }
}
