//! Times, memory and the other program.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use crate::graph::Graph;

/// Power iteration as anyone would write it with scipy: damping .85, until the ranks move by less than 10⁻⁶ in all.
/// Once per line that comes in; reading and building are not timed.
const PAGERANK: &str = "
import sys, time, numpy as np, scipy.sparse as sp
path, n, seeds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
e = np.fromfile(path, dtype=np.dtype([('u', '<u4'), ('v', '<u4'), ('x', '<f8')]))
out = np.bincount(e['u'], weights=e['x'], minlength=n)
A = sp.csr_matrix((e['x'] / out[e['u']], (e['v'], e['u'])), shape=(n, n))
p = np.zeros(n); p[:seeds] = 1 / seeds
dangling = np.where(out == 0)[0]
del e
for line in sys.stdin:
    t = time.perf_counter()
    x = p.copy()
    for i in range(1, 1001):
        y = .85 * (A @ x + x[dangling].sum() * p) + .15 * p
        moved = np.abs(y - x).sum()
        x = y
        if moved < 1e-6: break
    print(time.perf_counter() - t, i, flush=True)
";

/// Prints one line of the table.
pub(crate) fn row(what: &str, figure: f64) {
    println!("{what:<46}{figure:>14.3}");
}

/// The one in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Times of many short operations. Reading the clock is some 30 ns of each that is added.
#[derive(Default)]
pub(crate) struct Quantiles(Vec<f64>);

impl Quantiles {
    /// Adds the time since `start`, in which `count` operations were done.
    pub(crate) fn add(&mut self, start: Instant, count: usize) {
        self.0.push(start.elapsed().as_secs_f64() / count as f64);
    }

    pub(crate) fn print(&mut self, what: &str, unit: &str, per_second: f64) {
        self.0.sort_by(f64::total_cmp);
        let at = |share: f64| self.0[((self.0.len() - 1) as f64 * share) as usize] * per_second;
        row(&format!("{what}, median, {unit}"), at(0.5));
        row("   99 in 100 within", at(0.99));
        row("   slowest", at(1.0));
    }
}

/// Memory of this process in bytes, as Linux tells it; zeros elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) now: f64,
    pub(crate) highest: f64,
}

/// What this process takes.
pub(crate) fn memory() -> Memory {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0.0) * 1024.0
    };
    Memory { now: field("VmRSS:"), highest: field("VmHWM:") }
}

/// scipy at work on the graph's positive votes.
///
/// Peers are numbered in the order in which the votes name them, seeds first, as the engine numbers them.
pub(crate) struct Scipy {
    python: Child,
    answers: BufReader<ChildStdout>,
}

impl Scipy {
    /// Starts it; `path` is where the votes may be written.
    pub(crate) fn start(graph: &Graph, path: &Path) -> std::io::Result<Self> {
        let mut numbers = vec![u32::MAX; graph.peers() as usize];
        let mut next = 0;
        let mut number = |peer: u64| {
            let number = &mut numbers[peer as usize];
            if *number == u32::MAX {
                *number = next;
                next += 1;
            }
            *number
        };
        let seeds = graph.seeds().map(&mut number).count();
        let mut file = BufWriter::new(File::create(path)?);
        for i in 0..graph.votes {
            let (voter, about, value) = graph.vote(i);
            let (voter, about) = (number(voter), number(about));
            if value > 0 {
                file.write_all(&voter.to_le_bytes())?;
                file.write_all(&about.to_le_bytes())?;
                file.write_all(&f64::from(value).to_le_bytes())?;
            }
        }
        file.flush()?;
        let mut python = Command::new("python3")
            .args(["-c", PAGERANK])
            .arg(path)
            .args([next.to_string(), seeds.to_string()])
            .envs([("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let answers = BufReader::new(python.stdout.take().expect("its output is piped"));
        Ok(Self { python, answers })
    }

    /// Seconds and iterations of one personalised PageRank; `None` if there is no scipy.
    pub(crate) fn once(&mut self) -> Option<(f64, f64)> {
        let mut answer = String::new();
        writeln!(self.python.stdin.as_mut()?).ok()?;
        self.answers.read_line(&mut answer).ok()?;
        let (seconds, iterations) = answer.trim().split_once(' ')?;
        Some((seconds.parse().ok()?, iterations.parse().ok()?))
    }
}

impl Drop for Scipy {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.python.stdin.take());
        let _ = self.python.wait();
    }
}
