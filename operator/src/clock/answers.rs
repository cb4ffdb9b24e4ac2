//! The API server's clock, as the `Date` of each of its answers tells it.

use http::{HeaderMap, Response, header::DATE};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use kube::{Client, Config, client::ClientBuilder};
use tower::util::MapResponseLayer;

use super::hear;
use crate::metrics::Metrics;

/// Half a second: dates are cut to the second below, so that on average this is missing.
const HALF: jiff::SignedDuration = jiff::SignedDuration::from_millis(500);

/// A client by whose answers the operator knows the time.
pub async fn client(metrics: &Metrics) -> anyhow::Result<Client> {
    let ahead = metrics.clock_ahead();
    let heed = move |response: Response<_>| {
        if let Some(time) = date(response.headers()) {
            ahead.set(hear(time).as_secs());
        }
        response
    };
    let builder = ClientBuilder::try_from(Config::infer().await?)?;
    Ok(builder.with_layer(&MapResponseLayer::new(heed)).build())
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let time = DateTimeParser::new().parse_timestamp(text).ok()?;
    time.checked_add(HALF).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<Timestamp> {
        date(&[(DATE, text.parse().unwrap())].into_iter().collect())
    }

    #[test]
    fn an_answers_date_is_read_and_nonsense_is_no_time() {
        let time = "1994-11-06T08:49:37.5Z".parse().ok();
        assert_eq!(told("Sun, 06 Nov 1994 08:49:37 GMT"), time);
        for nonsense in ["", "now", "Sun, 06 Nov 1994 25:49:37 GMT", "784111777"] {
            assert_eq!(told(nonsense), None, "{nonsense}");
        }
        assert_eq!(date(&HeaderMap::new()), None);
    }
}
