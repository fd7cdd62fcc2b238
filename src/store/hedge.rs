//! Reads that are sent a second time, on another connection, when they are late. They change nothing, so
//! that it does not matter who answers: a connection that stands still costs nobody anything.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, select};
use tokio::time::timeout;

use super::health::Health;
use crate::error::Result;

/// How long the slower one of two reads may go on. One that is given up takes its connection with it,
/// which is as it should be where that stands still, and a waste where the server is only slow.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the first of two reads answers that succeeds.
pub async fn either<T: Send + 'static>(
    first: BoxFuture<'static, Result<T>>,
    second: BoxFuture<'static, Result<T>>,
    health: Arc<Health>,
) -> Result<T> {
    match select(first, second).await {
        Either::Left((Ok(answer), other)) | Either::Right((Ok(answer), other)) => {
            tokio::spawn(async move {
                tokio::select! {
                    _ = timeout(FAREWELL, other) => {}
                    // It would outlive the store.
                    () = health.closing() => {}
                }
            });
            Ok(answer)
        }
        Either::Left((Err(_), other)) | Either::Right((Err(_), other)) => other.await,
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use futures_util::FutureExt;
    use tokio::task::yield_now;
    use tokio::time::sleep;

    use super::*;
    use crate::error::Error;

    #[tokio::test]
    async fn a_read_without_an_answer_is_answered_by_the_other() {
        let answer = || future::ready(Ok(1)).boxed();
        let silence = || future::pending().boxed();
        let health = Arc::<Health>::default();
        for (first, second) in [(silence(), answer()), (answer(), silence())] {
            assert_eq!(either(first, second, health.clone()).await.unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn one_that_fails_leaves_it_to_the_other() {
        let slow = async {
            sleep(Duration::from_millis(20)).await;
            Ok("slow")
        };
        let broken = future::ready(Err(Error::connection("broken")));
        let answer = either(slow.boxed(), broken.boxed(), Arc::default()).await;
        assert_eq!(answer.unwrap(), "slow");
    }

    #[tokio::test]
    async fn the_slower_one_goes_on_for_a_while_and_ends_with_its_store() {
        let health = Arc::<Health>::default();
        let held = Arc::new(());
        let holding = held.clone();
        let silence = async move {
            future::pending::<()>().await;
            drop(holding);
            Ok(0)
        };
        let answer = future::ready(Ok(1));
        let answer = either(silence.boxed(), answer.boxed(), health.clone()).await;
        assert_eq!(answer.unwrap(), 1);
        yield_now().await;
        assert_eq!(Arc::strong_count(&held), 2);
        health.close();
        yield_now().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
