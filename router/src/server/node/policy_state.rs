//! What is known of the policy file: whether it is in force as it stands, and if not, why.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use serde::Serialize;

/// Why the policy file as it stands is not in force; none while it is. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct PolicyState(Arc<ArcSwapOption<String>>);

/// The policy, for `/v1/about` and `/readyz`.
#[derive(Debug, Serialize)]
pub struct PolicyView {
    /// Digest of the policy in force, in hexadecimal.
    pub digest: String,
    /// Whether that is what stands in the file.
    pub loaded: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl PolicyState {
    /// What stands in the file is in force.
    pub(super) fn load(&self) {
        self.0.store(None);
        metrics::gauge!("ostrakon_policy_loaded").set(1);
    }

    /// What stands in the file is not in force, because of `error`.
    pub(super) fn refuse(&self, error: String) {
        self.0.store(Some(Arc::new(error)));
        metrics::gauge!("ostrakon_policy_loaded").set(0);
    }

    /// With the digest of the policy in force.
    pub(super) fn view(&self, digest: String) -> PolicyView {
        let error = self.0.load_full().map(|error| error.to_string());
        PolicyView { digest, loaded: error.is_none(), error }
    }
}

/// The policy with `digest` takes the place of the one with the digest `before`, if there was one.
pub(super) fn measure(digest: &str, before: Option<&str>) {
    if let Some(before) = before.filter(|before| *before != digest) {
        metrics::gauge!("ostrakon_policy_info", "digest" => before.to_owned()).set(0);
    }
    metrics::gauge!("ostrakon_policy_info", "digest" => digest.to_owned()).set(1);
}
