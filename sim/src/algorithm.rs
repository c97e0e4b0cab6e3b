//! The algorithms that can be compared: the production engine and the baselines, in one list.

use clap::ValueEnum;
use serde::Serialize;

use crate::baselines;
use crate::production::Engine;
use crate::question::Question;

/// An algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// The production engine.
    Ostrakon,
    /// Mean of the votes.
    Mean,
    /// Beta reputation (Jøsang and Ismail 2002).
    Beta,
    /// Votes weighted by the voters' agreement with the seeds, as in pygossip.
    Agreement,
    /// EigenTrust with the seeds as pre-trusted peers (Kamvar, Schlosser and Garcia-Molina 2003).
    Eigentrust,
    /// PageRank over positive votes, personalised to the seeds (Page, Brin, Motwani and Winograd 1999).
    Pagerank,
    /// Fairness and Goodness (Kumar, Spezzano, Subrahmanian and Faloutsos 2016).
    FairnessGoodness,
}

impl Algorithm {
    /// All of them, the engine first.
    pub const ALL: [Self; 7] = [
        Self::Ostrakon,
        Self::Mean,
        Self::Beta,
        Self::Agreement,
        Self::Eigentrust,
        Self::Pagerank,
        Self::FairnessGoodness,
    ];

    /// The word on the command line and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ostrakon => "ostrakon",
            Self::Mean => "mean",
            Self::Beta => "beta",
            Self::Agreement => "agreement",
            Self::Eigentrust => "eigentrust",
            Self::Pagerank => "pagerank",
            Self::FairnessGoodness => "fairness-goodness",
        }
    }

    /// Whether the sign of its scores means good or bad. The scores of walks only mean more or less.
    pub fn is_signed(self) -> bool {
        !matches!(self, Self::Eigentrust | Self::Pagerank)
    }

    /// The score of every number. Higher is more trustworthy; 0 if nothing is known.
    pub fn scores(self, question: &Question) -> Vec<f64> {
        match self {
            Self::Ostrakon => Engine::fold(question, None).scores(),
            Self::Mean => baselines::mean::scores(question),
            Self::Beta => baselines::beta::scores(question),
            Self::Agreement => baselines::agreement::scores(question),
            Self::Eigentrust => baselines::eigentrust::scores(question),
            Self::Pagerank => baselines::pagerank::scores(question),
            Self::FairnessGoodness => baselines::fairness_goodness::scores(question),
        }
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
