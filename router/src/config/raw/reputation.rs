//! `[reputation]`: whose view the scores are, and whose else they are shown from.

use std::collections::BTreeMap;
use std::str::FromStr;

use ostrakon_ledger::PeerName;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::super::ReputationSection;
use super::{DAY_MS, Fault, HOUR_MS, count, within};
use crate::units::Span;

/// Longest name of a viewpoint: a domain fits.
const VIEWPOINT_LEN_MAX: usize = 253;
/// Most viewpoints beside the node's own: each takes 48 bytes per peer, and its part of every epoch.
const VIEWPOINTS_MAX: usize = 8;

type Seeds = BTreeMap<PeerName, SeedWeight>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct RawReputation {
    half_life: Option<HalfLife>,
    viewpoint: Option<ViewpointName>,
    seeds: Option<Seeds>,
    viewpoints: BTreeMap<ViewpointName, Seeds>,
}

impl ReputationSection {
    /// The defaults of a node with this domain.
    pub(in crate::config) fn of(domain: &PeerName) -> Self {
        Self {
            half_life: Some(Span::from_ms(90 * DAY_MS)),
            viewpoint: domain.to_string(),
            seeds: BTreeMap::from([(domain.clone(), 1_000)]),
            viewpoints: BTreeMap::new(),
        }
    }

    pub(in crate::config) fn from_raw(raw: RawReputation, domain: &PeerName) -> Result<Self, Fault> {
        let defaults = Self::of(domain);
        let viewpoint = raw.viewpoint.map_or(defaults.viewpoint, |name| name.0);
        let fault = |message| Err(Fault { key: "viewpoints", message });
        if raw.viewpoints.len() > VIEWPOINTS_MAX {
            return fault(format!("names {}, at most {VIEWPOINTS_MAX} are possible", raw.viewpoints.len()));
        }
        if raw.viewpoints.keys().any(|name| name.0 == viewpoint) {
            return fault(format!("`{viewpoint}` is the name of this node's own viewpoint"));
        }
        if let Some((name, _)) = raw.viewpoints.iter().find(|(_, seeds)| seeds.is_empty()) {
            return fault(format!("`{}` trusts nobody: it needs a seed", name.0));
        }
        let weights = |seeds: Seeds| seeds.into_iter().map(|(peer, weight)| (peer, weight.0)).collect();
        Ok(Self {
            half_life: raw.half_life.map_or(defaults.half_life, |half_life| half_life.0),
            viewpoint,
            seeds: raw.seeds.map_or(defaults.seeds, weights),
            viewpoints: raw.viewpoints.into_iter().map(|(name, seeds)| (name.0, weights(seeds))).collect(),
        })
    }
}

/// `"none"` or a span of 1 hour to 3650 days.
#[derive(Debug)]
struct HalfLife(Option<Span>);

impl<'de> Deserialize<'de> for HalfLife {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "none" => Ok(Self(None)),
            text => {
                let span = Span::from_str(text).map_err(|fault| D::Error::custom(format!("{fault}; or \"none\"")))?;
                within(span, span.ms(), Span::from_ms, HOUR_MS, 3_650 * DAY_MS).map(|span| Self(Some(span)))
            }
        }
    }
}

/// A weight in thousandths, 1 to 1000.
#[derive(Debug)]
struct SeedWeight(u16);

impl<'de> Deserialize<'de> for SeedWeight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let weight = count::<D, 1, 1_000>(deserializer)?;
        u16::try_from(weight).map(Self).map_err(D::Error::custom)
    }
}

/// The name of a viewpoint.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ViewpointName(String);

impl<'de> Deserialize<'de> for ViewpointName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() || text.len() > VIEWPOINT_LEN_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(D::Error::custom(format!("must be 1 to {VIEWPOINT_LEN_MAX} visible ASCII characters")));
        }
        Ok(Self(text))
    }
}
