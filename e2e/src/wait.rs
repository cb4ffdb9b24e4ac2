//! Waiting for a condition, with a ceiling and the reason why it does not hold yet.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// How long to rest between two looks.
const REST: Duration = Duration::from_millis(250);

/// Looks again and again until `probe` returns a value. Its error says what is not yet so, and becomes the reason when
/// the ceiling is reached.
pub async fn until<T, P>(what: &str, ceiling: Duration, probe: P) -> Result<T>
where
    P: AsyncFn() -> Result<T>,
{
    let started = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return Ok(value),
            Err(reason) if started.elapsed() >= ceiling => {
                return Err(anyhow!(
                    "gave up after {} s waiting for {what}: {reason:#}",
                    ceiling.as_secs()
                ));
            }
            Err(_) => tokio::time::sleep(REST).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn the_last_reason_is_told_when_the_ceiling_is_reached() {
        let error = until("tea", Duration::ZERO, async || -> Result<()> {
            Err(anyhow!("the kettle is cold"))
        })
        .await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "gave up after 0 s waiting for tea: the kettle is cold"
        );
    }

    #[tokio::test]
    async fn what_does_not_hold_yet_is_looked_at_again() {
        let looks = Cell::new(0);
        let probe = async || {
            looks.set(looks.get() + 1);
            anyhow::ensure!(looks.get() == 2, "not yet");
            Ok(looks.get())
        };
        assert_eq!(until("two", Duration::from_secs(5), probe).await.unwrap(), 2);
    }
}
