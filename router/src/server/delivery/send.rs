//! One POST to a webhook, and what its answer means.

use std::time::Duration;

use reqwest::{Response, StatusCode, header::RETRY_AFTER};

use super::{Delivery, attempt::Sent};
use crate::{
    config::Route,
    error::{Error, with_causes},
    flow::{
        decision::DecisionId,
        journal::tables::{MESSAGES, QueueRow},
    },
};

impl Delivery {
    /// One POST of the message as it arrived; any 2xx is a delivery.
    ///
    /// # Errors
    /// The store's, when the message cannot be read: nothing was sent then.
    pub(super) async fn send(&self, id: DecisionId, route: &Route, row: &QueueRow) -> Result<Sent, Error> {
        let Some(bytes) = self.store.get(MESSAGES, id.as_bytes())? else {
            return Ok(Sent::Void("the message is not in the store".into()));
        };
        let request = self
            .client
            .post(route.webhook.as_str())
            .timeout(route.timeout.as_std())
            .header("content-type", "application/json")
            .header("ostrakon-decision-id", id.to_string())
            .header("ostrakon-attempt", row.attempts + 1)
            .body(bytes);
        Ok(match request.send().await {
            Ok(response) if response.status().is_success() => Sent::Taken,
            Ok(response) => {
                let retry_after = retry_after(&response);
                Sent::Failed { reason: format!("the route answered {}", response.status()), retry_after }
            }
            Err(error) => Sent::Failed { reason: with_causes(&error), retry_after: None },
        })
    }
}

/// The pause that a busy route asks for, in seconds as RFC 9110, §10.2.3 has them. A date there is passed over: it would be
/// kept by two clocks.
fn retry_after(response: &Response) -> Option<Duration> {
    if !matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_route_asks_for_a_pause_in_seconds() {
        let cases = [
            (429, "120", Some(120)),
            (503, " 0 ", Some(0)),
            (503, "18446744073709551615", Some(u64::MAX)),
            (500, "120", None),
            (404, "120", None),
            (503, "Fri, 27 Nov 2026 23:59:59 GMT", None),
            (503, "-1", None),
            (503, "1.5", None),
            (503, "", None),
        ];
        for (status, value, seconds) in cases {
            let response =
                warp::http::Response::builder().status(status).header("retry-after", value).body("").unwrap();
            let asked = retry_after(&response.into());
            assert_eq!(asked, seconds.map(Duration::from_secs), "{status} {value:?}");
        }
    }
}
