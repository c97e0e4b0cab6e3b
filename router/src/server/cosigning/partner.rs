//! One witness: what it cosigned last, and how it has been doing.

use std::{sync::Arc, time::Duration};

use ostrakon_ledger::{AddCheckpoint, LedgerReader, note::NoteSignature, quorum::TrustedWitness};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

use super::{Line, Target};

/// How long a witness may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Pauses after failures: the first, and the longest; each is twice the one before.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Longest answer: a few signature lines, or a size.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// Characters of an answer that are logged.
const ANSWER_CHARS_MAX: usize = 200;
/// How often one checkpoint may start over: a witness answers 409 until it is told the size it wants.
const TRIES_MAX: usize = 3;

pub(super) struct Partner {
    witness: TrustedWitness,
    reader: LedgerReader,
    client: reqwest::Client,
    /// What it cosigned last, as far as is known; a 409 teaches what is not.
    size: u64,
}

impl Partner {
    pub(super) fn new(witness: TrustedWitness, reader: LedgerReader, client: reqwest::Client) -> Self {
        metrics::counter!("ostrakon_cosigning_failures_total", "witness" => witness.name.clone()).increment(0);
        Self { witness, reader, client, size: 0 }
    }

    /// Has each new target cosigned. After a failure it rests, then goes on with what is the target by then.
    pub(super) async fn run(mut self, mut aim: watch::Receiver<Option<Arc<Target>>>, told: mpsc::Sender<Line>) {
        let mut pause = PAUSE_FIRST;
        let mut done = None;
        loop {
            let target = aim.borrow_and_update().clone();
            match target.filter(|target| done != Some(target.tree_size)) {
                None => {
                    if aim.changed().await.is_err() {
                        return;
                    }
                }
                Some(target) => match self.cosignature(&target).await {
                    Ok(line) => {
                        (done, self.size, pause) = (Some(target.tree_size), target.tree_size, PAUSE_FIRST);
                        if told.send((target.tree_size, line)).await.is_err() {
                            return;
                        }
                    }
                    Err(reason) => {
                        let name = self.witness.name.clone();
                        tracing::warn!(witness = %name, reason, "no cosignature; trying again in {pause:?}");
                        metrics::counter!("ostrakon_cosigning_failures_total", "witness" => name).increment(1);
                        sleep(pause).await;
                        pause = (pause * 2).min(PAUSE_MAX);
                    }
                },
            }
        }
    }

    async fn cosignature(&mut self, target: &Target) -> Result<NoteSignature, String> {
        for _ in 0..TRIES_MAX {
            let proof = self.reader.consistency(self.size, target.tree_size).map_err(|error| error.to_string())?;
            let proof = proof.ok_or_else(|| format!("it has cosigned {} entries, more than there are", self.size))?;
            let request = AddCheckpoint { old_size: self.size, proof, note: target.note.clone() };
            let (status, answer) = self.post(request.to_body()).await?;
            match status {
                200 => return self.own_line(&answer, target),
                409 => self.size = answer.trim_end().parse().map_err(|_| "it answered 409 without a size")?,
                _ => {
                    let answer: String = answer.chars().take(ANSWER_CHARS_MAX).collect();
                    return Err(format!("it answered {status}: {answer}"));
                }
            }
        }
        Err("its size moves whenever it is told".into())
    }

    async fn post(&self, body: String) -> Result<(u16, String), String> {
        let prefix = self.witness.url.as_deref().unwrap_or_default().trim_end_matches('/');
        let request = self.client.post(format!("{prefix}/add-checkpoint")).timeout(TIMEOUT).body(body);
        let mut response = request.send().await.map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
            answer.extend_from_slice(&chunk);
            if answer.len() > ANSWER_BYTES_MAX {
                return Err("its answer is too long".into());
            }
        }
        Ok((response.status().as_u16(), String::from_utf8_lossy(&answer).into_owned()))
    }

    /// Of the lines of an answer, the one by the key that this witness is trusted for, checked.
    fn own_line(&self, answer: &str, target: &Target) -> Result<NoteSignature, String> {
        let key = std::slice::from_ref(&self.witness.key);
        let lines = answer.lines().filter_map(|line| line.parse::<NoteSignature>().ok());
        for line in lines {
            let note = target.note.clone().with_signature(line.clone());
            if note.signers(key).is_ok_and(|signers| !signers.is_empty()) {
                return Ok(line);
            }
        }
        Err("no line of its answer is its cosignature".into())
    }
}
