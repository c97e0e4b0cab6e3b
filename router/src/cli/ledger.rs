//! `ledger verify`.

use std::{process::ExitCode, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use ostrakon_ledger::verify;

use crate::{error::Error, home::Home};

/// What `--help` documents for damage.
const DAMAGED: u8 = 4;

pub(super) fn verify(home: &Home) -> Result<ExitCode, Error> {
    let config = home.config(std::env::vars_os())?;
    let key = home.secrets()?.key;
    let (signed, store) = home.inspect_ledger()?;
    let bar = progress("entries verified");
    let outcome =
        verify::run(&store, &signed, &config.node.domain, &config.node.network, &key.public(), &mut |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        });
    bar.finish_and_clear();
    match outcome {
        Ok(report) => {
            println!("tree size   {}", report.tree_size);
            println!("root        {}", hex::encode(report.root));
            println!("chain head  {}", report.chain_head);
            println!("chain, tree, tiles, signatures and the signed state agree");
            Ok(ExitCode::SUCCESS)
        }
        Err(damage) => {
            eprintln!("error: {damage}");
            Ok(ExitCode::from(DAMAGED))
        }
    }
}

/// A bar that shows rate and time left, on a terminal only.
pub(super) fn progress(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {msg} [{bar:30}] {per_sec}, {eta} left") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
