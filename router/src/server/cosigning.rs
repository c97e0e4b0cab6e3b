//! Asks the configured witnesses to cosign what is published, and keeps the latest checkpoint that enough of them did.
//!
//! One checkpoint is pursued at a time, so that the witnesses' cosignatures come together under it; the next one is taken when
//! the quorum is met, or when it was not for a while. Each witness has a task of its own: a slow one holds up nobody.

mod partner;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use ostrakon_ledger::{
    LedgerReader, Quorum,
    note::{Note, NoteSignature},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};

use self::partner::Partner;
use crate::server::shutdown::stopped;

/// How often a new checkpoint is looked for: witnesses are asked at most this often, however many batches are published.
const PERIOD: Duration = Duration::from_millis(200);
/// How long a checkpoint is pursued that does not get its quorum while newer ones wait.
const PATIENCE: Duration = Duration::from_secs(10);
/// Cosignatures on their way.
const LINES_MAX: usize = 64;

/// A checkpoint that the witnesses are asked about.
struct WitnessTarget {
    tree_size: u64,
    /// As the log signed it.
    note: Note,
}

/// A cosignature, checked, with the size that it is about.
type Line = (u64, NoteSignature);

/// The latest checkpoint that the quorum cosigned, with its size.
pub struct Cosigned {
    /// Whether a checkpoint needs cosignatures to be shown.
    required: bool,
    latest: ArcSwapOption<(u64, Note)>,
}

impl Cosigned {
    /// Nothing yet, of what this quorum asks for.
    pub fn new(quorum: &Quorum) -> Self {
        Self { required: quorum.is_required(), latest: ArcSwapOption::empty() }
    }

    /// The note to show while `published_size` entries are published; `None`: the published one. Without a quorum a newer
    /// checkpoint does not wait for its cosignatures.
    pub fn current(&self, published_size: u64) -> Option<Note> {
        let latest = self.latest.load_full()?;
        (self.required || latest.0 == published_size).then(|| latest.1.clone())
    }
}

/// Asks witnesses until it is stopped.
pub struct Cosigning {
    quorum: Quorum,
    reader: LedgerReader,
    client: reqwest::Client,
    cosigned: Arc<Cosigned>,
}

/// What has come in for the checkpoint that is pursued.
struct Pursued {
    target: Arc<WitnessTarget>,
    /// With the cosignatures so far.
    note: Note,
    since: Instant,
    met: bool,
}

impl Cosigning {
    /// For the ledger of `reader`, with those witnesses of `quorum` that have an address.
    pub fn new(quorum: Quorum, reader: LedgerReader, client: reqwest::Client, cosigned: Arc<Cosigned>) -> Self {
        Self { quorum, reader, client, cosigned }
    }

    /// Until `shutdown` turns true.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let (aim, aimed) = watch::channel::<Option<Arc<WitnessTarget>>>(None);
        let (told, mut lines) = mpsc::channel::<Line>(LINES_MAX);
        let mut partners = JoinSet::new();
        for witness in self.quorum.witnesses().iter().filter(|witness| witness.url.is_some()) {
            let partner = Partner::new(witness.clone(), self.reader.clone(), self.client.clone());
            partners.spawn(partner.run(aimed.clone(), told.clone()));
        }
        let mut pursued = None;
        loop {
            tokio::select! {
                Some((tree_size, line)) = lines.recv() => self.take(&mut pursued, tree_size, line),
                () = sleep(PERIOD) => {
                    if let Some(next) = self.next(pursued.as_ref()) {
                        aim.send_replace(Some(next.target.clone()));
                        pursued = Some(next);
                    }
                }
                () = stopped(&mut shutdown) => return,
            }
        }
    }

    /// The published checkpoint, if it is newer than the one that is pursued and that one has had its time.
    fn next(&self, pursued: Option<&Pursued>) -> Option<Pursued> {
        let published = self.reader.published();
        let due = pursued.is_none_or(|pursued| {
            pursued.target.tree_size != published.tree_size && (pursued.met || pursued.since.elapsed() > PATIENCE)
        });
        if !due {
            return None;
        }
        let note = Note::parse(&published.checkpoint).ok()?;
        let target = Arc::new(WitnessTarget { tree_size: published.tree_size, note: note.clone() });
        Some(Pursued { target, note, since: Instant::now(), met: false })
    }

    /// Adds a cosignature, and publishes the note once it has enough, and again with each further one.
    fn take(&self, pursued: &mut Option<Pursued>, tree_size: u64, line: NoteSignature) {
        let Some(pursued) = pursued.as_mut().filter(|pursued| pursued.target.tree_size == tree_size) else { return };
        pursued.note = pursued.note.clone().with_signature(line);
        if self.quorum.check(&pursued.note).is_ok() {
            pursued.met = true;
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; 2^53 entries are out of reach")]
            metrics::gauge!("ostrakon_cosigned_entries").set(tree_size as f64);
            self.cosigned.latest.store(Some(Arc::new((tree_size, pursued.note.clone()))));
        }
    }
}
